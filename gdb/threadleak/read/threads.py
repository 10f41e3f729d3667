# SPDX-License-Identifier: MIT
"""Registry + the kernel's threads -> one list: who is alive, who finished, whom nobody registered.

Records and kernel threads meet by tid, as the process itself sees it. Tids are reused and a record may be
older than the thread that has its tid now; the pthread_t (the fs base) and two words that belong to the
thread (its tid in the descriptor, the library's own word in TLS) decide then, at the price of registers.
"""

from typing import Dict, List, NamedTuple, Optional, Set

from ..target.base import Target, TargetError, Thread
from . import abi
from .model import Copy, Registry

REGISTERS_MAX = 64  # threads whose registers are read to find out whose they are

ALIVE, ENDING, FINISHED, STARTING = "alive", "ending", "finished", "starting"
RUNNING, BLOCKED = "running", "blocked"
GIVEN_BACK = 1  # see self_offset in threadleak_abi.h
STATES = (RUNNING, BLOCKED, ALIVE, STARTING, ENDING, FINISHED)


class ThreadInfo:
    """One thread: its record, or None if untracked, and its kernel thread, or None if that is gone."""

    __slots__ = ("copy", "record", "kernel", "state", "is_main", "end_unseen")

    def __init__(
        self,
        copy: Optional[Copy],
        record: Optional[abi.Record],
        kernel: Optional[Thread],
        state: str,
        is_main: bool = False,
        end_unseen: bool = False,
    ):
        self.copy = copy
        self.record = record
        self.kernel = kernel
        self.state = state  # one of STATES
        self.is_main = is_main
        self.end_unseen = end_unseen  # it is gone, and no hook told

    @property
    def id(self) -> Optional[str]:
        if self.copy is None or self.record is None:
            return None
        return self.copy.name_of(self.record.id)

    @property
    def tid(self) -> Optional[int]:
        if self.kernel is not None:
            return self.kernel.tid
        return self.record.tid or None if self.record is not None else None


class Threads(NamedTuple):
    infos: List[ThreadInfo]
    detached_gone: int  # detached, ended without its end being seen: nothing is left of them
    detached_ending: int  # given back already, but the kernel still has them


def reconcile(registry: Registry, target: Target) -> Threads:
    """TargetError if the registry is a copy of another process's, or there is no list of threads."""
    kernel = target.threads()
    if not kernel:
        raise TargetError("the target has no threads to compare the registry with")
    return _Reconciler(registry, target, kernel).run()


class _Reconciler:
    def __init__(self, registry: Registry, target: Target, kernel: List[Thread]):
        self.registry = registry
        self.target = target
        self.kernel = kernel
        self.by_tid: Dict[int, Thread] = {}
        self.taken: Set[int] = set()  # debugger's tids
        self.pthreads: Dict[int, Optional[int]] = {}
        self.infos: List[ThreadInfo] = []
        self.detached_gone = 0
        self.detached_ending = 0
        self.seen_pthreads: Dict[
            int, int
        ] = {}  # the first copy that knows it: several see one thread

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
            self.by_tid = {thread.own_tid: thread for thread in self.kernel}
            return
        if self._same_process_elsewhere(header):
            return
        raise TargetError(
            f"the registry is that of process {header.pid}, and this is process {own_pid}: a child"
            " made by vfork, _Fork or clone has a copy of its parent's, which says nothing about"
            " its own threads"
        )

    def _same_process_elsewhere(self, header: abi.Header) -> bool:
        """Whether the debugger sees the process from another PID namespace, so that all numbers differ.
        glibc keeps each thread's own tid in its descriptor. A child made by clone alone has its parent's
        descriptor, but one thread only; more that GDB shows of it have no registers."""
        if self.target.kind != "core" or not header.tid_offset:
            return False
        for thread in self.kernel:
            tid = self._word(thread, header.tid_offset, 4)
            if tid:
                self.by_tid[tid] = thread
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
        unfinished: Dict[int, abi.Record] = {}
        rivals: Dict[int, List[abi.Record]] = {}  # of one tid
        finished: List[abi.Record] = []
        several = len(self.registry.copies) > 1
        for record in copy.records:
            state = record.state
            if several and record.pthread:
                if self.seen_pthreads.setdefault(record.pthread, copy.number) != copy.number:
                    continue
            if state & abi.MAIN:
                self._main(copy, record)
            elif state & (abi.JOINED | abi.FINISHED) == 0:
                tid = record.tid
                if not (state & abi.STARTED and tid):
                    self.infos.append(ThreadInfo(copy, record, None, STARTING))
                elif tid in unfinished:
                    rivals.setdefault(tid, [unfinished[tid]]).append(record)
                else:
                    unfinished[tid] = record
            elif state & (abi.JOINED | abi.DETACHED) == 0:
                finished.append(record)
        for tid, record in unfinished.items():
            self._alive(copy, tid, rivals.get(tid) or [record])
        for record in finished:
            self._finished(copy, record)

    def _main(self, copy: Copy, record: abi.Record) -> None:
        thread = self.by_tid.get(copy.header.pid)
        if thread is None or record.state & abi.FINISHED:
            return  # it called pthread_exit; the kernel may keep a zombie of it, which is no thread
        self.taken.add(thread.tid)
        self.infos.append(ThreadInfo(copy, record, thread, ALIVE, is_main=True))

    def _alive(self, copy: Copy, tid: int, records: List[abi.Record]) -> None:
        """Records that say of themselves to be the running thread `tid`. At most one is right."""
        thread = self.by_tid.get(tid)
        if thread is not None and thread.tid in self.taken:
            thread = None
        owner: Optional[abi.Record] = None
        if thread is not None:
            owner = records[0]
            if len(records) > 1:
                pthread = self._pthread(thread)
                same = [record for record in records if record.pthread == pthread]
                owner = max(same or records, key=lambda record: record.id)
            self.taken.add(thread.tid)
            self.infos.append(ThreadInfo(copy, owner, thread, ALIVE))
        for record in records:
            if record is owner:
                continue
            if record.state & abi.DETACHED:
                self.detached_gone += 1
            else:
                self.infos.append(ThreadInfo(copy, record, None, FINISHED, end_unseen=True))

    def _finished(self, copy: Copy, record: abi.Record) -> None:
        """Joinable, its end was seen. The kernel may have it a moment longer."""
        thread = self.by_tid.get(record.tid)
        if thread is not None and thread.tid not in self.taken and record.pthread:
            offset = copy.header.tid_offset
            # the kernel sets the word to 0 when the thread is gone (CLONE_CHILD_CLEARTID)
            if not offset or self._peek(record.pthread + offset, 4):
                self.taken.add(thread.tid)
                self.infos.append(ThreadInfo(copy, record, thread, ENDING))
                return
        self.infos.append(ThreadInfo(copy, record, None, FINISHED))

    def _unclaimed(self) -> None:
        """Kernel threads that no record claimed: the main thread, or one that is being created, or that is
        ending, or untracked."""
        starting = [info for info in self.infos if info.state == STARTING]
        by_pthread = {info.record.pthread: info for info in starting if info.record}
        looks = 0
        main_tid = self.registry.copies[0].header.pid
        left = [thread for thread in self.kernel if thread.tid not in self.taken]
        main = self.by_tid.get(main_tid)
        for thread in left:
            if main is not None and thread.tid == main.tid:
                if not self._main_is_gone():
                    self.infos.append(ThreadInfo(None, None, thread, ALIVE, is_main=True))
                continue
            word = 0
            if looks < REGISTERS_MAX:
                looks += 1
                word = self._own_word(thread)
            if word == GIVEN_BACK:
                self.detached_ending += 1
                continue
            if self._is_phantom(thread):
                continue
            pthread = self.pthreads.get(thread.tid)
            info = by_pthread.get(pthread) if pthread else None
            if info is None and not word:
                # it has not come to the point where it enters itself; which one it is cannot be told
                info = next((info for info in starting if info.kernel is None), None)
            if info is not None and info.kernel is None:
                info.kernel = thread
            else:
                self.infos.append(ThreadInfo(None, None, thread, ALIVE))

    def _is_phantom(self, thread: Thread) -> bool:
        """libthread_db lists threads by what glibc's memory says. Where a core's numbers are those of another
        PID namespace, it makes up threads with numbers that no registers in the core belong to."""
        return self.target.kind == "core" and self.pthreads.get(thread.tid, 0) is None

    def _main_is_gone(self) -> bool:
        return any(
            record.state & abi.MAIN and record.state & abi.FINISHED
            for copy in self.registry.copies
            for record in copy.records
        )

    def _own_word(self, thread: Thread) -> int:
        """The library's own word in TLS: the address of the thread's record, GIVEN_BACK, or 0."""
        for copy in self.registry.copies:
            if copy.header.self_offset:
                word = self._word(thread, copy.header.self_offset, 8)
                if word:
                    return word
        return 0
