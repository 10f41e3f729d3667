# SPDX-License-Identifier: MIT
"""Who is alive, and which of these an object names as its owner.

Objects name owners by tid or by pthread_t, as the process itself has them. A debugger that looks from another PID
namespace has other tids, so a thread is known by its descriptor: facts from glibc, not from the debugger.
"""

from operator import attrgetter
from typing import Dict, Iterable, List, Optional, Sequence

from ..read.descriptor import Descriptor
from ..read.glibc import Glibc
from ..read.threads import ENDING, ThreadInfo
from ..read.wait import JOIN, ONCE, Wait
from ..target.base import SystemCall, Target, TargetError, Thread
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
        self._take(infos)

    def _take(self, infos: Iterable[ThreadInfo]) -> None:
        known = {each.kernel.tid: each for each in infos if each.kernel is not None}
        kernel = sorted(self._target.threads(), key=attrgetter("own_tid"))  # whoever reads them
        descriptors = self._descriptors(kernel)
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
        """Number of the owner, or GONE; None: it has none, or which one is not known."""
        number: Optional[int] = None
        if wait.owner_tid is not None:
            number = self.by_tid.get(wait.owner_tid)
        if number is None and wait.owner is not None:
            number = self.by_pthread.get(wait.owner)
        if number is not None:
            return number
        if wait.kind in (JOIN, ONCE):
            return None  # whom it waits for has just finished
        return GONE if wait.owner_tid or wait.owner else None


class Tids:
    """Owners as far as tids and single descriptors tell, for a first pass over processes where nobody is stuck: glibc's
    lists take a read for each thread. An owner that it does not find may be there all the same.

    `calls`: one for each of target.threads(). A leader that left by pthread_exit is kept by the kernel, in no call.
    """

    def __init__(self, target: Target, glibc: Glibc, calls: Sequence[Optional[SystemCall]]):
        self._glibc = glibc
        leader = target.own_pid()
        self.by_tid = {
            thread.own_tid: number
            for number, (thread, call) in enumerate(zip(target.threads(), calls))
            if thread.own_tid != leader or call is not None
        }

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
