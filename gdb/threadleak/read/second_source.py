# SPDX-License-Identifier: MIT
"""What glibc's own lists say about the threads of a registry: the registry knows what the library has seen, and some
paths go past it (a library that looks up pthread_join behind preloaded ones, by dlsym(RTLD_NEXT)).

A record says finished and unjoined, and the descriptor says joined, detached, or is another thread's by now: then
somebody joined it unseen. That costs one read for each such record. glibc's list has a finished thread that has no
record: then its creation went unseen. That costs a read for each thread, so it is looked for only where some
thread that is alive went unseen too, or there are few.
"""

from typing import Dict, FrozenSet, List, Tuple

from ..target.base import Target, TargetError
from .descriptor import Descriptor
from .glibc import Glibc, glibc_of
from .model import Registry
from .threads import ALIVE, FINISHED, ThreadInfo, Threads
from .unregistered import Kinds, finished_state

FEW = 256  # threads whose descriptors are read unasked
_CLOSED = 1 << 63  # addresses beyond are the kernel's


def compared_with_glibc(threads: Threads, registry: Registry, target: Target) -> Threads:
    """The same where there is no glibc, or one whose layout is not known."""
    try:
        glibc = glibc_of(target)
    except TargetError:
        return threads
    infos, joined = _still_unjoined(threads.infos, registry, glibc)
    if any(info.untracked for info in infos) or len(infos) <= FEW:
        _describe(infos, glibc)
        infos = infos + _unrecorded(infos, glibc, target)
    return threads._replace(infos=infos, joined_unseen=joined)


def _still_unjoined(
    infos: List[ThreadInfo], registry: Registry, glibc: Glibc
) -> Tuple[List[ThreadInfo], FrozenSet[Tuple[int, str]]]:
    """Without those that are joined, and the keys of these, but for those whose join the library sees: it is about to
    return."""
    columns = {copy.number: copy.records.column("pthread") for copy in registry.copies}
    latest: Dict[int, int] = {}  # pthread_t -> index of the youngest record that has it
    for column in columns.values() if len(columns) == 1 else ():
        latest = dict(zip(column, range(len(column))))
    finished: List[ThreadInfo] = []
    pthreads: List[int] = []
    for info in infos:
        if info.state == FINISHED and info.copy is not None and info.kind is not None:
            pthread = columns[info.copy.number][info.index]
            if 0 < pthread < _CLOSED:
                finished.append(info)
                pthreads.append(pthread)
    joined = set()
    for info, pthread, start in zip(finished, pthreads, glibc.unjoined_starts(pthreads)):
        # threads begin in the library, but for those whose creation it did not see
        is_other = start == 0 or (info.kind is not None and start == info.kind.start)
        if is_other or latest.get(pthread, info.index) != info.index:
            joined.add(info)
    if not joined:
        return infos, frozenset()
    unseen = [info.key for info in joined if info.record is None or not info.record.join_begun_ns]
    return [info for info in infos if info not in joined], frozenset(filter(None, unseen))


def _describe(infos: List[ThreadInfo], glibc: Glibc) -> None:
    """Gives their descriptors to those that the registry does not have."""
    by_tid: Dict[int, Descriptor] = {}
    kinds = Kinds()
    for info in infos:
        if info.untracked and info.kernel is not None and info.state == ALIVE:
            by_tid = by_tid or {each.tid: each for each in glibc.threads() if not each.finished}
            info.descriptor = by_tid.get(info.kernel.own_tid)
            if info.descriptor is not None:
                info.kind = kinds.of(info.descriptor)


def _unrecorded(infos: List[ThreadInfo], glibc: Glibc, target: Target) -> List[ThreadInfo]:
    """Finished threads that were not joined, and that no record is of."""
    # not those of records whose threads are joined: their stacks are used again
    known = {info.pthread for info in infos if info.copy is not None}
    kinds = Kinds()
    found = []
    for each in glibc.threads():
        if not each.finished or each.start == 0 or each.pthread in known:
            continue
        state = finished_state(target, each)
        if state is not None:
            info = ThreadInfo(None, -1, kinds.of(each), None, state, descriptor=each)
            info.untracked = True
            found.append(info)
    return found
