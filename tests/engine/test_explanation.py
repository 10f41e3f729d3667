# SPDX-License-Identifier: MIT
"""What is said of blocked threads, from waits that no process had."""

import os
from typing import Dict, List, Optional, Sequence, Set

import pytest
from hypothesis import given
from hypothesis import strategies as st
from image import FakeTarget, PID, record
from test_judge import report
from threadleak.judge.durations import size
from threadleak.judge.ends import how_to_end
from threadleak.judge.explanation import Explainer, Explanation
from threadleak.judge.groups import ranges, runs, without, written
from threadleak.judge.waiting import Waiting
from threadleak.read import wait as kinds
from threadleak.read.threads import ThreadInfo
from threadleak.read.wait import HIGH, MEDIUM, Wait

MUTEX, CONDITION = 0x4040, 0x4080


def pthread(id: int) -> int:
    return 0x7FFF00000000 + id * 0x1000


def held(object: int, owner: int, **more: object) -> Wait:
    return Wait(kinds.MUTEX, HIGH, "futex", object, object, owner=pthread(owner), **more)  # type: ignore


def joins(owner: int) -> Wait:
    return Wait(kinds.JOIN, HIGH, "futex", pthread(owner) + 720, owner=pthread(owner))


CONDITION_WAIT = Wait(kinds.CONDITION, HIGH, "futex", CONDITION + 40, CONDITION, mutex=MUTEX)


class Told:
    """Waits by the id of the thread."""

    def __init__(self, waits: Dict[int, Wait]):
        self.waits = waits

    def of(self, infos: Sequence[ThreadInfo]) -> List[Optional[Wait]]:
        return [self.waits.get(int(info.id or 0)) for info in infos]


class Seen:
    """The threads 1 to `count`, of which those in `waits` wait."""

    def __init__(self, waits: Dict[int, Wait], count: int = 4, finished: Sequence[int] = ()):
        self.report = report([record(id) for id in range(2, count + 1)])
        self.target = self.report.target
        assert isinstance(self.target, FakeTarget)
        self.target.data_symbols = {MUTEX: "cache.lock", CONDITION: "queue.cv"}
        infos = [verdict.thread for verdict in self.report.verdicts]
        self.infos = {int(info.id or 0): info for info in infos}
        for id in finished:
            self.infos[id].kernel = None
        waiting = Waiting(infos, Told(waits))
        self.explainer = Explainer(self.target, waiting, self.report.name_of)

    def of(self, id: int) -> Explanation:
        found = self.explainer.of(self.infos[id])
        assert found is not None
        return found


def test_a_thread_that_does_not_wait_has_no_explanation() -> None:
    seen = Seen({})
    assert seen.explainer.of(seen.infos[2]) is None


def test_the_owner_of_a_mutex_and_what_it_does() -> None:
    seen = Seen({2: held(MUTEX, 3)}).of(2)
    assert seen.waits == "for the mutex `cache.lock` (0x4040), which thread 3 `worker-3` holds"
    assert seen.sentences == ["Thread 3 `worker-3` is blocked."]


def test_an_owner_that_finished() -> None:
    seen = Seen({2: held(MUTEX, 3)}, finished=[3])
    assert seen.of(2).waits.endswith(", which thread 3 `worker-3` held when it ended")
    assert seen.of(2).sentences == []
    said = "1 thread waits for what it held when it ended: thread 2 `worker-2`."
    assert list(seen.explainer.hanging(seen.infos[3])) == [said]


def test_an_owner_that_is_gone_is_known_by_its_tid() -> None:
    wait = Wait(kinds.MUTEX, HIGH, "futex", MUTEX, MUTEX, owner_tid=PID + 2)
    assert "which thread 3 `worker-3` held" in Seen({2: wait}, finished=[3]).of(2).waits


def test_a_chain_that_comes_back() -> None:
    seen = Seen({2: held(MUTEX, 3), 3: joins(2), 4: held(MUTEX, 3)})
    assert seen.of(2).sentences == [
        "Thread 3 `worker-3` waits for the end of this thread (pthread_join).",
        "1 other thread waits for it, too: thread 4 `worker-4`.",
        "1 thread waits for its end: thread 3 `worker-3`.",
    ]


def test_a_mutex_of_its_own() -> None:
    seen = Seen({2: held(MUTEX, 2)}).of(2)
    assert seen.waits == "for the mutex `cache.lock` (0x4040), which it holds itself"
    assert seen.sentences == []


@pytest.mark.parametrize(
    "more, said",
    [
        ({}, "whose owner, tid 77, is no thread that is alive"),
        ({"shared": True}, "whose owner, tid 77, may be in another process"),
        ({"in_kernel_hands": True}, "which is just being handed over"),
    ],
)
def test_an_owner_that_is_not_known(more: Dict[str, bool], said: str) -> None:
    wait = Wait(kinds.MUTEX, HIGH, "futex", MUTEX, MUTEX, "robust", owner_tid=77, **more)
    assert Seen({2: wait}).of(2).waits == f"for the robust mutex `cache.lock` (0x4040), {said}"


def test_nobody_is_named_for_a_condition_variable() -> None:
    seen = Seen({2: CONDITION_WAIT, 3: CONDITION_WAIT, 4: held(MUTEX, 1)}).of(2)
    assert seen.waits == (
        "for the condition variable `queue.cv` (0x4080), with the mutex `cache.lock` (0x4040)"
    )
    assert seen.sentences == [
        "A signal or a broadcast wakes it; who would do that cannot be told, since nobody owns a"
        " condition variable.",
        "1 thread waits for its mutex; thread 1 `server` holds it.",
        "1 other thread waits for it, too: thread 3 `worker-3`.",
    ]


def test_a_condition_variable_that_nobody_is_left_to_signal() -> None:
    ids = range(1, 5)
    seen = Seen({id: CONDITION_WAIT for id in ids}).of(2)
    assert (
        "All threads that are alive wait for it: a signal handler alone is left to do that."
        in seen.sentences
    )
    timed = Seen({id: CONDITION_WAIT._replace(timed=id == 1) for id in ids}).of(2)
    assert not any("left to do" in sentence for sentence in timed.sentences)


def test_a_wait_with_a_timeout_ends_by_itself() -> None:
    seen = Seen({2: CONDITION_WAIT._replace(timed=True)}).of(2)
    assert seen.sentences[0] == "The wait ends by itself: there is a timeout."


def test_many_waiters_are_ranges() -> None:
    seen = Seen({id: held(MUTEX, 1) for id in range(2, 9)}, 8)
    assert seen.of(2).sentences[-1] == "6 other threads wait for it, too: threads 3-8."


def test_descriptors_of_a_core_have_no_other_end() -> None:
    seen = Seen({2: Wait(kinds.DESCRIPTORS, HIGH, "read", fds=(5,))}).of(2)
    assert seen.waits == "for data from fd 5 (read)"
    assert seen.sentences == []


def test_a_pipe_that_this_process_alone_has() -> None:
    read, write = os.pipe()
    try:
        seen = Seen({2: Wait(kinds.DESCRIPTORS, HIGH, "read", fds=(read,))})
        assert isinstance(seen.target, FakeTarget)
        seen.target.local_pid = os.getpid()
        found = seen.of(2)
        number = os.fstat(read).st_ino
        assert found.waits == f"for data from fd {read} (the read end of pipe {number}) (read)"
        (sentence,) = found.sentences
        said = f"A suspicion: only this process itself can wake it, since nobody else has the write end of"
        assert sentence.startswith(f"{said} pipe {number} (fd {write} here) open")
    finally:
        os.close(read)
        os.close(write)


@pytest.mark.parametrize(
    "kind", sorted(each for each in vars(kinds).values() if isinstance(each, str))
)
def test_every_kind_can_be_said(kind: str) -> None:
    if kind not in kinds.CONFIDENCES and kind.islower() and "/" not in kind and "." not in kind:
        seen = Seen({2: Wait(kind, HIGH, "some_call", MUTEX, MUTEX)}).of(2)
        assert "{" not in seen.waits and "  " not in seen.waits
    seen = Seen({2: Wait(kind, HIGH, "some_call")}).of(2)
    assert "{" not in seen.waits and "  " not in seen.waits


def test_sizes() -> None:
    shown = [size(n) for n in (0, 12 << 10, 100 << 10, 3565158, 8 << 20, 78 << 30)]
    assert shown == ["0 KiB", "12 KiB", "100 KiB", "3.4 MiB", "8 MiB", "78 GiB"]


@given(st.sets(st.integers(1, 60), min_size=2), st.data(), st.integers(4, 40))
def test_the_others_are_named_as_if_each_was_looked_at(
    ids: Set[int], data: st.DataObject, width: int
) -> None:
    """Of ten thousand that wait for one thing, each is told the rest, without a look at all of them."""
    own = data.draw(st.sampled_from(sorted(ids)))
    assert written(without(runs(sorted(ids)), own), width) == ranges(ids - {own}, width)


def test_a_condition_variable_that_is_not_found_has_no_address() -> None:
    """The word that is waited on is no object that could be signalled."""
    lost = CONDITION_WAIT._replace(object=None, mutex=None, confidence=MEDIUM)
    seen = Seen({2: lost})
    told = seen.of(2)
    assert told.waits == f"for a condition variable, on the futex word {CONDITION + 40:#x}"
    ends = how_to_end(lost, seen.explainer.object_name, is_alone=False)
    assert ends is not None and "0x" not in ends and "all that wait for it" in ends


@pytest.mark.parametrize("kind", [kinds.CONDITION, kinds.RUST_CONDITION])
def test_of_several_that_wait_for_a_condition_variable_all_are_woken(kind: str) -> None:
    wait = CONDITION_WAIT._replace(kind=kind)
    name = Seen({}).explainer.object_name
    one, all = (how_to_end(wait, name, is_alone) or "" for is_alone in (True, False))
    assert "`queue.cv` (0x4080)" in one and "`queue.cv` (0x4080)" in all
    assert ("broadcast" in all) == ("pthread_cond_signal" in one) == (kind == kinds.CONDITION)
    assert "notify_all" in all and "all" not in one
