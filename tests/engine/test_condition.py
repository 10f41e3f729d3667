# SPDX-License-Identifier: MIT
"""A thread in pthread_cond_wait that is on no word of a group of waiters: for the mutex, or the lock inside."""

import struct
from typing import Any

from threadleak.read import wait
from threadleak.read.futexes import WAIT, Futex
from threadleak.read.objects import Objects
from threadleak.read.primitives import Primitive
from threadleak.target.base import TargetError

STACK, CONDITION, MUTEX = 0x7000, 0x4000, 0x4030  # {pthread_cond_t, pthread_mutex_t}
INSIDE = CONDITION + 32  # __g1_orig_size, up to glibc 2.40
OWNER = 4242


class Memory:
    kind = "core"

    def __init__(self) -> None:
        # wseq, g1_start, g_refs, g_size; locked, wrefs, g_signals as of a closed group
        data = struct.pack("<QQIIII", 2, 0, 0, 0, 0, 0) + struct.pack("<IIII", 2, 8, 1, 0)
        data += struct.pack("<IIIII", 2, 0, OWNER, 1, 0).ljust(40, b"\0")
        self.pieces = {CONDITION: data}

    def stack(self, *words: int) -> None:
        self.pieces[STACK] = struct.pack(f"<{len(words)}Q", *words).ljust(1024, b"\0")

    def read(self, address: int, size: int) -> bytes:
        for at, data in self.pieces.items():
            if at <= address and address + size <= at + len(data):
                return data[address - at :][:size]
        raise TargetError("nothing is there")


def decided(word: int) -> wait.Wait:
    memory: Any = Memory()
    memory.stack(0, INSIDE, 1, CONDITION, MUTEX, 0)  # struct _condvar_cleanup_buffer
    futex = Futex(word, WAIT, 2, False, 0, False)
    objects = Objects(memory, None, None)  # type: ignore[arg-type]  # no stacks, no glibc
    objects._pthreads = {}
    return objects.decide(Primitive(wait.CONDITION, "pthread_cond_wait"), futex, STACK)


def test_the_mutex_that_it_takes_again_has_an_owner() -> None:
    found = decided(MUTEX)
    assert (found.kind, found.confidence, found.owner_tid) == (wait.MUTEX, wait.HIGH, OWNER)


def test_the_lock_inside_has_none() -> None:
    """Although as a mutex it would be one whose owner, tid 1, is gone."""
    found = decided(INSIDE)
    assert (found.kind, found.confidence) == (wait.FUTEX, wait.LOW)
    assert found.owner_tid is None and found.owner is None
