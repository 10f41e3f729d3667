# SPDX-License-Identifier: MIT
"""Who waits for whom. Pure: threads are numbers here, and what makes an edge a proof is decided in stuck.py.

A thread waits for one object at a time, and such an object has one owner, so that from each thread at most one edge
leads on: following it ends in a cycle, at an owner that is gone, or at a thread that waits for nobody.
"""

from typing import Dict, Iterable, List, NamedTuple, Set

from ..read.wait import Wait

GONE = -1  # the owner: no thread that is alive


class Edge(NamedTuple):
    waiter: int
    owner: int  # or GONE
    wait: Wait


class Graph(NamedTuple):
    edges: Dict[int, Edge]  # by the thread that waits
    cycles: List[
        List[int]
    ]  # each in the order of the waits, from its smallest number on; one alone waits for itself
    gone: List[int]  # the threads whose object's owner is gone
    chains: Dict[
        int, int
    ]  # other threads that cannot go on -> the first on their way that is in `cycles` or `gone`

    @property
    def stuck(self) -> Set[int]:
        """All that cannot go on."""
        return {*self.gone, *self.chains, *(each for cycle in self.cycles for each in cycle)}

    def waiters(self) -> Dict[int, List[int]]:
        """Thread -> those that wait for it."""
        found: Dict[int, List[int]] = {}
        for edge in self.edges.values():
            if edge.owner != GONE:
                found.setdefault(edge.owner, []).append(edge.waiter)
        return found


def graph(edges: Iterable[Edge]) -> Graph:
    """One edge a waiter; linear."""
    by_waiter = {edge.waiter: edge for edge in edges}
    ends: Dict[
        int, int
    ] = {}  # thread -> where its way ends: as in `chains`, or GONE for one that may go on
    cycles: List[List[int]] = []
    gone: List[int] = []
    for first in by_waiter:
        path: Dict[int, int] = {}  # thread -> its place
        at = first
        while at in by_waiter and at not in ends and at not in path:
            path[at] = len(path)
            at = by_waiter[at].owner
        members = list(path)
        end = ends.get(at, GONE)
        if at in path:
            cycle = members[path[at] :]
            cycles.append(_from_smallest(cycle))
            ends.update((each, each) for each in cycle)
            members, end = members[: path[at]], at
        elif at == GONE and members:
            gone.append(members[-1])
            end = members[-1]
        ends.update((each, end) for each in members)
    chains = {each: end for each, end in ends.items() if end not in (GONE, each)}
    return Graph(by_waiter, sorted(cycles), sorted(gone), chains)


def _from_smallest(cycle: List[int]) -> List[int]:
    at = cycle.index(min(cycle))
    return cycle[at:] + cycle[:at]
