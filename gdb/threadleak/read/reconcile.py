# SPDX-License-Identifier: MIT
"""Registry + the kernel's threads -> one list: who is alive, who finished, whom nobody registered.

Records and kernel threads meet by tid, as the process itself sees it. Tids are reused and a record may be
older than the thread that has its tid now; the pthread_t (the fs base) and two words that belong to the
thread (its tid in the descriptor, the library's own word in TLS) decide then, at the price of registers.
"""

from operator import attrgetter
from typing import Dict, List, Optional, Set

from ..target.base import Target, TargetError, Thread
from . import abi
from .model import Copy, Registry
from .records import Kind
from .threads import ALIVE, ENDING, FINISHED, STARTING, ThreadInfo, Threads

REGISTERS_MAX = 64  # threads whose registers are read to find out whose they are
GIVEN_BACK = 1  # see self_offset in threadleak_abi.h
_FORGOTTEN = abi.JOINED | abi.DETACHED  # once such a thread has finished
_OVER = abi.JOINED | abi.FINISHED
_MAIN, _STARTED = (
    abi.MAIN,
    abi.STARTED,
)  # a module's names cost time: there are ten thousand records


def reconcile(registry: Registry, target: Target) -> Threads:
    """TargetError if the registry is a copy of another process's, or there is no list of threads."""
    kernel = target.threads()
    if not kernel:
        raise TargetError("the target has no threads to compare the registry with")
    return _Reconciler(registry, target, kernel).run()


def of_parent(pid: int, own_pid: int) -> TargetError:
    """Where a registry says that it is another process's."""
    return TargetError(
        f"the registry is that of process {pid}, and this is process {own_pid}: a child made by vfork, _Fork"
        " or clone has a copy of its parent's, which says nothing about its own threads"
    )


class _Reconciler:
    def __init__(self, registry: Registry, target: Target, kernel: List[Thread]):
        self.registry = registry
        self.target = target
        self.kernel = kernel
        self.by_tid: Dict[int, Thread] = {}  # those that no record has claimed yet
        self.unmapped: List[Thread] = []  # those whose own tid is not known
        self.pthreads: Dict[int, Optional[int]] = {}
        self.infos: List[ThreadInfo] = []
        self.detached_gone: List[ThreadInfo] = []
        self.detached_ending = 0
        # the first copy that knows it: several see one thread
        self.seen_pthreads: Dict[int, int] = {}

    def run(self) -> Threads:
        self._map_tids()
        for copy in self.registry.copies:
            self._copy(copy)
        self._unclaimed()
        return Threads(self.infos, self.detached_gone, self.detached_ending)

    def _map_tids(self) -> None:
        """own tid -> thread, or an error if the registry is not this process's own."""
        own_pid = self.target.own_pid()
        header = self.registry.copies[0].header
        if own_pid == header.pid:
            self.by_tid = dict(zip(map(attrgetter("own_tid"), self.kernel), self.kernel))
            return
        if self._same_process_elsewhere(header):
            return
        raise of_parent(header.pid, own_pid)

    def _same_process_elsewhere(self, header: abi.Header) -> bool:
        """Whether the debugger sees the process from another PID namespace, so that all numbers differ.
        glibc keeps each thread's own tid in its descriptor. A child made by clone alone has its parent's
        descriptor, but one thread only."""
        if self.target.kind != "core" or not header.tid_offset:
            return False
        for thread in self.kernel:
            tid = self._word(thread, header.tid_offset, 4)
            if tid and tid not in self.by_tid:
                self.by_tid[tid] = thread
            else:
                self.unmapped.append(thread)
        return len(self.by_tid) > 1 and header.pid in self.by_tid

    def _pthread(self, thread: Thread) -> Optional[int]:
        if thread.tid not in self.pthreads:
            try:
                self.pthreads[thread.tid] = self.target.pthread_of(thread)
            except TargetError:
                self.pthreads[thread.tid] = None
        return self.pthreads[thread.tid]

    def _word(self, thread: Thread, offset: int, size: int) -> Optional[int]:
        pthread = self._pthread(thread)
        return None if pthread is None else self._peek(pthread + offset, size)

    def _peek(self, address: int, size: int) -> Optional[int]:
        try:
            return int.from_bytes(self.target.read(address, size), "little")
        except TargetError:
            return None

    def _copy(self, copy: Copy) -> None:
        """The threads of a copy's records, in the order of their ids."""
        kinds, tids = copy.records.kinds(), copy.records.column("tid")
        infos, by_tid, others = self.infos, self.by_tid, self._seen_by_others(copy)
        gone: Dict[int, List[int]] = {}  # tid that no thread has, or an earlier record's -> records
        finished: List[int] = []
        first = len(infos)
        for index, (kind, tid) in enumerate(zip(kinds, tids)):
            state = kind.state
            if index in others:
                continue
            if state & _MAIN:
                self._main(copy, index, kind)
            elif state & _OVER:
                if tid in by_tid:
                    finished.append(index)
                elif not state & _FORGOTTEN:
                    infos.append(ThreadInfo(copy, index, kind, None, FINISHED))
            elif not (state & _STARTED and tid):
                infos.append(ThreadInfo(copy, index, kind, None, STARTING))
            elif tid in by_tid:
                infos.append(ThreadInfo(copy, index, kind, by_tid.pop(tid), ALIVE))
            else:
                gone.setdefault(tid, []).append(index)
        if gone:
            self._gone(copy, kinds, gone, infos[first:])
        for index in finished:
            self._finished(copy, index, kinds[index], tids[index])
        infos[first:] = sorted(infos[first:], key=attrgetter("index"))

    def _seen_by_others(self, copy: Copy) -> Set[int]:
        """Indices of records whose thread an earlier copy knows too."""
        found: Set[int] = set()
        if len(self.registry.copies) > 1:
            for index, pthread in enumerate(copy.records.column("pthread")):
                first = self.seen_pthreads.setdefault(pthread, copy.number) if pthread else 0
                if first and first != copy.number:
                    found.add(index)
        return found

    def _main(self, copy: Copy, index: int, kind: Kind) -> None:
        if kind.state & abi.FINISHED:
            return  # it called pthread_exit; the kernel may keep a zombie of it, which is no thread
        thread = self.by_tid.pop(copy.header.pid, None)
        if thread is not None:
            self.infos.append(ThreadInfo(copy, index, kind, thread, ALIVE, is_main=True))

    def _gone(
        self, copy: Copy, kinds: List[Kind], gone: Dict[int, List[int]], infos: List[ThreadInfo]
    ) -> None:
        """Records that say of themselves to be running threads that are not there, or that others took."""
        tids, pthreads = copy.records.column("tid"), copy.records.column("pthread")
        takers = {tids[info.index]: info for info in infos if info.state == ALIVE}
        for tid, indices in gone.items():
            taker = takers.get(tid)
            if taker is not None and taker.kernel is not None and not taker.is_main:
                rivals = [taker.index, *indices]
                pthread = self._pthread(taker.kernel)
                owner = max([each for each in rivals if pthreads[each] == pthread] or rivals)
                taker.index, taker.kind = owner, kinds[owner]
                indices = [each for each in rivals if each != owner]
            for index in indices:
                is_detached = kinds[index].state & abi.DETACHED
                found = self.detached_gone if is_detached else self.infos
                found.append(ThreadInfo(copy, index, kinds[index], None, FINISHED))

    def _finished(self, copy: Copy, index: int, kind: Kind, tid: int) -> None:
        """Its end was seen. The kernel may have it a moment longer, or a new thread with its tid."""
        kept = not kind.state & _FORGOTTEN
        thread = self.by_tid.get(tid)
        if thread is None or not self._is_ending(copy, index, tid, thread):
            if kept:
                self.infos.append(ThreadInfo(copy, index, kind, None, FINISHED))
            return
        del self.by_tid[tid]
        if kept:
            self.infos.append(ThreadInfo(copy, index, kind, thread, ENDING))
        else:
            self.detached_ending += 1

    def _is_ending(self, copy: Copy, index: int, tid: int, thread: Thread) -> bool:
        """Whether the kernel's thread is that of the finished record, not a new one with its tid."""
        pthread, offset = copy.records.column("pthread")[index], copy.header.tid_offset
        if not pthread:
            return False
        # the kernel sets the word to 0 when the thread is gone (CLONE_CHILD_CLEARTID)
        if offset:
            return self._peek(pthread + offset, 4) == tid
        return self._pthread(thread) == pthread

    def _unclaimed(self) -> None:
        """Kernel threads that no record claimed: the main thread, or one that is being created, or that is
        ending, or untracked."""
        starting = [info for info in self.infos if info.state == STARTING]
        by_pthread = {info.record.pthread: info for info in starting if info.record}
        looks = 0
        main_tid = self.registry.copies[0].header.pid
        left = [*self.by_tid.values(), *self.unmapped]
        main = self.by_tid.get(main_tid)
        for thread in left:
            if main is not None and thread.tid == main.tid:
                if not any(copy.main_finished() for copy in self.registry.copies):
                    self.infos.append(ThreadInfo(None, -1, None, thread, ALIVE, is_main=True))
                continue
            word = 0
            if looks < REGISTERS_MAX:
                looks += 1
                word = self._own_word(thread)
            if word == GIVEN_BACK:
                self.detached_ending += 1
                continue
            pthread = self.pthreads.get(thread.tid)
            info = by_pthread.get(pthread) if pthread else None
            if info is None and not word:
                # it has not come to the point where it enters itself; which one it is cannot be told
                info = next((info for info in starting if info.kernel is None), None)
            if info is not None and info.kernel is None:
                info.kernel = thread
            else:
                self.infos.append(ThreadInfo(None, -1, None, thread, ALIVE))

    def _own_word(self, thread: Thread) -> int:
        """The library's own word in TLS: the address of the thread's record, GIVEN_BACK, or 0."""
        for copy in self.registry.copies:
            if copy.header.self_offset:
                word = self._word(thread, copy.header.self_offset, 8)
                if word:
                    return word
        return 0
