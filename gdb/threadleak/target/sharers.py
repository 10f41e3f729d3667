# SPDX-License-Identifier: MIT
"""Other processes that have the very memory of a process: clone(2) with CLONE_VM makes them, vfork too."""

import ctypes
import os
from typing import List

from .system_calls import AARCH64, X86_64

_KCMP = {X86_64: 312, AARCH64: 272}
_KCMP_VM = 1  # linux/kcmp.h


def sharers(pid: int, tid: int, machine: int) -> List[int]:
    """Pids of them, as far as /proc shows them. `tid`: a thread of `pid` that is alive; one that is gone has no memory."""
    try:
        others = [
            int(name) for name in os.listdir("/proc") if name.isdecimal() and int(name) != pid
        ]
    except OSError:
        return []
    libc, number = ctypes.CDLL(None), _KCMP.get(machine)
    found = []
    for other in others:
        order = libc.syscall(number, tid, other, _KCMP_VM, 0, 0) if number is not None else -1
        # not told: kcmp(2) may be forbidden, and needs the right to trace both
        if order == 0 or order < 0 and _size(tid) == _size(other):
            found.append(other)
    return found


def _size(pid: int) -> bytes:
    """How much memory of each kind it has: that of one and the same memory is equal."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return file.read()
    except OSError:
        return b""
