# SPDX-License-Identifier: MIT
"""glibc's lists walked again and again, of a process that changes them meanwhile."""

from random import Random
from typing import Callable, Dict, Generator, List, Tuple

import pytest
from fake_lists import HEAP, RINGS, SIZE, THREADS, Process
from hypothesis import given, settings
from hypothesis import strategies as st
from threadleak.read import rings
from threadleak.read.glibc import Glibc
from threadleak.read.rings import Finished, Rings
from threadleak.target.base import TargetError

TID, STACK_SIZE, USER_STACK = 720, 1688, 1554
OVER = HEAP + SIZE * (THREADS - 1)  # the thread that has finished
Step = Callable[[], None]


class FakeTasks:
    def __init__(self, *tids: int):
        self.tids = tids

    def now(self) -> Dict[int, int]:
        return {tid: tid for tid in self.tids}


def run(
    looking: Generator[float, None, Finished], step: Step = lambda: None
) -> Tuple[Finished, int]:
    """And how many pauses that took; `step` is what happens in each."""
    pauses = 0
    while True:
        try:
            next(looking)
        except StopIteration as end:
            return end.value, pauses
        pauses += 1
        step()


def of(process: Process) -> Rings:
    return Rings(process, Glibc(process))  # type: ignore[arg-type]


ALL = FakeTasks(4000, 4001, 4002)


def finished(process: Process, tasks: FakeTasks = ALL, step: Step = lambda: None) -> Finished:
    return run(of(process).finished(tasks), step)[0]  # type: ignore[arg-type]


def test_what_stays_finished_is_unjoined() -> None:
    process = Process(moves=True)
    process.put(OVER + STACK_SIZE, 8 << 20)
    assert finished(process) == Finished(1, 8 << 20, False)
    looking = of(process)
    for _ in range(3):  # from what is known
        assert run(looking.finished(ALL)) == (Finished(1, 8 << 20, False), len(rings.PAUSES_S))  # type: ignore


def test_where_none_has_finished_one_look_is_enough() -> None:
    process = Process(moves=True)
    process.put(OVER + TID, 4003)
    assert run(of(process).finished(FakeTasks(4000, 4001, 4002, 4003))) == (Finished(0, 0, False), 0)  # type: ignore


def test_a_stack_that_the_program_gave_holds_nothing_of_glibc() -> None:
    process = Process(moves=True)
    process.put(OVER + STACK_SIZE, 8 << 20)
    process.parts[HEAP][OVER - HEAP + USER_STACK] = 1
    assert finished(process) == Finished(1, 0, False)


def test_what_is_joined_or_begins_anew_meanwhile_is_not_unjoined() -> None:
    process = Process(moves=True)
    assert finished(process, step=lambda: process.put(OVER + TID, (1 << 64) - 1)).threads == 0
    process = Process(moves=True)
    assert finished(process, step=lambda: process.put(OVER + TID, 4009)).threads == 0


def test_main_that_left_by_pthread_exit_is_no_thread_of_its_own() -> None:
    process = Process(moves=True)
    process.put(HEAP + TID, 0)
    found = finished(process)
    assert (found.threads, found.main_has_left) == (1, True)


def test_lists_of_another_process_tell_nothing() -> None:
    """Of a child by _Fork, which has its parent's; also where it is the only thread that is there."""
    for tids in ((), (4000,), (4000, 4001)):
        with pytest.raises(TargetError, match="not this process's own"):
            finished(Process(moves=True), FakeTasks(*tids))


def test_a_thread_that_just_began_is_no_stranger() -> None:
    tasks = FakeTasks(4000, 4001)
    process = Process(moves=True)

    def begin() -> None:
        tasks.tids = (4000, 4001, 4002)

    assert finished(process, tasks, begin).threads == 1


def test_rings_that_never_close_tell_nothing() -> None:
    process = Process(moves=True)
    looking = of(process)
    process.put(OVER + 704, 0x10)
    with pytest.raises(TargetError, match="changed each time"):
        run(looking.finished(ALL))  # type: ignore[arg-type]


class Busy(Process):
    """Changes the lists between any two reads: threads are joined, others are made, which go to the front and may have
    the descriptor of one before."""

    def __init__(self, random: Random, rate: float):
        super().__init__(moves=True, threads=8)
        self._random, self._rate = random, rate
        self.used = list(self.descriptors[1:])
        # main stays, and the finished one
        self._others = self.used[:-1]
        self.tid = 5000
        self.is_busy = False

    def step(self) -> None:
        pthread = self._random.choice(self._others)
        if pthread in self.used:
            self.used.remove(pthread)
            self.put(pthread + TID, (1 << 64) - 1)
        else:
            self.used.insert(0, pthread)
            self.tid += 1
            self.put(pthread + TID, self.tid)
        self.relink()

    def leak(self) -> None:
        """What has finished is of a new thread, in front of all others."""
        leaked = self.descriptors[-1]
        self.used.remove(leaked)
        self.used.insert(0, leaked)
        self.relink()

    def relink(self) -> None:
        ring = [RINGS, *(each + 704 for each in self.used)]
        for at, after in zip(ring, ring[1:] + ring[:1]):
            self.put(at, after)
            self.put(after + 8, at)

    def read(self, address: int, size: int) -> bytes:
        while self.is_busy and self._random.random() < self._rate:
            self.step()
        return super().read(address, size)

    def now(self) -> Dict[int, int]:
        return {tid: tid for tid in range(4000, self.tid + 1)}


@settings(max_examples=400)
@given(st.integers(0, 1 << 64), st.sampled_from([0.02, 0.1, 0.3, 0.6]))
def test_one_that_stays_is_never_passed_over(seed: int, rate: float) -> None:
    """None is seen where it is not told either: then it is no number at all."""
    process = Busy(Random(seed), rate)
    looking = of(process)
    process.is_busy = True
    told: List[int] = []
    for _ in range(20):
        process.leak()
        try:
            told.append(run(looking.finished(process), process.step)[0].threads)  # type: ignore
        except TargetError:
            continue
    assert set(told) <= {1}


def test_of_many_only_what_is_new_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rings, "FEW", 0)
    process = Process(moves=True)
    looking = of(process)
    assert run(looking.finished(ALL)) == (Finished(1, 0, False), 1)  # type: ignore[arg-type]
    assert run(looking.finished(ALL)) == (Finished(1, 0, False), 0)  # type: ignore[arg-type]
    process.put(OVER + TID, 4003)
    more = FakeTasks(4000, 4001, 4002, 4003)
    assert run(looking.finished(more))[0].threads == 0  # type: ignore[arg-type]
    process.put(OVER + TID, 0)
    assert run(looking.finished(ALL)) == (Finished(1, 0, False), 1)  # type: ignore[arg-type]
