# SPDX-License-Identifier: MIT
"""A process that runs on while it is looked at: nothing of what it changes meanwhile becomes a verdict."""

from random import Random
from typing import Any, Callable, Iterator, List, Sequence, Tuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image import MAIN, MS, PID, T0, FakeTarget, FakeThread, image, record
from threadleak.read import abi, look, second_source, settled
from threadleak.read.descriptor import Descriptor
from threadleak.read.records import Records
from threadleak.read.threads import ALIVE, FINISHED
from threadleak.read.unrecycled import unrecycled

ENDED = abi.STARTED | abi.FINISHED
WORDS = abi.RECORD.size // 8


def kept(first: bytes, second: bytes, third: bytes) -> Records:
    return Records(filter(None, unrecycled([(first, second)], [third], abi.RECORD.size)))


def test_a_record_that_was_recycled_meanwhile_is_left_out() -> None:
    two, three = record(2), record(3)
    for reads in (
        [two + three, two + three, two + record(9, sequence=1)],
        [two + record(9), two + three, two + three],
        [two + three, two + three, two + record(3, sequence=1)],
        [two + bytes(128), two + three, two + three],
    ):
        assert list(kept(*reads).ids) == [2]


def test_what_stays_is_as_the_second_read_saw_it() -> None:
    running, finished = record(2), record(2, ENDED)
    assert [each.state for each in kept(running, running, finished)] == [abi.STARTED]
    assert [each.state for each in kept(running, finished, finished)] == [ENDED]


def test_the_end_is_seen_with_its_time() -> None:
    (seen,) = kept(record(2), record(2, ENDED, finished_ns=0), record(2, ENDED))
    assert seen.finished_ns == T0 + 100 * MS


def test_blocks_that_cannot_be_read() -> None:
    data = record(2)
    assert list(unrecycled([(data, None)], [data], 128)) == [None]
    assert list(unrecycled([(None, data)], [data], 128)) == [bytes(8) + data[8:]]
    assert list(unrecycled([(data, data)], [None], 128)) == [bytes(8) + data[8:]]


def writer(memory: List[int], number: int) -> Iterator[None]:
    """Recycles one record for ever, in the order of give_back() and of the next creation."""
    while True:
        memory[7] += 1  # sequence, in the lower half of this word
        yield
        memory[0] = 0
        yield
        number += 1
        for word in (1, 2, 3, 4):
            memory[word] = number
            yield
        memory[0] = number
        yield


def copied(memory: List[int], random: Random, step: Callable[[], Any], rate: float) -> bytes:
    """One read: the words in any order, with the writer at work in between."""
    words = [0] * WORDS
    for at in random.sample(range(WORDS), WORDS):
        while random.random() < rate:
            step()
        words[at] = memory[at]
    return b"".join(word.to_bytes(8, "little") for word in words)


@settings(max_examples=400)
@given(st.integers(0, 1 << 64), st.sampled_from([0.01, 0.05, 0.2, 0.5]))
def test_no_mixture_of_two_threads_is_accepted(seed: int, rate: float) -> None:
    random = Random(seed)
    memory = [5, 5, 5, 5, 5] + [0] * (WORDS - 5)
    work = writer(memory, 5)
    for _ in range(random.randrange(7)):
        next(work)
    reads = [copied(memory, random, lambda: next(work), rate) for _ in range(3)]
    for seen in kept(*reads):
        assert seen.id == seen.creator == seen.start == seen.arg == seen.created_ns


def test_the_writer_of_that_test_writes_where_the_sequence_is() -> None:
    fields = {field.name: field for field in abi.RECORD.fields}
    assert fields["sequence"].offset == 56 and fields["sequence"].size == 4


class Moving(FakeTarget):
    moves = True


Shot = Tuple[List[bytes], List[FakeThread]]


def looks(*shots: Shot) -> Tuple[look.Look, int]:
    """The look that comes of a process which looks so at first, then so, and so on; and how many it took."""
    taken: List[Shot] = []

    def open_target() -> FakeTarget:
        taken.append(shots[min(len(taken), len(shots) - 1)])
        records, threads = taken[-1]
        return Moving(image([MAIN, *records]), [FakeThread(PID), *threads], now=T0)

    return look.look(open_target), len(taken)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look.time, "sleep", lambda seconds: None)


def states(taken: look.Look) -> List[Tuple[Any, Any, str]]:
    return [(each.id, each.tid, each.state) for each in taken.threads.infos if not each.is_main]


WORKER = FakeThread(PID + 1)  # of record(2)
STRANGER = FakeThread(9000, 0x7FFF12345000)


def test_one_look_is_enough_where_nothing_is_doubtful() -> None:
    taken, count = looks(([record(2), record(3, ENDED)], [WORKER]))
    assert count == 1
    assert states(taken) == [("2", PID + 1, ALIVE), ("3", PID + 2, FINISHED)]


def test_untracked_is_what_two_looks_in_a_row_do_not_know() -> None:
    taken, count = looks(([], [STRANGER]))
    assert (states(taken), count) == ([(None, 9000, ALIVE)], 2)
    taken, count = looks(([], [STRANGER]), ([], []))
    assert (states(taken), count) == ([], 2)


def test_gone_is_what_two_looks_in_a_row_miss() -> None:
    taken, count = looks(([record(2)], []))
    assert (states(taken), count) == ([("2", PID + 1, FINISHED)], 2)
    taken, count = looks(([record(2)], []), ([record(2)], [WORKER]))
    assert (states(taken), count) == ([("2", PID + 1, ALIVE)], 2)


def test_a_detached_thread_that_ends_between_two_reads_did_not_end_unseen() -> None:
    detached = record(2, abi.STARTED | abi.DETACHED)
    taken, count = looks(([detached], []), ([], []))
    assert (taken.threads.detached_gone, count) == ([], 2)
    taken, count = looks(([detached], []))
    assert ([info.id for info in taken.threads.detached_gone], count) == (["2"], 2)
    target = FakeTarget(image([MAIN, detached]), [FakeThread(PID)])
    target.blurred = True
    assert look.look(lambda: target).threads.detached_gone == []


class AllJoined:
    """glibc's lists where every thread that has finished was joined."""

    def unjoined_starts(self, pthreads: Sequence[int]) -> List[int]:
        return [0 for _ in pthreads]

    def threads(self) -> List[Descriptor]:
        return []


@pytest.mark.parametrize(
    "shots, unseen, count",
    [
        ([[record(2, ENDED)], []], 0, 2),  # the join came between two reads
        ([[record(2, ENDED)], [record(2, ENDED)]], 1, 2),
        ([[record(2, ENDED, join_begun_ns=T0)]], 0, 1),  # is about to return
        ([[record(number, ENDED)] for number in range(2, 11)], 0, 1 + len(look.PAUSES_S)),
    ],
)
def test_joined_unseen_is_what_two_looks_in_a_row_say(
    monkeypatch: pytest.MonkeyPatch, shots: List[List[bytes]], unseen: int, count: int
) -> None:
    monkeypatch.setattr(second_source, "glibc_of", lambda target: AllJoined())
    taken, looked = looks(*((records, []) for records in shots))
    assert (len(taken.threads.joined_unseen), looked) == (unseen, count)
    assert states(taken) == []


def test_gone_are_not_threads_of_the_program_that_was_there_before() -> None:
    """exec: the next program's threads have the same ids."""
    programs = [image([MAIN, record(2)], start_monotonic_ns=T0 + MS * run) for run in range(9)]
    taken = look.look(lambda: Moving(programs.pop(0), [FakeThread(PID)], now=T0))
    assert (states(taken), len(programs)) == ([], 9 - 1 - len(look.PAUSES_S))


def test_a_process_whose_threads_come_and_go() -> None:
    """Each look meets another thread that is about to end: none of them is untracked."""
    shots = [([], [FakeThread(9000 + number)]) for number in range(9)]
    taken, count = looks(*shots)
    assert (states(taken), count) == ([], 1 + len(look.PAUSES_S))


def test_one_that_stays_among_those_that_come_and_go() -> None:
    shots = [([], [STRANGER, FakeThread(9001 + number)]) for number in range(9)]
    taken, _ = looks(*shots)
    assert states(taken) == [(None, 9000, ALIVE)]


def test_a_core_made_while_the_process_ran_on_proves_no_absence() -> None:
    target = FakeTarget(image([MAIN, record(2), record(3, ENDED)]), [FakeThread(PID), STRANGER])
    target.blurred = True
    taken = look.look(lambda: target)
    assert (states(taken), taken.left_out) == ([("3", PID + 2, FINISHED)], 2)
    assert states(look.compared(taken)) == states(taken)


def descriptor(tid: int) -> Descriptor:
    stack = (0x7F0000000000, 1 << 23, 1 << 12)
    return Descriptor(0x7F0000001000, tid, False, 0x401000, 0, 0, *stack, False, tid == 0)


@pytest.mark.parametrize("tids, is_same", [([0], True), ([0, 4242, 0], False)])
def test_a_thread_that_has_the_descriptor_of_one_that_was_joined_is_another(
    monkeypatch: pytest.MonkeyPatch, tids: List[int], is_same: bool
) -> None:
    """It finishes before the next look, to which it looks the same."""

    class Lists:
        def descriptor(self, pthread: int) -> Descriptor:
            return descriptor(tids.pop(0) if len(tids) > 1 else tids[0])

    monkeypatch.setattr(settled, "glibc_of", lambda target: Lists())
    gone = settled.begun_anew(Moving([], []), [descriptor(0)], 0.02)
    assert gone == (set() if is_same else {descriptor(0)})
