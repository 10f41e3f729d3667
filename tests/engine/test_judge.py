# SPDX-License-Identifier: MIT
"""Verdicts: which class, leaked or not, how sure, and why."""

from typing import Any, Iterable, List, NamedTuple, Optional

import pytest
from image import (
    MAIN,
    MS,
    PID,
    T0,
    TID_OFFSET,
    FakeTarget,
    FakeThread,
    TEXT,
    image,
    mark,
    module,
    record,
    scope,
    site,
)
from threadleak.judge.durations import duration
from threadleak.judge.report import BLIND, CLEAN, LEAKS, Report
from threadleak.judge.rule_set import RuleSet
from threadleak.judge.rules import parse_rule
from threadleak.judge.verdicts import Settings, Verdict
from threadleak.read import abi
from threadleak.read.look import compared, look_at

ENDED = abi.STARTED | abi.FINISHED
DETACHED = abi.STARTED | abi.DETACHED
OPEN, CLOSED, INNER = 1, 2, 3  # indices of SCOPES
SCOPES = [
    scope(1, b"open"),
    scope(2, b"closed", ended_ns=T0 + 50 * MS),
    scope(3, b"inner", parent=2),
]
LATER = T0 + 5000 * MS


def report(
    records: Iterable[bytes],
    now: Optional[int] = LATER,
    settings: Settings = Settings(),
    rules: Iterable[str] = (),
    threads: Optional[List[FakeThread]] = None,
    memory: Any = (),
    main: bytes = MAIN,
    **header: Any,
) -> Report:
    records = [main, *records]
    if threads is None:
        threads = [FakeThread(PID + id - 1, 0x7FFF00000000 + id * 0x1000) for id in range(1, 9)]
        known = {abi.RECORD.one(data).tid for data in records}
        threads = [thread for thread in threads if thread.tid in known]
        finished = {abi.RECORD.one(d).tid for d in records if abi.RECORD.one(d).finished_ns}
        threads = [thread for thread in threads if thread.tid not in finished]
    target = FakeTarget(image(records, scopes=SCOPES, **header) + list(memory), threads, now)
    parsed = [parse_rule(text) for text in rules]
    return Report(look_at(target), settings, RuleSet(parsed))


def judge(data: bytes, **how: Any) -> Verdict:
    """The verdict on the one thread besides main."""
    return report([data], **how).verdicts[-1]


class Case(NamedTuple):
    about: str
    data: bytes
    how: Any
    class_: str
    leaked: bool
    confidence: str
    why: str


CASES = [
    Case("it runs", record(2), {}, "alive", False, "suspicion", "It is alive."),
    Case(
        *("it runs, its scope is open", record(2, scope=OPEN), {}),
        *("alive", False, "suspicion", "its scope `open` is still open"),
    ),
    Case(
        *("it runs, its scope ended", record(2, scope=CLOSED), {}),
        *("outlived", True, "proof", "although the scope `closed` ended 4.9 s ago"),
    ),
    Case(
        *("it runs, a scope around its own ended", record(2, scope=INNER), {}),
        *("outlived", True, "proof", "although the scope `closed` around its own ended"),
    ),
    Case(
        *("it runs while the process exits", record(2), dict(flags=abi.EXITING)),
        *("outlived", True, "proof", "although the process is exiting"),
    ),
    Case(
        *("it runs, --at-end", record(2), dict(settings=Settings(at_end=True))),
        *("outlived", True, "proof", "judged as at the end of the process"),
    ),
    Case(
        *("detached, --at-end", record(2, DETACHED), dict(settings=Settings(at_end=True))),
        *("outlived", True, "proof", "It is detached, so nobody can wait for it."),
    ),
    Case(
        *("detached, allowed", record(2, DETACHED)),
        dict(settings=Settings(at_end=True, allow_detached=True)),
        *("outlived", False, "proof", "It is detached"),
    ),
    Case(
        *("finished long ago", record(2, ENDED), {}),
        *(
            "unjoined",
            True,
            "suspicion",
            "It finished 4.9 s ago, is joinable, and nobody joined it",
        ),
    ),
    Case(
        *("finished, C11, by thrd_exit", record(2, ENDED | abi.C11 | abi.EXITED), {}),
        *("unjoined", True, "suspicion", "It called thrd_exit 4.9 s ago"),
    ),
    Case(
        *("finished, its scope ended", record(2, ENDED, scope=CLOSED), {}),
        *("unjoined", True, "proof", "Its scope `closed` ended 4.9 s ago."),
    ),
    Case(
        *("finished, the process exits", record(2, ENDED), dict(flags=abi.EXITING)),
        *("unjoined", True, "proof", "The process is exiting."),
    ),
    Case(
        *("just finished", record(2, ENDED), dict(now=T0 + 300 * MS)),
        *("unjoined", False, "suspicion", "Not counted yet: that is less than 500 ms"),
    ),
    Case(
        *(
            "finished after the moment that the target tells",
            record(2, ENDED),
            dict(now=T0 + 50 * MS),
        ),
        *("unjoined", False, "suspicion", "It finished 0 ms ago"),
    ),
    Case(
        *(
            "finished, a detach or join was lost",
            record(2, ENDED, scope=CLOSED),
            dict(lost_facts=1),
        ),
        *("unjoined", True, "suspicion", "Its scope `closed` ended"),
    ),
    Case(
        *("just finished, --settle-ms 0", record(2, ENDED)),
        dict(now=T0 + 100 * MS, settings=Settings(settle_ms=0)),
        *("unjoined", True, "suspicion", "somebody may yet join it"),
    ),
    Case(
        *("just finished, --at-end", record(2, ENDED)),
        dict(now=T0 + 100 * MS, settings=Settings(at_end=True)),
        *("unjoined", True, "proof", "nobody joined it"),
    ),
    Case(
        *("finished, its join is under way", record(2, ENDED, join_begun_ns=T0 + MS, joiner=1), {}),
        *("unjoined", False, "suspicion", "it is being joined, thread 1 began to wait 4.9 s ago"),
    ),
    Case(
        *("finished, in a core", record(2, ENDED), dict(now=None)),
        *("unjoined", True, "suspicion", "The process was not at its end"),
    ),
    Case(
        *("finished, in a core, its scope ended meanwhile", record(2, ENDED, scope=CLOSED)),
        *(dict(now=None), "unjoined", True, "suspicion", "Its scope `closed` ended"),
    ),
    Case(
        *("gone without a word", record(2), dict(threads=[FakeThread(PID)])),
        *("unjoined", True, "suspicion", "it left by a raw exit system call"),
    ),
    Case(
        *("the main thread finished before", record(2, ENDED)),
        dict(main=record(1, abi.STARTED | abi.MAIN | abi.FINISHED), threads=[FakeThread(PID)]),
        *("unjoined", True, "proof", "The main thread finished."),
    ),
    Case(
        *("the kernel still has it", record(2, ENDED)),
        dict(
            threads=[FakeThread(PID), FakeThread(PID + 1)],
            memory=[(0x7FFF00002000 + TID_OFFSET, (PID + 1).to_bytes(4, "little"))],
        ),
        *("unjoined", False, "suspicion", "its end was just seen, and the kernel still has it"),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=[case.about for case in CASES])
def test_verdict(case: Case) -> None:
    seen = report([case.data], **case.how)
    verdict = seen.verdicts[-1]
    assert (verdict.class_, verdict.leaked, verdict.confidence) == case[3:6]
    assert case.why in " ".join(seen.evidence.why(verdict))
    fix = seen.evidence.fix(verdict)
    assert bool(fix) or not verdict.leaked


def test_the_main_thread_never_leaks() -> None:
    for how in (dict(flags=abi.EXITING), dict(settings=Settings(at_end=True))):
        main = report([], rules=["name:* whatever"], **how).verdicts[0]
        assert (main.class_, main.leaked, main.expected_by) == ("alive", False, None)


def test_untracked_is_no_leak_and_fails_only_where_asked() -> None:
    seen = report([], threads=[FakeThread(PID), FakeThread(9000, 0x1000)])
    assert [verdict.class_ for verdict in seen.verdicts] == ["alive", "untracked"]
    assert (seen.status(seen.leaked), seen.status(seen.leaked, strict=True)) == (CLEAN, LEAKS)
    assert "clone()" in seen.evidence.why(seen.verdicts[1])[0]


def test_the_fix_speaks_of_the_end_that_the_thread_outlived() -> None:
    for data, until in (
        (record(2, scope=CLOSED), "before its scope ends"),
        (record(2, scope=OPEN), "before the process ends"),
        (record(2, DETACHED), "before the process ends"),
    ):
        seen = report([data], settings=Settings(at_end=True))
        assert until in (seen.evidence.fix(seen.verdicts[1]) or "")


def test_a_fork_child_of_a_process_without_threads() -> None:
    seen = report([], flags=abi.FORK_CHILD, parent_pid=41)
    assert [notice.text for notice in seen.notices] == ["a fork child of process 41"]


def test_the_fix_speaks_of_the_api_that_made_the_thread() -> None:
    seen = report([record(2, ENDED), record(3, ENDED | abi.C11)])
    fixes = [seen.evidence.fix(verdict) or "" for verdict in seen.verdicts[1:]]
    assert "pthread_join" in fixes[0] and "thrd_join" in fixes[1]


def test_the_fix_of_a_std_thread_speaks_of_its_members() -> None:
    modules = [module(b"/usr/lib/libstdc++.so.6", TEXT)]
    seen = report([record(2, ENDED)], modules=modules)
    assert "std::thread::join" in (seen.evidence.fix(seen.verdicts[1]) or "")


def test_rules_say_what_is_expected() -> None:
    data = [record(2, scope=CLOSED), record(3, ENDED)]
    seen = report(data, rules=["name:worker-* a pool", "name:nobody* is there"])
    outlived, unjoined = seen.verdicts[1:]
    assert (outlived.leaked, outlived.expected_by) == (False, "name:worker-* a pool")
    assert (unjoined.leaked, unjoined.expected_by) == (True, None)
    assert "1 rule matched no thread: name:nobody*" in [notice.text for notice in seen.notices]
    seen = report(data, rules=["class=unjoined start:worker known, comes later"])
    assert [verdict.leaked for verdict in seen.verdicts[1:]] == [True, False]


@pytest.mark.parametrize(
    "rule, applies",
    [
        ("start:worker x", True),
        ("start:work x", False),
        ("module:server x", True),
        ("module:/srv/* x", True),
        ("site:main x", True),
        ("site:reload x", False),
        ("scope:clos* x", True),
        ("scope:Clos* x", False),
        ("class=alive name:* x", False),
    ],
)
def test_fields_of_rules(rule: str, applies: bool) -> None:
    assert (judge(record(2, scope=INNER), rules=[rule]).expected_by is not None) == applies


def test_marks_of_the_process_say_what_is_expected() -> None:
    marks = [mark(b"daemon: the log"), mark(b"class=unjoined site:x y", abi.RULE_UNJOINED)]
    sites = [
        site([TEXT + 0x1205]),
        site([TEXT + 0x1405], expected=1),
    ]  # of which records have copies
    data = [
        record(2, scope=CLOSED, expected=1),
        record(3, ENDED, expected=1),  # this mark speaks of threads that are alive
        record(4, ENDED, expected=2),
        record(5, scope=CLOSED, site=2),
        record(6, ENDED, site=2),
        record(7, expected=1),
    ]
    seen = report(data, sites=sites, marks=marks, rules=["name:* whatever"])
    daemon = "daemon: the log"
    assert [verdict.expected_by for verdict in seen.verdicts[1:]] == [
        *(daemon, None, "class=unjoined site:x y", "name:* whatever", None, daemon)
    ]
    assert [verdict.leaked for verdict in seen.verdicts[1:]] == [
        False,
        True,
        False,
        False,
        True,
        False,
    ]
    main = report([], marks=marks, main=record(1, abi.STARTED | abi.MAIN, expected=1)).verdicts[0]
    assert main.expected_by is None


def test_registries_of_version_1_0_have_no_marks() -> None:
    seen = report([record(2, scope=CLOSED, expected=1)], abi_minor=0, header_size=1344)
    assert seen.verdicts[1].leaked and not seen.notices


def test_marks_that_are_not_there_expect_nothing_and_are_damage() -> None:
    seen = report([record(2, scope=CLOSED, expected=7)], marks=[mark(b"x")])
    assert seen.verdicts[1].leaked
    assert "records whose rule is not there" in " ".join(each.text for each in seen.notices)


def test_lost_records_are_no_green_light() -> None:
    seen = report([])
    assert seen.status(seen.leaked) == CLEAN
    seen.registry.copies[0].dropped["records"] = 3
    again = Report(compared(seen.look), Settings(), RuleSet())
    assert again.status(again.leaked) == BLIND
    assert "3 threads dropped for lack of room: nothing is known of them" in [
        notice.text for notice in again.notices
    ]


def test_damage_is_no_green_light_but_leaks_are_leaks() -> None:
    seen = report([record(2, site=99)])
    assert seen.status(seen.leaked) == BLIND
    seen = report([record(2, ENDED, site=99)])
    assert seen.status(seen.leaked) == LEAKS


def test_lost_facts_are_told_and_no_reason_for_another_status() -> None:
    seen = report([record(2, ENDED)], lost_facts=2)
    texts = [notice.text for notice in seen.notices]
    assert [text for text in texts if "2 detaches or joins could not be matched" in text]
    assert seen.status(seen.leaked) == LEAKS
    assert report([], lost_facts=2).status([]) == CLEAN


def test_what_else_is_told_of_the_process() -> None:
    seen = report([], failed_creates=7, failed_eagain=6, failed_errno=11, failed_at_ns=T0 + MS)
    assert [notice.text for notice in seen.notices] == [
        "7 threads could not be created, 6 with EAGAIN; last: EAGAIN"
    ]
    seen = report([], flags=abi.FORK_CHILD | abi.SECOND_COPY, parent_pid=41, threads_inherited=3)
    kinds = {notice.kind: notice.text for notice in seen.notices}
    assert (
        kinds["forked"] == "a fork child of process 41: 3 other threads of its parent are not here"
    )
    assert "second_copy" in kinds


@pytest.mark.parametrize(
    "ns, text",
    [
        (-5, "0 ms"),
        (12_345_678, "12 ms"),
        (3_456_000_000, "3.4 s"),
        (59_900_000_000, "59 s"),
        (61_000_000_000, "1 min 1 s"),
        (7_260_000_000_000, "2 h 1 min"),
        (5 * 86400 * 10**9, "5 days"),
    ],
)
def test_durations(ns: int, text: str) -> None:
    assert duration(ns) == text
