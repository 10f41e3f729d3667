# SPDX-License-Identifier: MIT
"""The engine's side of the verify protocol, without a process: what it reads, classifies, and answers."""

import json
from typing import Any, List, Sequence, Type

import pytest
from image import PID, TEXT, FakeTarget, frame, mark, record, scope, site
from threadleak.commands.verify_lines import QUIET, STRICT
from threadleak.commands.verify_report import MESSAGE_MAX
from threadleak.read import abi
from threadleak.target.base import RETURN, CurrentStack, Frame, TargetError, Thread
from verifying import Checks, ENDED, INNER, OTHER, TEST


def test_the_first_line_is_one_to_act_on(check: Checks) -> None:
    said = check([record(2, ENDED, scope=TEST), record(3, scope=TEST, site=2)])
    assert (
        said.report.splitlines()[0]
        == said.headline
        == (
            "threadleak: 2 leaked threads (1 unjoined, 1 outlived) in test Pool.Restart:"
            " 1 made by start_worker at server.c:42, 1 by reload at server.c:99"
        )
    )
    assert said.lines[0] == "classified 2" and said.last == "leaked 2"
    assert said.lines_of("reported") == ["2-3"]


def test_each_group_says_state_wait_stacks_and_fix_once(check: Checks) -> None:
    report = check([record(2, scope=TEST), record(3, scope=TEST)]).report
    for text, times in (
        ("2 outlived threads, ids 2-3, `worker-2`, `worker-3`, started in worker (server.c:30)", 1),
        ("thread 2: It is alive although the test `Pool.Restart` is over.", 1),
        ("its stack now:", 1),
        ("=> #0  start_worker (/src/server.c:42)", 1),
        ("before the test ends.", 1),
    ):
        assert report.count(text) == times, report


def test_scopes_inside_count_and_others_do_not(check: Checks) -> None:
    records = [record(2, scope=INNER), record(3, scope=OTHER), record(4)]
    assert check(records).last == "leaked 1"
    assert check(records, "what=since:1", "title=process").last == "leaked 3"
    assert check(records, "what=since:3").last == "leaked 2"
    assert check(records, "what=exit", "title=process").last == "leaked 3"


def test_the_checking_thread_and_main_do_not_count(check: Checks) -> None:
    assert check([record(2), record(3)], "what=since:1", "self=2").last == "leaked 1"
    assert check([], "what=since:1", "self=0").last == "leaked 0"


def test_titles_say_where(check: Checks) -> None:
    records = [record(2)]
    assert " in the process: " in check(records, "what=since:1", "title=process").headline
    assert " in test A.B: " in check(records, "what=since:1", "title=A.B").headline
    at_exit = check(records, "what=exit", "title=process")
    assert f" at the exit of server (pid {PID}): " in at_exit.headline
    assert "although the process is exiting" in at_exit.report


def test_a_scope_that_is_not_there_is_no_green_light(check: Checks) -> None:
    with pytest.raises(TargetError, match="no scope 99"):
        check([], "what=scope:99")


def test_at_the_exit_what_was_reported_before_is_told_in_one_line(check: Checks) -> None:
    """It counts, and documents are whole."""
    scopes = [
        scope(11, b"Pool.Restart", ended_ns=9),
        scope(12, b"Pool.Stop", ended_ns=9),
        scope(13, b"open"),
    ]
    before = abi.STARTED | abi.REPORTED
    records = [record(2, before, scope=TEST), record(3, before | abi.FINISHED, scope=TEST)]
    of_exit = ("what=exit:1", "title=process")
    said = check(records, *of_exit, scopes=scopes)
    where = f"at the exit of server (pid {PID}): "
    headline = f"threadleak: 2 leaked threads (1 unjoined, 1 outlived) {where}"
    assert said.report == f"{headline}reported before, in test Pool.Restart\n"
    assert said.last == "leaked 2" and not said.lines_of("reported")
    records += [record(4, scope=TEST), record(5, before, scope=2), record(6, before, scope=3)]
    said = check(records, *of_exit, scopes=scopes)
    first = f"threadleak: 5 leaked threads (1 unjoined, 4 outlived) {where}1 made by start_worker at server.c:42"
    told = "4 reported before, in tests Pool.Restart, Pool.Stop"
    assert said.report.startswith(f"{first}, {told}\n\n1 outlived thread, id 4,")
    assert said.report.count("created at:") == 1
    shown = json.loads(check(records, *of_exit, "format=json", scopes=scopes).report)
    assert shown["brief"] == said.report and len(shown["threads"]) == 5
    assert "5 made by start_worker" not in said.report and "ids 2-6" in shown["text"]
    assert "ids 2-6" in check(records, *of_exit, "format=junit", scopes=scopes).report
    assert "ids 2-6" in check(records, "what=since:1", "title=process", scopes=scopes).report


def test_all_is_well(check: Checks) -> None:
    said = check([record(2, scope=OTHER)])
    assert said == (["classified 0", "leaked 0"], "")


def test_a_closed_pipe_ends_it_without_a_word(check: Checks) -> None:
    said = check([record(2, scope=TEST)], wanted=b"")
    assert said == (["classified 1"], "")


def test_quiet_is_for_callers_that_show_the_message(check: Checks) -> None:
    said = check([record(2, scope=TEST)], f"flags={QUIET}")
    assert said.report == "" and said.last == "leaked 1"
    assert "\n".join(said.lines_of("message")).startswith(
        "threadleak: 1 leaked thread (1 outlived)"
    )


def test_ten_thousand_equal_leaks_are_one_group(check: Checks) -> None:
    said = check([record(id, ENDED, scope=TEST) for id in range(2, 10_002)])
    assert said.last == "leaked 10000" and len(said.report.encode()) <= 4096
    assert "10,000 unjoined threads, ids 2-10001" in said.report


class Verbose(FakeTarget):
    """Names as C++ has them, in deep folders."""

    def symbolize(self, pc: int, what: int) -> List[Frame]:
        name = f"void a::b<{'std::vector<int>, ' * 20}int>::call_{pc:x}(std::string const&)"
        return [
            Frame(pc, name, None, None, "/home/\u00e4" + "/folder" * 40 + "/file.cc", pc % 1000)
        ]

    def current_stacks(self, threads: Sequence[Thread], limit: int) -> List[CurrentStack]:
        frames = tuple((TEXT + 0x5000 + 16 * number, RETURN) for number in range(limit))
        return [CurrentStack(frames, "")] * len(threads)


def test_whatever_their_stacks_look_like(check: Checks) -> None:
    sites = [site([frame(TEXT + 0x2000 + 16 * number) for number in range(32)])]
    records = [record(id, scope=TEST, name=b"n%d" % id) for id in range(2, 5002)]
    said = check(records, sites=sites, target=Verbose)
    assert said.last == "leaked 5000" and len(said.report.encode()) <= 4096
    assert "call_" in said.headline and said.report.count("more)") == 2


def test_many_different_leaks_are_told_briefly(check: Checks) -> None:
    sites = [site([frame(TEXT + 0x2000 + 16 * number)]) for number in range(300)]
    records = [record(id, ENDED, scope=TEST, site=id) for id in range(2, 301)]
    said = check(records, sites=sites)
    assert said.last == "leaked 299" and len(said.report.encode()) <= 16384
    assert "296 elsewhere" in said.headline


def test_the_message_is_bounded_and_has_the_headline_first(check: Checks) -> None:
    records = [record(id, ENDED, scope=TEST, site=1 + id % 2) for id in range(2, 100)]
    lines = check(records).lines_of("message")
    assert len("".join(line + "\n" for line in lines).encode()) <= MESSAGE_MAX and len(lines) > 5


class Untold(FakeTarget):
    """The kernel does not say what threads do."""

    def current_stacks(self, threads: Sequence[Thread], limit: int) -> List[CurrentStack]:
        return [CurrentStack((), "nobody\x07 says")] * len(threads)

    def state_of(self, thread: Thread) -> str:
        return "alive"


class Unreadable(FakeTarget):
    def current_stacks(self, threads: Sequence[Thread], limit: int) -> List[CurrentStack]:
        raise TargetError("not for us")


class Running(Untold):
    def state_of(self, thread: Thread) -> str:
        return "running"


@pytest.mark.parametrize(
    "target, said, unsaid",
    [
        (Untold, "  Its stack cannot be told: nobody\\x07 says.\n", "It is"),
        (Unreadable, "  What it does cannot be told: not for us\n", "its stack now"),
        (Running, "  It is running.\n", "cannot be told"),
    ],
)
def test_what_cannot_be_had_is_named_and_the_rest_is_told(
    check: Checks, target: Type[FakeTarget], said: str, unsaid: str
) -> None:
    report = check([record(2, scope=TEST)], target=target).report
    assert said in report and "created at:\n  => #0  start_worker" in report
    assert unsaid not in report.replace("It is alive although", "")


# ---- what was announced, and what cannot be told -------------------------------------------------


@pytest.mark.parametrize(
    "expect, last, said",
    [
        (2, "leaked 0", None),
        (
            1,
            "leaked 1",
            "expected 1 leaked thread, found 2 (2 outlived) in test Pool.Restart: made",
        ),
        (5, "leaked 3", "expected 5 leaked threads, found 2 (2 outlived)"),
        (0, "leaked 2", "expected 0 leaked threads, found 2 (2 outlived)"),
    ],
)
def test_announced_leaks(check: Checks, expect: int, last: str, said: str) -> None:
    found = check([record(2, scope=TEST), record(3, scope=TEST)], f"expect={expect}")
    assert found.last == last
    assert said in found.headline if said is not None else found.report == ""


def test_announced_leaks_that_did_not_come(check: Checks) -> None:
    found = check([], "expect=2")
    assert found.headline == "threadleak: expected 2 leaked threads, found 0 in test Pool.Restart"
    assert found.last == "leaked 2"


def test_lost_records_are_no_green_light(check: Checks) -> None:
    for words in ([], ["expect=1"]):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("threadleak.read.table.Table.__init__", _with_dropped(3))
            said = check([record(2, scope=OTHER)], *words)
            assert said.last.startswith("blind 3 threads dropped for lack of room")
            assert check([record(2, scope=TEST)]).last == "leaked 1"  # leaks are leaks


def _with_dropped(count: int) -> Any:
    from threadleak.read.table import Table

    init = Table.__init__

    def dropping(self: Table, header: Any, name: str, *rest: Any) -> None:
        init(self, header, name, *rest)
        self.dropped = count if name == "records" else 0

    return dropping


def test_suspicions_alone_cannot_be_told(check: Checks) -> None:
    said = check([record(2, ENDED, scope=TEST)], lost_facts=1)
    assert said.last.startswith("blind 1 detach or join could not be matched")
    said = check([record(2, ENDED, scope=TEST), record(3, scope=TEST)], lost_facts=1)
    assert said.last == "leaked 1" and "1 outlived" in said.headline


class Runs(FakeTarget):
    def current_stacks(self, threads: Sequence[Thread], limit: int) -> List[CurrentStack]:
        return [CurrentStack((), "it runs")] * len(threads)


def test_whether_a_thread_that_runs_is_idle_cannot_be_told(check: Checks) -> None:
    """It is a candidate first, as it may sleep soon."""
    said = check([record(2, scope=TEST)], "ruletext=name:* idle=yes x", target=Runs)
    assert said.lines[0] == "classified 1" and said.report == ""
    assert said.last.startswith(
        "blind 1 thread may or may not be idle, as the rule name:* idle=yes"
    )
    others = "ruletext=name:other idle=yes x"
    assert check([record(2, scope=TEST)], others, target=Runs).last == "leaked 1"


def test_untracked_threads_are_blind_where_that_is_asked_for(check: Checks) -> None:
    records = [record(2, scope=OTHER)]
    assert check(records, more_threads=1).last == "leaked 0"
    said = check(records, f"flags={STRICT}", more_threads=1)
    assert said.last == "blind 1 untracked thread, not in the registry"
