# SPDX-License-Identifier: MIT
"""glibc's descriptor of a thread (struct pthread, nptl/descr.h), which its pthread_t points to."""

from typing import NamedTuple, Optional


TID_MAX = 1 << 22  # PID_MAX_LIMIT of Linux, and so the most threads that it can have


class Descriptor(NamedTuple):
    pthread: int
    tid: int  # as the process itself sees it; 0: the thread has finished
    detached: bool
    start: int  # the start routine; 0: main
    argument: int
    result: Optional[int]  # of a thread that has finished
    stack: int  # lowest address of the stack's block, guard included; 0: not known (main's)
    stack_size: int
    guard_size: int
    own_stack: bool  # the program gave the stack (pthread_attr_setstack)
    end_seen: bool = False  # glibc itself saw it end, or saw that it is about to

    @property
    def finished(self) -> bool:
        """Or it is being created: then `end_seen` is false, as it is after a raw exit system call."""
        return self.tid == 0
