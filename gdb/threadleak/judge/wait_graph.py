# SPDX-License-Identifier: MIT
"""The whole graph of who waits for whom, for people to look at: proven, doubtful and harmless edges alike."""

from typing import Dict, List, NamedTuple

from ..read.glibc import glibc_of
from ..read.threads import ThreadInfo
from ..read.waits import Waits
from .deadlocks import Search
from .doubts import doubt
from .graph import Edge, Graph, graph
from .report import Report


class Cycle(NamedTuple):
    members: List[int]
    doubt: str  # why it proves nothing; "": it is proven


class WaitGraph(NamedTuple):
    threads: List[ThreadInfo]  # numbers are places in here
    seen: Graph
    cycles: List[Cycle]
    proven: Dict[int, Edge]
    doubts: Dict[int, str]  # of edges in cycles, or to nobody, that prove nothing: why

    def is_proven(self, number: int) -> bool:
        return number in self.proven


def wait_graph(report: Report) -> WaitGraph:
    """TargetError if there is no glibc whose layout is known."""
    target, look = report.target, report.look
    glibc = glibc_of(target)
    infos = look.threads.infos if look.others is None else look.others
    search = Search(
        target,
        glibc,
        lambda: Waits(target, report.stacks, glibc),
        infos,
        look.registry,
        report.sought.found.owners,
    )
    threads = search.owners.threads
    tids = report.stuck.tids
    proven = {
        number
        for number, info in enumerate(threads)
        if info.kernel is not None and info.kernel.tid in tids
    }
    seen = graph(search.all_edges())
    doubts: Dict[int, str] = {}
    for number in sorted(seen.stuck - proven):
        why = doubt(seen.edges[number], search.program)
        if why:
            doubts[number] = why
    return WaitGraph(
        threads,
        seen,
        [Cycle(each, _why(each, proven, doubts)) for each in seen.cycles],
        {number: seen.edges[number] for number in proven if number in seen.edges},
        doubts,
    )


def _why(members: List[int], proven: "set[int]", doubts: Dict[int, str]) -> str:
    if set(members) <= proven:
        return ""
    for each in members:
        if each in doubts:
            return f"it {doubts[each]}"
    return "the process went on while it was read"
