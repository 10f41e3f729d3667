# SPDX-License-Identifier: MIT
"""What a file holds. Read, not mapped: whoever looks at a mapped file that somebody cuts short meanwhile dies of SIGBUS,
and that may be a GDB with somebody's work in it."""

import os
from itertools import count

_BLOCK = 1 << 20
_PART_MAX = 256 << 20  # headers may say anything; the largest tables of symbols have half of that


def part(descriptor: int, offset: int, size: int) -> bytes:
    """Fewer bytes where the file ends. ValueError: no file has so many there."""
    if size > _PART_MAX or offset >= 1 << 63:
        raise ValueError("no such part of a file")
    return os.pread(descriptor, size, offset)


def holds(descriptor: int, word: bytes) -> bool:
    for at in count(0, _BLOCK - len(word) + 1):  # so that no word lies in two blocks alone
        block = os.pread(descriptor, _BLOCK, at)
        if word in block:
            return True
        if len(block) < _BLOCK:
            return False
    raise AssertionError
