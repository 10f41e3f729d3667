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
from ..read.wait import Wait
from ..target import procfs
from ..target.base import Target, Thread
from ..target.forked import is_fork_child
from ..target.imports import may_import
from .doubts import Program, doubt
from .graph import GONE, Edge, Graph, graph
from .owners import Owners
from .suspects import Suspects, one_a_word

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

    @property
    def tids(self) -> Dict[int, int]:
        """Tid, as the target numbers it, -> number of each thread that is stuck."""
        found = {}
        for number in self.proven.stuck:
            kernel = self.threads[number].kernel
            if kernel is not None:
                found[kernel.tid] = number
        return found


NONE = Deadlocks([], graph([]))


class Search:
    def __init__(
        self,
        target: Target,
        glibc: Glibc,
        waits: WaitsReader,
        infos: Sequence[ThreadInfo],
        registry: Optional[Registry] = None,
    ):
        self._target = target
        self._waits = waits
        self._registry = registry
        self._glibc = glibc
        self.owners = Owners(target, glibc, infos)
        self._program: Optional[Program] = None
        self._heir: Optional[int] = None
        self._knows_heir = False

    def run(self) -> Deadlocks:
        for _ in range(TRIES if self._target.moves else 1):
            edges = self._edges()
            found = graph(edges)
            if not self._target.moves or not found.stuck:
                break
            steady = [edge for edge in edges if edge.waiter in self._steady]
            if len(steady) == len(edges):
                break
            found = graph(steady)
            if found.stuck:
                break
        return Deadlocks(self.owners.threads, found)

    # ---- edges -----------------------------------------------------------------------------------

    def _edges(self) -> List[Edge]:
        """Of those that could be stuck, as far as they are proofs."""
        calls = self._target.system_calls(
            [_kernel(info) for info in self.owners.threads], again=self._target.moves
        )
        suspects = Suspects(self._target, self._glibc, self.owners).find(calls)
        suspects = self._with_owned_objects(suspects)
        numbers = sorted(suspects)
        if not self._target.moves:
            return self._sound(numbers, self._read(numbers, False))
        ran = self._times_run(numbers)
        first = self._read(numbers, True)
        edges = self._sound(numbers, first)
        stuck = graph(edges).stuck
        self._steady = self._unmoved(sorted(stuck), dict(zip(numbers, first)), ran, edges)
        return [edge for edge in edges if edge.waiter in stuck]

    def _with_owned_objects(self, suspects: Dict[int, int]) -> Dict[int, int]:
        """Only those that wait for an object of a kind that has owners: one thread tells for all at its word."""
        samples = list(one_a_word(suspects))
        if len(samples) == len(suspects):
            return suspects
        waits = self._read(samples, False)
        words = {
            suspects[number]
            for number, wait in zip(samples, waits)
            if wait is not None and self.owners.of(wait) is not None
        }
        return {number: word for number, word in suspects.items() if word in words}

    def _read(self, numbers: Sequence[int], again: bool) -> List[Optional[Wait]]:
        infos = [self.owners.threads[each] for each in numbers]
        if not infos:
            return []
        return self._waits.again(infos) if again else self._waits.of(infos)

    def _sound(self, numbers: Iterable[int], waits: Iterable[Optional[Wait]]) -> List[Edge]:
        edges = [
            edge
            for number, wait in zip(numbers, waits)
            if wait is not None
            for edge in self._edge(number, wait)
        ]
        if not graph(edges).stuck:
            return []  # and nothing has to be known of the program
        return [edge for edge in edges if not doubt(edge, self.program)]

    def _edge(self, number: int, wait: Wait) -> Iterable[Edge]:
        owner = self.owners.of(wait)
        if owner is None:
            return
        heir = self._fork_heir() if owner == GONE else None
        yield Edge(number, owner if heir is None or heir == number else heir, wait)

    # ---- the program -----------------------------------------------------------------------------

    @property
    def program(self) -> Program:
        if self._program is None:
            files = self._target.files()
            cancels = any(_imports(path, id, "pthread_cancel") for path, id in files.items())
            at_once = cancels and any(
                _imports(path, id, "pthread_setcanceltype") for path, id in files.items()
            )
            self._program = Program(cancels or not files, at_once or not files)
        return self._program

    def _fork_heir(self) -> Optional[int]:
        """In a fork child the thread that forked goes on as the main thread, with a new tid: what it had locked
        is still its own, although the tid in there is nobody's. Which tid that was, nothing tells."""
        if not self._knows_heir:
            self._knows_heir = True
            headers = [copy.header for copy in self._registry.copies] if self._registry else []
            forked = any(header.flags & abi.FORK_CHILD for header in headers)
            if not headers:
                forked = is_fork_child(self._target) is not False
            self._heir = self.owners.main if forked else None
        return self._heir

    # ---- of a process that runs on ---------------------------------------------------------------

    def _times_run(self, numbers: Iterable[int]) -> Dict[int, Optional[int]]:
        pid = self._target.local_pid
        threads = {each: _kernel(self.owners.threads[each]) for each in numbers}
        if pid is None:
            return dict.fromkeys(threads)
        return {each: procfs.times_run(pid, thread.tid) for each, thread in threads.items()}

    def _unmoved(
        self,
        numbers: Sequence[int],
        first: Dict[int, Optional[Wait]],
        ran: Dict[int, Optional[int]],
        edges: Iterable[Edge],
    ) -> Set[int]:
        """Those of which a second read says the same, and that did not run meanwhile."""
        if not numbers:
            return set()
        there = set(procfs.own_tids(self._target.local_pid or 0))
        second = self._read(numbers, True)
        still = self._times_run(numbers)
        gone = {edge.waiter for edge in edges if edge.owner == GONE}
        return {
            number
            for number, wait in zip(numbers, second)
            if wait is not None
            and wait == first[number]
            and ran[number] is not None
            and ran[number] == still[number]
            and not (number in gone and self._is_there(wait, there))
        }

    def _is_there(self, wait: Wait, there: Set[int]) -> bool:
        """The owner after all: it came after the threads were listed. A tid is looked for among those that were
        there between the two reads; a pthread_t in glibc's lists as they are now."""
        if wait.owner_tid:
            return not there or wait.owner_tid in there
        fresh = Glibc(self._target)
        alive = {each.pthread for each in fresh.threads() if not each.finished}
        return fresh.breaks_off is not None or wait.owner in alive


def _kernel(info: ThreadInfo) -> Thread:
    assert info.kernel is not None
    return info.kernel


def _imports(path: str, build_id: Optional[str], name: str) -> bool:
    """Also if the file that is there now is not the one that was mapped."""
    return not build_id or may_import(path, name)
