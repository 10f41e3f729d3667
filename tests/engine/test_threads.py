# SPDX-License-Identifier: MIT
"""Records and kernel threads become one list."""

from typing import Any, Iterable, List, Tuple

import pytest
from image import (
    MAIN,
    MS,
    PID,
    SELF_OFFSET,
    T0,
    TID_OFFSET,
    FakeTarget,
    FakeThread,
    image,
    record,
)
from threadleak.read import abi
from threadleak.read.locate import read_registry
from threadleak.read.reconcile import reconcile
from threadleak.read.threads import ALIVE, ENDING, FINISHED, STARTING, Threads
from threadleak.target.base import TargetError

ENDED = abi.STARTED | abi.FINISHED
MAIN_THREAD = FakeThread(PID)


def pthread(id: int) -> int:
    return 0x7FFF00000000 + id * 0x1000


def kernel(id: int) -> FakeThread:
    """The kernel's thread of record(id)."""
    return FakeThread(PID + id - 1, pthread(id))


def word(id: int, offset: int, value: int, size: int) -> Tuple[int, bytes]:
    return (pthread(id) + offset, value.to_bytes(size, "little"))


def run(
    records: List[bytes],
    threads: Iterable[FakeThread] = (),
    memory: Iterable[Tuple[int, bytes]] = (),
    **more: Any,
) -> Tuple[Threads, FakeTarget]:
    header = {key: more.pop(key) for key in list(more) if key in ("pid", "tid_offset")}
    regions = image([MAIN, *records], **header) + list(memory)
    target = FakeTarget(regions, [MAIN_THREAD, *threads], **more)
    return reconcile(read_registry(target), target), target


def states(threads: Threads) -> List[Tuple[Any, str]]:
    return sorted(((info.id, info.state) for info in threads.infos), key=str)


def test_alive_and_finished() -> None:
    threads, target = run([record(2), record(3, ENDED)], [kernel(2)])
    assert states(threads) == [("1", ALIVE), ("2", ALIVE), ("3", FINISHED)]
    assert [info.is_main for info in threads.infos].count(True) == 1
    assert target.register_reads == 0


def test_the_kernel_may_have_a_thread_a_moment_longer() -> None:
    held = word(2, TID_OFFSET, PID + 1, 4)
    threads, _ = run([record(2, ENDED)], [kernel(2)], [held])
    assert states(threads) == [("1", ALIVE), ("2", ENDING)]


def test_a_detached_thread_whose_end_was_seen_but_that_the_kernel_still_has() -> None:
    """Its record is about to be given back: it is no leak, and not untracked."""
    held = word(2, TID_OFFSET, PID + 1, 4)
    for state in (ENDED | abi.DETACHED, ENDED | abi.JOINED):
        threads, _ = run([record(2, state)], [kernel(2)], [held])
        assert states(threads) == [("1", ALIVE)] and threads.detached_ending == 1


def test_a_tid_in_use_again_is_another_thread() -> None:
    """The first one's word is 0; the second one has a record of its own, or none."""
    gone = word(2, TID_OFFSET, 0, 4)
    threads, _ = run([record(2, ENDED), record(3, tid=PID + 1)], [kernel(2)], [gone])
    assert states(threads) == [("1", ALIVE), ("2", FINISHED), ("3", ALIVE)]
    threads, _ = run([record(2, ENDED)], [FakeThread(PID + 1, 0x1000)], [gone])
    assert states(threads) == [("1", ALIVE), ("2", FINISHED), (None, ALIVE)]


def test_two_records_that_claim_one_thread() -> None:
    both = [record(2), record(3, tid=PID + 1)]
    threads, target = run(both, [FakeThread(PID + 1, pthread(2))])
    assert states(threads) == [("1", ALIVE), ("2", ALIVE), ("3", FINISHED)]
    assert [info.end_unseen for info in threads.infos if info.id == "3"] == [True]
    assert target.register_reads == 1


def test_an_end_that_no_hook_saw() -> None:
    detached = record(3, abi.STARTED | abi.DETACHED)
    threads, _ = run([record(2), detached])
    assert states(threads) == [("1", ALIVE), ("2", FINISHED)]
    assert [info.id for info in threads.detached_gone] == ["3"]


def test_untracked_threads() -> None:
    threads, target = run([], [FakeThread(9000, 0x4000), FakeThread(9001, 0x5000)])
    assert states(threads) == [("1", ALIVE), (None, ALIVE), (None, ALIVE)]
    assert target.register_reads == 2


def test_registers_are_read_for_some_only() -> None:
    threads, target = run([], [FakeThread(9000 + n, 0x5000) for n in range(1000)])
    assert len(threads.infos) == 1001 and target.register_reads == 64


def test_a_detached_thread_that_gave_its_record_back() -> None:
    ended = word(5, SELF_OFFSET, 1, 8)
    threads, _ = run([], [kernel(5)], [ended])
    assert states(threads) == [("1", ALIVE)] and threads.detached_ending == 1


def test_a_thread_that_is_being_created() -> None:
    created = record(2, 0, tid=0, pthread=0)
    threads, _ = run([created])
    assert states(threads) == [("1", ALIVE), ("2", STARTING)]
    threads, _ = run([created], [FakeThread(9000, 0x5000)])
    assert states(threads) == [("1", ALIVE), ("2", STARTING)]
    threads, _ = run([created], [FakeThread(9000, 0x5000), FakeThread(9001, 0x6000)])
    assert states(threads) == [("1", ALIVE), ("2", STARTING), (None, ALIVE)]


def test_the_main_thread_has_no_record() -> None:
    target = FakeTarget(image([record(2)]), [MAIN_THREAD, kernel(2)])
    threads = reconcile(read_registry(target), target)
    assert [(info.id, info.is_main) for info in threads.infos] == [("2", False), (None, True)]


def test_the_main_thread_left_by_pthread_exit() -> None:
    """The kernel keeps a zombie of it, which is no thread."""
    main = record(1, abi.STARTED | abi.MAIN | abi.FINISHED)
    target = FakeTarget(image([main, record(2)]), [MAIN_THREAD, kernel(2)])
    threads = reconcile(read_registry(target), target)
    assert states(threads) == [("2", ALIVE)]


def test_a_registry_of_the_parent() -> None:
    with pytest.raises(TargetError, match="the registry is that of process 4000"):
        run([record(2)], pid=4000, now=T0)
    with pytest.raises(TargetError, match="made by vfork, _Fork or clone"):
        run([record(2)], pid=4000)


def test_a_core_that_was_written_from_outside_a_pid_namespace() -> None:
    """The debugger's numbers are those of the host; descriptors hold the process's own."""
    regions = image([record(1, abi.STARTED | abi.MAIN, tid=1), record(2, tid=2)], pid=1)
    regions += [word(1, TID_OFFSET, 1, 4), word(2, TID_OFFSET, 2, 4)]
    seen = [FakeThread(PID, pthread(1)), FakeThread(7777, pthread(2))]
    target = FakeTarget(regions, seen)
    threads = reconcile(read_registry(target), target)
    assert [(info.id, info.tid) for info in threads.infos] == [("1", PID), ("2", 7777)]


def test_no_threads_at_all() -> None:
    target = FakeTarget(image([MAIN]), [])
    with pytest.raises(TargetError, match="no threads"):
        reconcile(read_registry(target), target)


def test_several_copies_see_the_same_threads() -> None:
    records = [MAIN, record(2), record(3, ENDED)]
    only_here = record(4, ENDED, created_ns=T0 + MS)
    regions = image(records) + image([*records, only_here], address=0x555557000000, shift=1 << 32)
    target = FakeTarget(regions, [MAIN_THREAD, kernel(2)])
    threads = reconcile(read_registry(target), target)
    assert [info.id for info in threads.infos] == ["1", "2", "3", "2.4"]
