# SPDX-License-Identifier: MIT
"""Who is alive, and which of these an object names as its owner.

Objects name owners by tid or by pthread_t, as the process itself has them. A debugger that looks from another PID
namespace has other tids, so a thread is known by its descriptor: facts from glibc, not from the debugger.

A thread that clone() alone made has no descriptor of its own, and may have that of the thread that made it: whatever it
locks is locked in that one's name, so nobody can tell which of the two is the owner.
"""

from operator import attrgetter
from typing import Dict, Iterable, List, Optional, Sequence, Set

from ..read.descriptor import Descriptor
from ..read.glibc import Glibc
from ..read.threads import ENDING, ThreadInfo
from ..read.wait import JOIN, ONCE, Wait
from ..target.base import SystemCall, Target, TargetError, Thread
from ..target.procfs import runs_program
from .graph import GONE


class Owners:
    """`threads`: all that are alive, also those that the registry has given back but the kernel has not."""

    def __init__(self, target: Target, glibc: Glibc, infos: Iterable[ThreadInfo]):
        self._target = target
        self._glibc = glibc
        self.threads: List[ThreadInfo] = []
        self.by_tid: Dict[int, int] = {}  # in the process's own numbers
        self.by_pthread: Dict[int, int] = {}
        self.main: Optional[int] = None
        # tids and pthread_t of descriptors that several threads have
        self._shared: Set[int] = set()
        # threads of which it is not known which descriptor they have
        self._strangers: List[Thread] = []
        self._any_is_shared: Optional[bool] = None
        self._take(infos)

    def _take(self, infos: Iterable[ThreadInfo]) -> None:
        known = {each.kernel.tid: each for each in infos if each.kernel is not None}
        kernel = sorted(self._target.threads(), key=attrgetter("own_tid"))  # whoever reads them
        descriptors = self._own(kernel, self._descriptors(kernel))
        for thread in kernel:
            descriptor = descriptors.get(thread.tid)
            if descriptor is not None and descriptor.finished:
                continue  # a leader that left by pthread_exit: the kernel keeps a zombie of it
            info = known.get(thread.tid) or ThreadInfo(None, -1, None, thread, ENDING)
            number = len(self.threads)
            self.threads.append(info)
            own_tid = descriptor.tid if descriptor is not None else thread.own_tid
            self.by_tid[own_tid] = number
            if descriptor is not None:
                self.by_pthread[descriptor.pthread] = number
            if own_tid == self._target.own_pid():
                self.main = number

    def _own(self, kernel: List[Thread], found: Dict[int, Descriptor]) -> Dict[int, Descriptor]:
        """Without descriptors that are another thread's."""
        if self._target.moves or self._target.blurred:
            self._strangers = [each for each in kernel if each.tid not in found]
        if self._target.moves:
            return found
        threads: Dict[int, List[Thread]] = {}
        for thread in kernel:
            if thread.tid in found and not found[thread.tid].finished:
                threads.setdefault(found[thread.tid].pthread, []).append(thread)
        # where all numbers are those of another PID namespace, none is that of its descriptor
        own = {
            each.tid for each in kernel if each.tid in found and found[each.tid].tid == each.own_tid
        }
        for pthread, those in threads.items():
            if len(those) > 1 or (own and those[0].tid not in own):
                self._shared |= {pthread, found[those[0].tid].tid}
                for thread in those:
                    if thread.tid not in own:
                        del found[thread.tid]
        return found

    def _is_shared(self, wait: Wait) -> bool:
        """Whether another thread may have locked it in the name of its owner."""
        if wait.kind == JOIN:
            return False
        if wait.owner_tid in self._shared or wait.owner in self._shared:
            return True
        if self._any_is_shared is None:
            self._any_is_shared = bool(self._strangers) and self._are_there_still()
        return self._any_is_shared

    def _are_there_still(self) -> bool:
        """Whether a stranger is none that was just coming or going, or that the kernel works with."""
        pid = self._target.local_pid
        alive = {each.tid for each in Glibc(self._target).threads()}
        return any(
            each.own_tid not in alive and (pid is None or runs_program(pid, each.tid))
            for each in self._strangers
        )

    def _descriptors(self, kernel: List[Thread]) -> Dict[int, Descriptor]:
        """By the debugger's tid. Where its numbers are not those of the process, the registers tell."""
        listed = self._glibc.threads()
        by_tid = {each.tid: each for each in listed if each.tid > 0}
        leaders = [each for each in listed if each.finished and not each.start]
        found = {each.tid: by_tid[each.own_tid] for each in kernel if each.own_tid in by_tid}
        missing = [each for each in kernel if each.tid not in found]
        if missing and not self._target.moves:
            missing, found = kernel, {}
        for thread in missing:
            try:
                pthread = self._target.pthread_of(thread)
                if pthread is not None:
                    found[thread.tid] = self._glibc.descriptor(pthread)
            except (
                TargetError
            ):  # it has no descriptor, as after clone, or no registers, as a zombie
                if leaders and thread.own_tid == self._target.own_pid():
                    found[thread.tid] = leaders[0]
                elif thread.own_tid in by_tid:
                    found[thread.tid] = by_tid[thread.own_tid]
        return found

    def of_pthread(self, pthread: int) -> Optional[int]:
        return self.by_pthread.get(pthread)

    def of(self, wait: Wait) -> Optional[int]:
        """Number of the owner, or GONE, which is also who could wake a thread that libc has parked; None: it has none, or
        which one is not known."""
        if self._is_shared(wait):
            return None
        number: Optional[int] = None
        if wait.owner_tid is not None:
            number = self.by_tid.get(wait.owner_tid)
        if number is None and wait.owner is not None:
            number = self.by_pthread.get(wait.owner)
        if number is not None:
            return number
        if wait.kind in (JOIN, ONCE):
            return None  # whom it waits for has just finished
        return GONE if wait.owner_tid or wait.owner or wait.is_refused else None


class Tids:
    """Owners as far as tids and single descriptors tell, for a first pass over processes where nobody is stuck: glibc's
    lists take a read for each thread. An owner that it does not find may be there all the same.

    `calls`: one for each of target.threads(). A leader that left by pthread_exit is kept by the kernel, in no call.
    """

    def __init__(self, target: Target, glibc: Glibc, calls: Sequence[Optional[SystemCall]]):
        self._glibc = glibc
        leader = target.own_pid()
        self.by_tid = {thread.own_tid: number for number, thread in enumerate(target.threads())}
        if leader in self.by_tid and calls[self.by_tid[leader]] is None:
            del self.by_tid[leader]

    @staticmethod
    def are_told(target: Target) -> bool:
        """As the process itself has them. A debugger elsewhere may look from another PID namespace."""
        return target.kind == "core" or target.local_pid is not None

    def of_pthread(self, pthread: int) -> Optional[int]:
        if self._glibc.joined_at(self._glibc.join_word(pthread)) is None:
            return None
        try:
            return self.by_tid.get(self._glibc.descriptor(pthread).tid)
        except TargetError:
            return None
