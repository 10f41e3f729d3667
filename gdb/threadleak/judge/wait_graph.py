# SPDX-License-Identifier: MIT
"""The whole graph of who waits for whom, for people to look at: proven, doubtful and harmless edges alike."""

from typing import Dict, List, NamedTuple, Set

from ..read.threads import ThreadInfo
from .graph import Graph, graph
from .report import Report
from .stuck import search_of


class Cycle(NamedTuple):
    members: List[int]
    doubt: str  # why it proves nothing; "": it is proven


class WaitGraph(NamedTuple):
    threads: List[ThreadInfo]  # numbers are places in here
    seen: Graph
    cycles: List[Cycle]
    proven: Set[int]  # threads that are stuck
    inherited: Set[
        int
    ]  # threads whose owner in `seen` is main only if that forked with what they wait for

    def is_proven(self, number: int) -> bool:
        return number in self.proven


def wait_graph(report: Report) -> WaitGraph:
    """TargetError if there is no glibc whose layout is known."""
    search = search_of(report.look, report.stacks, report.sought.found.owners)
    threads = search.owners.threads
    tids = report.stuck.tids
    proven = {
        number
        for number, info in enumerate(threads)
        if info.kernel is not None and info.kernel.tid in tids
    }
    seen = graph(search.all_edges())
    doubts: Dict[int, str] = {}
    doubtful = [seen.edges[number] for number in sorted(seen.stuck - proven)]
    if doubtful:
        doubts = search.doubts(doubtful, search.program)
    cycles = [Cycle(each, _why(each, proven, doubts)) for each in seen.cycles]
    return WaitGraph(threads, seen, cycles, proven, search.inherited)


def _why(members: List[int], proven: Set[int], doubts: Dict[int, str]) -> str:
    if set(members) <= proven:
        return ""
    for each in members:
        if doubts.get(each):
            return f"it {doubts[each]}"
    return "the process went on while it was read"
