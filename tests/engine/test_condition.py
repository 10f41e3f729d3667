# SPDX-License-Identifier: MIT
"""A thread in pthread_cond_wait: on the word of its group of waiters, or on none: for the mutex, or the lock inside."""

import struct
from typing import Any

import pytest
from threadleak.read import wait
from threadleak.read.futexes import WAIT, WAIT_BITSET, Futex
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
    objects = Objects(memory, None)  # type: ignore[arg-type]  # no glibc
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


# Where the words of the groups are, and wrefs: up to glibc 2.40, and since.
LAYOUTS = {40: 36, 32: 28}


def waiting(word: int, signals: int, *buffers: int) -> wait.Wait:
    """In a condition variable of that layout, for which twelve have waited, and three still do."""
    memory: Any = Memory()
    data = bytearray(memory.pieces[CONDITION])
    data[:48] = struct.pack("<Q40x", 0x19)
    struct.pack_into("<I", data, LAYOUTS[signals], 3 << 3)
    memory.pieces[CONDITION] = bytes(data)
    memory.stack(*buffers)
    objects = Objects(memory, None)  # type: ignore[arg-type]  # no glibc
    futex = Futex(word, WAIT_BITSET, 0, False, 0, False)
    return objects.decide(Primitive(wait.CONDITION, "pthread_cond_wait"), futex, STACK)


@pytest.mark.parametrize("signals", LAYOUTS)
@pytest.mark.parametrize("group", [0, 1])
@pytest.mark.parametrize("position", [0, 6, 11])
def test_the_word_of_either_group(signals: int, group: int, position: int) -> None:
    """A waiter notes wseq as it was: its position, and in bit 0 its group."""
    word = CONDITION + signals + 4 * group
    found = waiting(word, signals, 7, position << 1 | group, CONDITION, MUTEX)
    assert (found.object, found.mutex, found.detail) == (CONDITION, MUTEX, "3 waiting")
    assert (found.kind, found.confidence) == (wait.CONDITION, wait.HIGH)


@pytest.mark.parametrize("signals", LAYOUTS)
@pytest.mark.parametrize("position, group", [(12, 0), (12, 1), (11, 1)])
def test_a_pair_of_addresses_that_is_no_waiters(signals: int, position: int, group: int) -> None:
    """Of a position that nobody has had yet, or of the other group: which object it is cannot be told."""
    word = CONDITION + signals + 4 * (group if position == 12 else 1 - group)
    found = waiting(word, signals, position << 1 | group, CONDITION, MUTEX)
    assert (found.object, found.mutex, found.confidence) == (None, None, wait.MEDIUM)


def test_which_of_two_layouts_it_is_is_not_guessed() -> None:
    """Of words as of a waiter of either, with the same word of a group."""
    buffers = (2, CONDITION, MUTEX, 0, 2, CONDITION + 8, MUTEX)
    memory: Any = Memory()
    memory.stack(*buffers)
    memory.pieces[CONDITION] = struct.pack("<QQ", 8, 8) + memory.pieces[CONDITION][16:]
    objects = Objects(memory, None)  # type: ignore[arg-type]  # no glibc
    futex = Futex(CONDITION + 40, WAIT_BITSET, 0, False, 0, False)
    found = objects.decide(Primitive(wait.CONDITION, "pthread_cond_wait"), futex, STACK)
    assert (found.object, found.mutex, found.confidence) == (None, None, wait.MEDIUM)


def test_a_mutex_taken_again_by_one_of_the_other_group() -> None:
    memory: Any = Memory()
    memory.pieces[CONDITION] = struct.pack("<Q", 0x19) + memory.pieces[CONDITION][8:]
    memory.stack(0x13, CONDITION, MUTEX)
    objects = Objects(memory, None)  # type: ignore[arg-type]  # no glibc
    objects._pthreads = {}
    futex = Futex(MUTEX, WAIT, 2, False, 0, False)
    found = objects.decide(Primitive(wait.CONDITION, "pthread_cond_wait"), futex, STACK)
    assert (found.kind, found.confidence, found.owner_tid) == (wait.MUTEX, wait.HIGH, OWNER)
