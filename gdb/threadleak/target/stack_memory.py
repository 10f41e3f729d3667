# SPDX-License-Identifier: MIT
"""How much of a thread's stack is in memory, and how much ever was: /proc/PID/pagemap (proc(5)) of a process that
lives. A kernel's core has pages that were never touched as well, so nothing is told of those.
"""

import os
from typing import NamedTuple, Optional

from ..patterns import Pattern
from .open_files import folder_of
from .procfs import PAGE

_ENTRY = 8  # bytes; in the highest one bit 63, the page is in memory, and 62, it is swapped out
_PRESENT = Pattern(rb"[\x80-\xff]")
_TOUCHED = Pattern(rb"[\x40-\xff]")
_SIZE_MAX = 256 << 20  # of a stack; a larger one is read from its top


class StackMemory(NamedTuple):
    resident: int  # bytes
    touched: int  # bytes from the lowest page that was ever touched to the top


class Pagemap:
    def __init__(self, pid: int):
        try:
            self._file: Optional[int] = os.open(
                f"{folder_of(pid)}/pagemap", os.O_RDONLY | os.O_CLOEXEC
            )
        except OSError:
            self._file = None

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def stack(self, start: int, end: int) -> Optional[StackMemory]:
        """None: it cannot be told."""
        start, end = max(start, end - _SIZE_MAX) // PAGE, -(-end // PAGE)
        if self._file is None or not 0 < start < end:
            return None
        try:
            entries = os.pread(self._file, (end - start) * _ENTRY, start * _ENTRY)[
                _ENTRY - 1 :: _ENTRY
            ]
        except (OSError, OverflowError):
            return None
        if len(entries) < end - start:
            return None
        lowest = _TOUCHED.search(entries)
        touched = len(entries) - lowest.start() if lowest else 0
        return StackMemory(sum(1 for _ in _PRESENT.finditer(entries)) * PAGE, touched * PAGE)
