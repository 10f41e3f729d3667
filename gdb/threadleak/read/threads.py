# SPDX-License-Identifier: MIT
"""The threads of a process, as its registry and its kernel tell of them together."""

from typing import FrozenSet, List, NamedTuple, Optional, Tuple

from ..target.base import Thread
from . import abi
from .descriptor import Descriptor
from .model import Copy
from .records import Kind

ALIVE, ENDING, FINISHED, STARTING = "alive", "ending", "finished", "starting"
RUNNING, BLOCKED = "running", "blocked"
# Why a finished thread that nobody joined is not counted yet.
JOINING, JUST_FINISHED = "joining", "just finished"
STATES = (RUNNING, BLOCKED, ALIVE, STARTING, ENDING, FINISHED)


class ThreadInfo:
    """One thread: its record, or None, and its kernel thread, or None if that is gone. Without a record its kind, if
    it has one, is made of what glibc's descriptor tells."""

    __slots__ = (
        *("copy", "index", "kind", "kernel", "state", "is_main", "descriptor", "untracked"),
        *("unsettled", "_record"),
    )

    def __init__(
        self,
        copy: Optional[Copy],
        index: int,
        kind: Optional[Kind],
        kernel: Optional[Thread],
        state: str,
        is_main: bool = False,
        descriptor: Optional[Descriptor] = None,
    ):
        self.copy = copy
        self.index = index  # of its record in copy.records, whose kind is `kind`; -1 if it has none
        self.kind = kind
        self.kernel = kernel
        self.state = state  # one of STATES
        self.is_main = is_main
        self.descriptor = descriptor  # glibc's own, where it was asked for
        self.untracked = kind is None and not is_main  # or there is a registry that has it not
        # JOINING or JUST_FINISHED, of one that glibc alone says has finished (read/settled.py)
        self.unsettled = ""
        self._record: Optional[abi.Record] = None

    @property
    def record(self) -> Optional[abi.Record]:
        if self._record is None and self.copy is not None:
            self._record = self.copy.records[self.index]
        return self._record

    @property
    def end_unseen(self) -> bool:
        """It is gone, and no hook told."""
        return (
            self.state == FINISHED and self.kind is not None and not self.kind.state & abi.FINISHED
        )

    @property
    def id(self) -> Optional[str]:
        return (
            self.copy.name_of(self.copy.records.ids[self.index]) if self.copy is not None else None
        )

    @property
    def key(self) -> Optional[Tuple[int, str]]:
        """The same in each look at its program: one that takes the place (exec) has threads with the same ids."""
        if self.copy is None or self.id is None:
            return None
        return self.copy.header.start_monotonic_ns, self.id

    @property
    def tid(self) -> Optional[int]:
        if self.kernel is not None:
            return self.kernel.tid
        return self.record.tid or None if self.record is not None else None

    @property
    def pthread(self) -> Optional[int]:
        if self.copy is not None:
            return self.copy.records.pthreads[self.index] or None
        return self.descriptor.pthread if self.descriptor is not None else None

    @property
    def argument(self) -> Optional[int]:
        """Of its start routine."""
        if self.record is not None:
            return self.record.arg
        return self.descriptor.argument if self.descriptor is not None else None

    @property
    def handle(self) -> Optional[str]:
        """What people call it: its id, or, if it has no record, its pthread_t, or else its tid."""
        if self.copy is not None:
            return self.id
        if self.descriptor is not None:
            return f"{self.descriptor.pthread:#x}"
        return f"tid:{self.tid}" if self.tid is not None else None


class Threads(NamedTuple):
    infos: List[ThreadInfo]
    detached_gone: List[ThreadInfo]  # their ends were not seen, and nothing is left of them
    detached_ending: int  # given back already, but the kernel still has them
    main_finished: bool = False  # as glibc tells
    breaks_off: Optional[int] = None  # where glibc's lists could not be followed
    # (pthread_t, tid) of threads said to be alive that the kernel has not: a pthread_t alone is soon another thread's
    strangers: FrozenSet[Tuple[int, int]] = frozenset()
    # `key` of finished ones whose records say that nobody joined them, and glibc that somebody did
    joined_unseen: FrozenSet[Tuple[int, str]] = frozenset()
