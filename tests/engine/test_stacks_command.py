# SPDX-License-Identifier: MIT
"""Threads by what they do now: what is one group, what its lines say, and what the document holds."""

import json
from typing import Any, List, Optional, Tuple

from image import PID, FakeTarget, FakeThread
from schema import errors
from test_subcommands import Bench, schema
from threadleak import commands
from threadleak.commands import execution
from threadleak.commands.session import Session
from threadleak.judge.same_stack import Group, Seen, group, place_of, runs
from threadleak.read.stacks import Stack
from threadleak.show.stacks import block
from threadleak.target.base import Frame, Thread

SERVER, LIBC, LIBSTDCXX = "/srv/server", "/lib/libc.so.6", "/usr/lib/libstdc++.so.6"


def frame(function: Optional[str], module: str = SERVER, line: Optional[int] = None) -> Frame:
    pc = hash((function, module, line)) & 0xFFFF
    return Frame(pc, function, module, pc, "/src/server.cc" if line else None, line)


WAIT = [frame("futex_wait", LIBC), frame("pthread_cond_wait", LIBC)]
STD_WAIT = [*WAIT, frame("std::condition_variable::wait(std::unique_lock<std::mutex>&)", LIBSTDCXX)]
RUN = [
    frame("Pool::run()", line=30),
    frame("std::__invoke<Pool>(Pool&&)"),
    frame("std::thread::_Invoker<std::tuple<Pool> >::operator()()"),
    frame("execute_native_thread_routine", LIBSTDCXX),
    frame("start_thread", LIBC),
    frame("clone3", LIBC),
]


def stack(*frames: Frame, end: str = "") -> Stack:
    return Stack(list(frames), not end, end)


def seen(tid: int, state: str = "blocked") -> Seen:
    return Seen(Thread(tid, tid), state, None)


def heading(made: Stack, *states: str) -> str:
    found = Group(made, [seen(tid, state) for tid, state in enumerate(states or ("blocked",), 1)])
    target = FakeTarget([], [FakeThread(each.thread.tid) for each in found.seen])
    return block(target, None, found, False)[0]


def folds(made: Stack) -> List[Tuple[int, int]]:
    return [(first, end) for first, end, empty in runs(made.frames) if empty]


# ---- groups --------------------------------------------------------------------------------------------


def test_the_largest_group_comes_first_and_each_has_its_threads_in_order() -> None:
    one, two = stack(*WAIT), stack(*RUN)
    groups = group([seen(5), seen(3), seen(4), seen(1), seen(2)], [one, two, one, two, two])
    assert [[each.thread.tid for each in found.seen] for found in groups] == [[1, 2, 3], [4, 5]]
    groups = group([seen(2), seen(1)], [one, two])
    assert [found.seen[0].thread.tid for found in groups] == [1, 2]


def test_what_looks_the_same_is_one_group() -> None:
    """Two calls on one line, two inlined copies; but not two places of which only the addresses are known."""
    here, there = frame("f", line=3), frame("f", line=3)._replace(pc=1)
    assert len(group([seen(1), seen(2)], [stack(here), stack(there)])) == 1
    here, there = frame("f"), frame("f")._replace(pc=1)
    assert len(group([seen(1), seen(2)], [stack(here), stack(there)])) == 2
    ends = stack(end="it runs"), stack(end="it has ended meanwhile")
    assert len(group([seen(1), seen(2)], ends)) == 2


def test_no_threads_no_groups() -> None:
    assert group([], []) == []


def test_ten_thousand_threads_are_two_groups() -> None:
    stacks = [stack(*STD_WAIT, *RUN), stack(*WAIT, *RUN)] * 5000
    threads = [seen(tid) for tid in range(10_000)]
    assert [len(found.seen) for found in group(threads, stacks)] == [5000, 5000]


# ---- at a glance ---------------------------------------------------------------------------------------


def test_the_heading_says_what_is_waited_in_and_who_called_it() -> None:
    assert heading(stack(*WAIT, *RUN)) == (
        "1 thread blocked in pthread_cond_wait, from Pool::run() (server.cc:30)"
    )
    assert "blocked in std::condition_variable::wait(" in heading(stack(*STD_WAIT, *RUN))
    assert heading(stack(*RUN), "running", "running") == (
        "2 threads running in Pool::run() (server.cc:30)"
    )
    states = ("blocked", "running", "blocked")
    assert heading(stack(*RUN), *states).startswith("3 threads (2 blocked, 1 running) in Pool")
    assert heading(stack(end="it runs"), "running") == "1 thread running"


def test_a_thread_of_a_library_is_told_by_its_start_routine() -> None:
    made = stack(frame("sigwaitinfo", LIBC), frame("timer_helper_thread", LIBC), *RUN[-2:])
    at = place_of(made)
    assert at.waits_in is not None and at.own is not None
    assert (at.waits_in.function, at.own.function) == ("sigwaitinfo", "timer_helper_thread")


def test_a_main_thread_that_exits_is_told_by_what_exit_waits_for() -> None:
    exits = [frame(name, LIBC) for name in ("pthread_cond_destroy", "__run_exit_handlers", "exit")]
    begins = [frame("__libc_start_main", LIBC), frame("_start")]
    at = place_of(stack(*exits, *begins))
    assert at.waits_in is not None and at.own is not None
    assert (at.waits_in.function, at.own.function) == ("pthread_cond_destroy", "exit")
    assert place_of(stack(frame("clone3", LIBC))).own == frame("clone3", LIBC)


def test_code_with_lines_is_the_users_where_libc_is_linked_in() -> None:
    at = place_of(stack(frame("pause"), frame("block", line=7), frame("start_thread")))
    assert at.waits_in is not None and at.own is not None
    assert (at.waits_in.function, at.own.function) == ("pause", "block")


def test_what_leads_to_the_users_code_is_folded() -> None:
    made = stack(*STD_WAIT, *RUN)
    assert folds(made) == [(4, 9)]
    assert folds(stack(*WAIT)) == [] and folds(stack(RUN[0], RUN[1], RUN[0])) == []
    static = [frame("main", line=3), frame("__libc_start_main"), frame("_start")]
    assert folds(stack(*static)) == [(1, 3)]


# ---- the command ---------------------------------------------------------------------------------------


def test_text_with_a_registry() -> None:
    lines = Bench().run("stacks").text.splitlines()
    assert lines[0] == "4 threads, 1 stack"
    assert lines[1].startswith("threadleak: 3 leaked threads (2 unjoined, 1 outlived) of 6")
    rows = {line.split()[0]: line.split(None, 1)[1] for line in lines if line.startswith("  ")}
    assert rows["tids"] == f"{PID}, {PID + 3}-{PID + 4}, 9000"
    assert rows["ids"] == "1, 4-5, tid:9000"
    assert rows["class"] == "2 alive, 1 outlived, 1 untracked"
    assert "reload (server.c:99): 1" in "\n".join(lines)


def test_text_without_a_registry() -> None:
    target = FakeTarget([(0x1000, bytes(64))], [FakeThread(1), FakeThread(2)], symbols=[])
    outcome = execution.invoke(commands.module("stacks"), Session(lambda: target), [])
    lines = outcome.text.splitlines()
    assert lines[0] == "2 threads, 1 stack" and lines[1].startswith("note: no registry was found")
    assert outcome.status == 0 and outcome.error is None
    assert "  names  kernel-name" in lines


def test_a_truncated_core_is_no_success() -> None:
    target = FakeTarget([(0x1000, bytes(64))], [FakeThread(1)], symbols=[])
    target.limit_list = ["the core file is truncated, 5 bytes are missing"]
    outcome = execution.invoke(commands.module("stacks"), Session(lambda: target), [])
    assert outcome.status == 2 and "truncated" in outcome.text


def shown(line: str) -> Any:
    document = json.loads(Bench().run(line + " --format json").text)
    assert errors(document, schema(), schema()) == []
    return document


def test_json() -> None:
    document = shown("stacks")
    (only,) = document["stacks"]
    assert only["threads"] == 4 and only["states"] == {"blocked": 4} and only["leaked"] == 1
    assert only["names"] == ["server", "straggler", "pool-1", "kernel-name"]
    assert only["by_class"] == {"outlived": 1, "alive": 2, "untracked": 1}
    assert [each["function"] for each in only["frames"]] == [None, "worker", "start_thread"]
    assert document["threads"] == [] and document["summary"]["threads"] == 6


def test_selection() -> None:
    assert shown("stacks --name pool-*")["stacks"][0]["tids"] == [PID + 4]
    assert shown("stacks --name kernel-name")["stacks"][0]["tids"] == [9000]
    assert shown("stacks --state running")["stacks"] == []
    assert len(shown("stacks --frames 1")["stacks"][0]["frames"]) == 1
