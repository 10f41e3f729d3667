# SPDX-License-Identifier: MIT
"""The arguments of futex(2), and of those system calls that do the same."""

import struct
from typing import NamedTuple, Optional

from ..target.base import SystemCall, Target, TargetError
from .calls import CLOCK_MONOTONIC, timespec_ns

# Commands, without flags (linux/futex.h).
WAIT, LOCK_PI, WAIT_BITSET, WAIT_REQUEUE_PI, LOCK_PI2 = 0, 6, 9, 11, 13
_PRIVATE, _REALTIME, COMMAND = 0x80, 0x100, 0x7F
FUTEX_TID_MASK = 0x3FFFFFFF
NAMES = ("futex", "futex_wait", "futex_waitv")


class Futex(NamedTuple):
    word: int
    command: int
    value: int  # that the word must have
    shared: bool  # as the call says: libraries ask for that where no other process takes part, too
    timeout: int  # address, 0: none
    is_monotonic: bool  # the timeout is a point in time on CLOCK_MONOTONIC
    words: int = 1  # how many; `word` is the first

    def deadline_ns(self, target: Target) -> Optional[int]:
        return timespec_ns(target, self.timeout) if self.timeout and self.is_monotonic else None

    @property
    def is_lock_of_kernel(self) -> bool:
        """The kernel itself hands it over: priority inheritance."""
        return self.command in (LOCK_PI, LOCK_PI2)


def futex_of(target: Target, call: SystemCall, name: str) -> Optional[Futex]:
    """`name` is one of NAMES. None: its arguments cannot be read."""
    a = call.arguments
    if name == "futex":
        command = a[1] & COMMAND
        is_monotonic = command in (WAIT_BITSET, LOCK_PI2) and not a[1] & _REALTIME
        shared = not a[1] & _PRIVATE
        return Futex(a[0], command, a[2] & 0xFFFFFFFF, shared, a[3], is_monotonic)
    if name == "futex_wait":
        is_monotonic = a[5] & 0xFFFFFFFF == CLOCK_MONOTONIC
        return Futex(a[0], WAIT_BITSET, a[1] & 0xFFFFFFFF, not a[3] & _PRIVATE, a[4], is_monotonic)
    try:  # struct futex_waitv: value, address, flags
        value, word, flags = struct.unpack("<QQI", target.read(a[0], 20))
    except TargetError:
        return None
    is_monotonic = a[4] & 0xFFFFFFFF == CLOCK_MONOTONIC
    count = a[1] & 0xFFFFFFFF
    return Futex(
        word, WAIT_BITSET, value & 0xFFFFFFFF, not flags & _PRIVATE, a[3], is_monotonic, count
    )
