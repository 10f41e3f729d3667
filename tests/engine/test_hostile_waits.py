# SPDX-License-Identifier: MIT
"""Damaged and hostile processes: whatever memory and registers hold, glibc's lists, the objects that threads wait for and
their system calls are told, or are not told, in bounded steps; and nothing is sure of what contradicts itself."""

import os
import struct
from typing import Dict, List, NamedTuple, Optional, Tuple

import pytest
from fake_lists import FIELDS, HEAP, MACHINE, NAMES, OFFSETS, RINGS, SIZE, THREADS, Process
from hypothesis import given, settings
from hypothesis import strategies as st
from threadleak.read import calls, futexes, locks, wait
from threadleak.read.descriptor import TID_MAX
from threadleak.read.futexes import Futex
from threadleak.read.glibc import TRIES, Glibc
from threadleak.read.locks import Seen
from threadleak.read.objects import Objects
from threadleak.read.once import Runners
from threadleak.read.primitives import Primitive
from threadleak.read.rings import PAUSES_S, Rings
from threadleak.target.base import SystemCall, TargetError, Thread
from threadleak.target.native import NativeTarget
from threadleak.target.system_calls import _names

ANY = st.one_of(
    st.integers(0, (1 << 64) - 1),
    st.integers(0, 8),
    st.sampled_from([4000, TID_MAX, 1 << 30, 1 << 31, 0x80000FA0, 0x40000FA0, 0x100000080]),
    st.integers(0, SIZE * THREADS // 8).map(lambda number: HEAP + 8 * number),
    st.sampled_from([RINGS, RINGS + 16]),
)
PLACES = st.one_of(
    st.tuples(st.integers(0, THREADS - 1), st.sampled_from(FIELDS)).map(
        lambda place: HEAP + SIZE * place[0] + place[1]
    ),
    st.integers(0, 3).map(lambda number: RINGS + 8 * number),
    st.integers(0, 12 * len(OFFSETS)).map(lambda offset: NAMES + offset),
)
DAMAGE = st.lists(st.tuples(PLACES, ANY), max_size=6)


def test_the_fake_process_is_one() -> None:
    found = Glibc(Process()).threads()  # type: ignore[arg-type]
    assert sorted(each.tid for each in found) == [0, 4000, 4001, 4002]


class OwnTasks:
    def now(self) -> Dict[int, int]:
        return {tid: tid for tid in (4000, 4001, 4002)}


@given(DAMAGE, DAMAGE)
@settings(max_examples=300)
def test_lists_that_are_walked_again(
    before: List[Tuple[int, int]], meanwhile: List[Tuple[int, int]]
) -> None:
    process = Process(moves=True)
    try:
        rings = Rings(process, Glibc(process))  # type: ignore[arg-type]
        for damage in before, meanwhile:
            for address, value in damage:
                process.put(address, value)
            looks = 0
            for _ in rings.finished(OwnTasks()):  # type: ignore[arg-type]
                looks += 1
            assert looks <= len(PAUSES_S)
    except TargetError:
        pass
    most = SIZE * THREADS // 8  # addresses where a node can begin
    assert process.reads < (2 * TRIES + len(PAUSES_S)) * 4 * most + 100


@given(DAMAGE, st.booleans())
@settings(max_examples=300)
def test_lists(damage: List[Tuple[int, int]], moves: bool) -> None:
    process = Process(moves)
    for address, value in damage:
        process.put(address, value)
    try:
        glibc = Glibc(process)  # type: ignore[arg-type]
        found = glibc.threads()
    except TargetError:
        return
    finally:
        most = SIZE * THREADS // 8  # addresses where a node can begin
        assert process.reads < (2 * TRIES + 2) * 2 * most + 100
    assert len({each.pthread for each in found}) == len(found) <= 2 * most
    for each in found:
        assert each.tid >= 0 and (each.tid > 0 or not each.detached)
        assert process.read(each.pthread + 16, 8) == struct.pack("<Q", each.pthread)
    for word in [each.pthread + 720 for each in found] + [value for _, value in damage]:
        joined = glibc.joined_at(word)
        assert joined is None or glibc.join_word(joined) == word


class WithoutCalls(Process):
    def threads(self) -> List[Thread]:
        return []

    def system_calls(self, threads: List[Thread]) -> List[Optional[SystemCall]]:
        return []


CONTROL, CLEANUP = 0x404040, 760  # the latter in struct pthread
BUFFER = HEAP + 256  # in the middle of struct pthread there is room


def with_a_runner() -> Process:
    """A thread whose one cleanup buffer is that of a pthread_once."""
    process = WithoutCalls()
    process.put(HEAP + CLEANUP, BUFFER)
    for at, value in enumerate((0x401000, CONTROL, 1, 0x402000, BUFFER - 24, 0, 0), -3):
        process.put(BUFFER + 8 * at, value)
    return process


def runner(process: Process) -> Optional[int]:
    return Runners(process, Glibc(process)).of(CONTROL)  # type: ignore[arg-type]


def test_who_runs_a_routine() -> None:
    process = with_a_runner()
    assert runner(process) == HEAP
    process.put(HEAP + SIZE + CLEANUP, BUFFER)
    assert runner(process) is None  # two seem to
    process.put(HEAP + SIZE + CLEANUP, 0)
    process.put(BUFFER + 24, BUFFER)  # a ring
    assert runner(process) is None
    process.put(BUFFER + 24, 0)
    process.put(BUFFER + 8, BUFFER - 16)  # of something else
    assert runner(process) is None


@given(
    st.lists(st.tuples(st.integers(-3, 3).map(lambda at: BUFFER + 8 * at), ANY), max_size=4),
    st.lists(ANY, min_size=THREADS, max_size=THREADS),
)
@settings(max_examples=300)
def test_lists_of_cleanup_buffers(damage: List[Tuple[int, int]], heads: List[int]) -> None:
    process = with_a_runner()
    for number, head in enumerate(heads[1:], 1):
        process.put(HEAP + SIZE * number + CLEANUP, head)
    for address, value in damage:
        process.put(address, value)
    assert runner(process) in (None, *process.descriptors)
    assert process.reads < THREADS * (1 << 10)


WORDS = st.lists(
    st.one_of(
        st.integers(0, (1 << 32) - 1),
        st.sampled_from([0, 1, 2, 3, 4, 5, 8, 0x10, 0x20, 0x40, 0x80, 0x100, 4000]),
        st.sampled_from([TID_MAX, TID_MAX + 1, 0x80000FA0, 0x40000FA0, HEAP, HEAP + 64]),
    ),
    max_size=72,
)
ADDRESSES = st.one_of(
    st.integers(0, 12).map(lambda number: HEAP + 8 * number),
    st.integers(HEAP - 16, HEAP + 256),
    ANY,
)


class Memory(NamedTuple):
    """No more than some words."""

    data: bytes
    kind: str = "core"
    machine: int = MACHINE
    moves: bool = False

    def read(self, address: int, size: int) -> bytes:
        at = address - HEAP
        if not (0 <= address < 1 << 64 and 0 <= at and at + size <= len(self.data)):
            raise TargetError(f"memory at {address:#x} cannot be read")
        return self.data[at : at + size]

    def symbol(self, name: str) -> List[int]:
        return [HEAP]

    def threads(self) -> List[object]:
        return []

    def current_stacks(self, threads: object, limit: int) -> List[object]:
        return []


# Either anything, or what nearly looks like objects: small numbers and tids.
SMALL = st.lists(st.sampled_from([0, 0, 0, 1, 2, 3, 4, 8, 16, 32, 4000]), min_size=64, max_size=72)
MEMORY = st.one_of(WORDS, SMALL).map(lambda words: Memory(struct.pack(f"<{len(words)}I", *words)))
COMMANDS = st.sampled_from(
    [futexes.WAIT, futexes.LOCK_PI, futexes.WAIT_BITSET, futexes.WAIT_REQUEUE_PI, futexes.LOCK_PI2]
)
INSIDE = st.integers(0, 24).map(lambda number: HEAP + 4 * number)
FUTEXES = st.builds(
    *(Futex, st.one_of(INSIDE, INSIDE, ADDRESSES), COMMANDS),
    *(st.one_of(st.integers(0, 8), st.integers(0, (1 << 32) - 1)), st.booleans()),
    *(st.sampled_from([0, HEAP]), st.booleans(), st.sampled_from([1, 1, 1, 1, 2])),
)


def holds(seen: Seen, memory: Memory) -> None:
    """What must be so of anything that is believed."""
    if not seen.plausible:
        assert seen.owner is None and seen.owner_tid is None and not seen.detail
        return
    assert seen.owner_tid is None or 0 < seen.owner_tid <= TID_MAX
    if seen.object is not None:
        assert seen.object % 4 == 0
        memory.read(seen.object, 4)


@given(MEMORY, FUTEXES, st.integers(HEAP - 64, HEAP + 256))
@settings(max_examples=400)
def test_objects(memory: Memory, futex: Futex, sp: int) -> None:
    word, read = futex.word, memory.read
    stack = memory.data[max(0, sp - HEAP) :]
    found = [
        *(locks.mutex(read, word), locks.parked(read, sp, stack)),
        *(locks.condition(read, word, stack), locks.semaphore(read, word)),
        *(locks.rwlock(read, futex), locks.barrier(read, word), locks.once(read, word)),
        *(locks.guard(read, word), locks.future(read, word)),
    ]
    for seen in found:
        holds(seen, memory)
    assert isinstance(locks.is_taken_again(read, word, stack), bool)
    assert isinstance(locks.is_held_by(read, word, HEAP), bool)
    kind = int.from_bytes(memory.data[word - HEAP + 16 : word - HEAP + 20], "little")
    if word < HEAP or word % 4 or kind & ~0x3F3:
        assert not found[0].plausible


PRIMITIVES = [
    *(Primitive(kind, "f") for kind in (wait.MUTEX, wait.CONDITION, wait.SEMAPHORE)),
    *(Primitive(kind, "f") for kind in (wait.RWLOCK_READ, wait.RWLOCK_WRITE, wait.BARRIER)),
    *(Primitive(kind, "f") for kind in (wait.ONCE, wait.STATIC_GUARD, wait.FUTURE, wait.FUTEX)),
    *(Primitive(wait.LIBC_LOCK, "puts", is_private_lock=True), Primitive(wait.JOIN, "f")),
]


@given(st.sampled_from(PRIMITIVES), MEMORY, FUTEXES, st.integers(HEAP - 64, HEAP + 256))
@settings(max_examples=300)
def test_waits(primitive: Primitive, memory: Memory, futex: Futex, sp: int) -> None:
    """Of an object that cannot be read, or is none, nothing is sure."""
    objects = Objects(memory, None)  # type: ignore[arg-type]  # no glibc
    found = objects.decide(primitive, futex, sp)
    assert found.confidence in (wait.HIGH, wait.MEDIUM, wait.LOW)
    if found.confidence == wait.HIGH:
        assert found.object is not None
        memory.read(found.object, 4)
    else:
        assert found.owner is None
    if primitive.kind == wait.FUTEX and not futex.is_lock_of_kernel:
        assert found.confidence == wait.LOW and found.owner_tid is None


@given(
    st.one_of(st.sampled_from(sorted(_names(MACHINE))), st.integers(0, 1 << 32)),
    st.lists(st.one_of(ADDRESSES, ANY), min_size=6, max_size=6),
    *(st.binary(max_size=64).map(Memory), ADDRESSES),
)
@settings(max_examples=300)
def test_system_calls(number: int, arguments: List[int], memory: Memory, pc: int) -> None:
    call = SystemCall(number, tuple(arguments), pc, HEAP)
    name = calls.name_of(memory, call, lambda: [pc, HEAP])  # type: ignore[arg-type]
    if name in futexes.NAMES:
        futex = futexes.futex_of(memory, call, name)  # type: ignore[arg-type]
        deadline = futex.deadline_ns(memory) if futex is not None else None  # type: ignore[arg-type]
        assert deadline is None or (futex is not None and futex.timeout and deadline >= 0)
        return
    found = calls.decode(memory, call, name)  # type: ignore[arg-type]
    assert found.confidence == wait.EXACT and found.call == name
    assert found.owner is found.owner_tid is found.object is None
    assert len(found.fds) <= calls._FILES_MAX


@pytest.mark.parametrize("address", [-8, 0, (1 << 64) - 8, 1 << 64])
def test_addresses_that_no_memory_has(address: int) -> None:
    """As arithmetic on what registers hold may give."""
    target = NativeTarget.of_process(os.getpid())
    with pytest.raises(TargetError):
        target.read(address, 32)
    target.close()
