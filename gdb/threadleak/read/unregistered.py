# SPDX-License-Identifier: MIT
"""The threads of a process without a registry: glibc's lists + the kernel's threads.

glibc names what is alive by the tid that the process itself sees; where a core's numbers are those of another PID
namespace, by the thread pointer. Threads that the kernel has and glibc has not were made by clone() alone.
"""

from typing import Dict, List, Optional, Tuple

from ..target.base import Target, TargetError, Thread
from . import abi
from .descriptor import Descriptor
from .glibc import Glibc
from .records import Kind
from .threads import ALIVE, FINISHED, ThreadInfo, Threads

OTHER_PROCESS = (
    "glibc's lists of threads are not this process's own: a child made by vfork, _Fork or clone has a copy of"
    " its parent's, which says nothing about its own threads"
)


class Kinds:
    """One object for threads that have all in common, as those of a registry do."""

    def __init__(self) -> None:
        self._known: Dict[Tuple[int, int], Kind] = {}

    def of(self, descriptor: Descriptor) -> Kind:
        state = abi.STARTED | (abi.DETACHED if descriptor.detached else 0)
        key = (state | (abi.FINISHED if descriptor.finished else 0), descriptor.start)
        if key not in self._known:
            self._known[key] = Kind(key[0], 0, 0, descriptor.start, 0, 0)
        return self._known[key]


def threads_of(glibc: Glibc, target: Target) -> Threads:
    """TargetError if there is no list of the kernel's threads, or glibc's are those of another process."""
    kernel = target.threads()
    if not kernel:
        raise TargetError("the target has no threads to compare glibc's lists with")
    descriptors = glibc.threads()
    owners = _owners(target, kernel, descriptors)
    main = _main(target, kernel)
    main_finished = False
    infos: List[ThreadInfo] = []
    strangers = []
    claimed = set()
    kinds = Kinds()
    for each in reversed(descriptors):  # the newest come first in glibc's lists
        thread = owners.get(each.pthread)
        if thread is not None:
            claimed.add(thread.tid)
            is_main = thread is main
            kind = None if is_main else kinds.of(each)
            infos.append(ThreadInfo(None, -1, kind, thread, ALIVE, is_main, each))
        elif not each.finished:
            strangers.append((each.pthread, each.tid))
        elif each.start == 0:
            main_finished = True
        else:
            state = finished_state(target, each)
            if state is not None:
                infos.append(ThreadInfo(None, -1, kinds.of(each), None, state, descriptor=each))
    if not claimed:
        raise TargetError(OTHER_PROCESS)
    for thread in kernel:
        if thread.tid not in claimed and not (main_finished and thread is main):
            infos.append(ThreadInfo(None, -1, None, thread, ALIVE, thread is main))
    return Threads(infos, [], 0, main_finished, glibc.breaks_off, frozenset(strangers))


def finished_state(target: Target, descriptor: Descriptor) -> Optional[str]:
    """None: glibc's word for it does not tell a thread that ended by a raw system call from one that is being
    created, and one look cannot tell either."""
    if descriptor.end_seen or target.moves:
        return FINISHED
    return None


def _main(target: Target, kernel: List[Thread]) -> Optional[Thread]:
    own_pid = target.own_pid()
    return next((each for each in kernel if own_pid in (each.own_tid, each.tid)), None)


def _owners(
    target: Target, kernel: List[Thread], descriptors: List[Descriptor]
) -> Dict[int, Thread]:
    """pthread_t of those that are alive -> the kernel's thread."""
    by_tid = {thread.own_tid: thread for thread in kernel}
    alive = [each for each in descriptors if not each.finished]
    owners = {each.pthread: by_tid[each.tid] for each in alive if each.tid in by_tid}
    if len(owners) == len(alive) or target.moves:
        return owners
    # numbers of another PID namespace
    by_pthread: Dict[int, Thread] = {}
    for thread in kernel:
        try:
            pthread = target.pthread_of(thread)
        except TargetError:
            continue
        if pthread:
            by_pthread[pthread] = thread
    return {each.pthread: by_pthread[each.pthread] for each in alive if each.pthread in by_pthread}
