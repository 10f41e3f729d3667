# SPDX-License-Identifier: MIT
"""Looks for threads that nothing can wake: deadlocks, locks whose owner is gone, and whoever hangs on those.

A target that stands still is of one moment. In a process that runs on, a look is smeared: locks change hands while
it is taken, so that cycles seem to be there that never were. So there it is believed only of threads that the kernel
did not let run from before the first of two equal reads until after the second: they waited for the same all the
while, and what they own they owned all the while, so that all of it held at one moment.
"""

from typing import Callable, Dict, Iterable, List, NamedTuple, Optional, Protocol, Sequence, Set

from ..read import abi
from ..read.glibc import Glibc
from ..read.model import Registry
from ..read.threads import ThreadInfo
from ..read.wait import MUTEX, RWLOCK_READ, RWLOCK_WRITE, Wait
from ..target.base import Target, Thread
from ..target.forked import is_fork_child
from ..target.procfs import own_tids, times_run
from .doubts import Program, doubt
from .graph import GONE, Edge, Graph, graph
from .owners import Owners
from .shared_memory import is_shared
from .suspects import Suspects, one_a_word

CANCEL, SET_TYPE = "pthread_cancel", "pthread_setcanceltype"
_OWNED_BY_TID = (MUTEX, RWLOCK_READ, RWLOCK_WRITE)
TRIES = 3  # of a look at a process that runs on, if what it finds does not stay so


class WaitsReader(Protocol):
    """read/waits.py"""

    def of(self, infos: Sequence[ThreadInfo]) -> List[Optional[Wait]]:
        ...

    def again(self, infos: Sequence[ThreadInfo]) -> List[Optional[Wait]]:
        ...


class Deadlocks(NamedTuple):
    """Numbers in `proven` are places in `threads`."""

    threads: List[ThreadInfo]
    proven: Graph
    owners: Optional[Owners] = None  # of these threads; None: nobody looked

    @property
    def tids(self) -> Dict[int, int]:
        """Tid, as the target numbers it, -> number of each thread that is stuck."""
        found = {}
        for number in self.proven.stuck:
            kernel = self.threads[number].kernel
            if kernel is not None:
                found[kernel.tid] = number
        return found


class Search:
    def __init__(
        self,
        target: Target,
        glibc: Glibc,
        new_waits: Callable[[], WaitsReader],
        infos: Sequence[ThreadInfo],
        registry: Optional[Registry] = None,
        owners: Optional[Owners] = None,
    ):
        """`owners`: of an earlier search of the same look."""
        self._target = target
        self._new_waits = new_waits
        self._waits = new_waits()
        self._registry = registry
        self._glibc = glibc
        self.owners = owners or Owners(target, glibc, infos)
        self._program: Optional[Program] = None
        self._is_fork_child: Optional[bool] = None
        self.inherited: Set[int] = set()  # waiters whose owner is main only if that forked with it

    def run(self) -> Deadlocks:
        found = graph([])
        for attempt in range(TRIES if self._target.moves else 1):
            if attempt:
                self._waits = self._new_waits()
            calls = self._target.system_calls(list(map(_kernel, self.owners.threads)), attempt > 0)
            numbers = self._with_owned_objects(
                Suspects(self._target, self._glibc, self.owners).find(calls)
            )
            waits = dict(zip(numbers, self._read(numbers, False)))
            seen = graph(self._edges(waits))
            found = self._steady(seen) if self._target.moves and seen.stuck else seen
            if found.stuck == seen.stuck:
                break
        return Deadlocks(self.owners.threads, found, self.owners)

    def _with_owned_objects(self, suspects: Dict[int, int]) -> List[int]:
        """Only those that wait for an object of a kind that has owners: one thread tells for all at its word."""
        samples = list(one_a_word(suspects))
        waits = self._read(samples, False) if len(samples) < len(suspects) else []
        others = {
            suspects[number]
            for number, wait in zip(samples, waits)
            if wait is None or self.owners.of(wait) is None
        }
        return sorted(number for number, word in suspects.items() if word not in others)

    def _read(self, numbers: Sequence[int], again: bool) -> List[Optional[Wait]]:
        infos = [self.owners.threads[each] for each in numbers]
        if not infos:
            return []
        return self._waits.again(infos) if again else self._waits.of(infos)

    def all_edges(self) -> List[Edge]:
        """For people to look at: also those that prove nothing."""
        waits = self._read(range(len(self.owners.threads)), False)
        return [
            Edge(number, owner, wait)
            for number, wait in enumerate(waits)
            if wait is not None
            for owner in [self._owner(number, wait)]
            if owner is not None
        ]

    # ---- edges -----------------------------------------------------------------------------------

    def _edges(self, waits: Dict[int, Optional[Wait]]) -> List[Edge]:
        """Those that are proofs, unless `program` has something untold, or its memory is shared."""
        edges = []
        for number, wait in waits.items():
            owner = self._owner(number, wait) if wait is not None else None
            if wait is not None and owner is not None:
                edges.append(Edge(number, owner, wait))
        if not graph(edges).stuck:
            return []  # and nothing has to be known of the program
        doubts = self.doubts(edges, self._own_program()._replace(untold=""))
        return [edge for edge in edges if not doubts[edge.waiter]]

    def doubts(self, edges: Sequence[Edge], program: Program) -> Dict[int, str]:
        """By waiter: why it is no proof; "" if it is one."""
        return {each.waiter: doubt(each, program) or self._doubt_of_fork(each) for each in edges}

    def _owner(self, waiter: int, wait: Wait) -> Optional[int]:
        owner = self.owners.of(wait)
        if owner != GONE or wait.is_refused:
            return owner
        heir = self._heir(waiter)
        if heir != GONE:
            self.inherited.add(waiter)
        return heir

    def _heir(self, waiter: int) -> int:
        """Who may have inherited what belongs to nobody. In a fork child the thread that forked goes on as the main
        thread, with a new tid: what it had locked is still its own, and which tid it had, nothing tells.
        """
        heir = self.owners.main
        return heir if heir is not None and heir != waiter and self.is_fork_child else GONE

    def _doubt_of_fork(self, edge: Edge) -> str:
        """That tid may be another thread's by now: of one that has a lower one than main, or in a PID namespace that
        began with main, it may be older than main."""
        tid, main = edge.wait.owner_tid, self._target.own_pid()
        may_be_again = tid is not None and (tid < main or main == 1)
        if (
            not may_be_again
            or edge.wait.kind not in _OWNED_BY_TID
            or edge.owner in (GONE, self.owners.main)
            or edge.waiter == self.owners.main
            or not self.is_fork_child
        ):
            return ""
        return (
            "waits for what main may hold: the thread that forked may have had the tid of the owner"
        )

    @property
    def is_fork_child(self) -> bool:
        """Also if that cannot be told."""
        if self._is_fork_child is None:
            headers = [copy.header for copy in self._registry.copies] if self._registry else []
            self._is_fork_child = any(header.flags & abi.FORK_CHILD for header in headers)
            if not headers:
                self._is_fork_child = is_fork_child(self._target) is not False
        return self._is_fork_child

    def _own_program(self) -> Program:
        if self._program is None:
            seen = self._target.imports((CANCEL, SET_TYPE))
            cancels = CANCEL in seen.names
            self._program = Program(cancels, cancels and SET_TYPE in seen.names, seen.untold)
        return self._program

    @property
    def program(self) -> Program:
        """Whether its memory is shared: now."""
        kernel = list(map(_kernel, self.owners.threads))
        return self._own_program()._replace(is_shared=is_shared(self._target, kernel))

    # ---- of a process that runs on ---------------------------------------------------------------

    def _steady(self, seen: Graph) -> Graph:
        """What two further reads say, too, between which its threads did not run."""
        numbers = sorted(seen.stuck)
        ran = self._times_run(numbers)
        first = dict(zip(numbers, self._read(numbers, True)))
        edges = self._edges(first)
        there = own_tids(self._target.local_pid or 0)
        second = dict(zip(numbers, self._read(numbers, True)))
        again = self._times_run(numbers)
        kept = [
            edge
            for edge in edges
            if edge.wait == second[edge.waiter]
            and ran[edge.waiter] is not None
            and ran[edge.waiter] == again[edge.waiter]
            and not (edge.owner == GONE and self._is_there(edge.wait, there))
        ]
        return graph(kept)

    def _times_run(self, numbers: Iterable[int]) -> Dict[int, Optional[int]]:
        pid = self._target.local_pid
        tids = {each: _kernel(self.owners.threads[each]).tid for each in numbers}
        return {each: None if pid is None else times_run(pid, tid) for each, tid in tids.items()}

    def _is_there(self, wait: Wait, there: Sequence[int]) -> bool:
        """The owner after all: it came after the threads were listed. A tid is looked for among those that were
        there between the two reads; a pthread_t in glibc's lists as they are now."""
        if wait.is_refused:
            return False
        if wait.owner_tid:
            return not there or wait.owner_tid in there
        fresh = Glibc(self._target)
        alive = {each.pthread for each in fresh.threads() if not each.finished}
        return fresh.breaks_off is not None or wait.owner in alive


def _kernel(info: ThreadInfo) -> Thread:
    assert info.kernel is not None
    return info.kernel
