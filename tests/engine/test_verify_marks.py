# SPDX-License-Identifier: MIT
"""What says that threads are expected, in a check that a program makes of itself: rules, baselines, marks in the registry."""

from pathlib import Path

import pytest
from image import MAIN, TEXT, FakeTarget, FakeThread, image, mark, record, scope, site
from threadleak.commands.verify_lines import ALLOW_DETACHED
from threadleak.judge.baseline import Baseline, found_in
from threadleak.judge.report import Report
from threadleak.judge.rule_set import RuleSet
from threadleak.judge.rules import RuleError
from threadleak.judge.verdicts import Settings
from threadleak.read import abi
from threadleak.read.look import look_at
from verifying import Checks, DETACHED, ENDED, LATER, OTHER, SCOPES, TEST


def rules_file(folder: Path, *rules: str) -> str:
    path = folder / "rules"
    path.write_text("".join(rule + "\n" for rule in rules))
    return f"rules={path}"


def test_rules_expect_and_mark_records_and_sites(check: Checks, tmp_path: Path) -> None:
    rules = rules_file(tmp_path, "site:start_worker the pool", "name:worker-4 a daemon")
    records = [record(2, scope=TEST), record(3, scope=TEST), record(4, scope=TEST, site=2)]
    said = check(records, rules)
    path = rules[len("rules=") :]
    assert said.lines == [
        f"rule 1 0 site:start_worker the pool ({path}:1)",
        f"rule 2 0 name:worker-4 a daemon ({path}:2)",
        *("expected 2 1", f"site 1 1 {TEXT + 0x1100}", "expected 3 1", "expected 4 2"),
        *("classified 0", "leaked 0"),
    ]


def test_unjoined_threads_need_a_rule_that_says_so(check: Checks, tmp_path: Path) -> None:
    records = [record(2, ENDED, scope=TEST)]
    assert check(records, rules_file(tmp_path, "site:start_worker x")).last == "leaked 1"
    said = check(records, rules_file(tmp_path, "class=unjoined site:start_worker x"))
    assert said.lines_of("rule")[0].startswith(f"1 {abi.RULE_UNJOINED} ")
    assert said.last == "leaked 0"


def test_a_place_is_marked_for_the_routine_that_the_rule_took(
    check: Checks, tmp_path: Path
) -> None:
    records = [record(2, scope=TEST), record(3, scope=TEST, start=TEXT + 0x1400)]
    said = check(records, rules_file(tmp_path, "start:worker the pool"))
    assert said.lines_of("expected") == ["2 1"]
    assert said.lines_of("site") == [f"1 1 {TEXT + 0x1100}"]


def test_what_holds_for_this_check_alone_marks_nothing(check: Checks, tmp_path: Path) -> None:
    records = [record(2, scope=TEST)]
    assert check(records, "ruletext=name:worker-2 x\nname:y z").lines == [
        "classified 0",
        "leaked 0",
    ]
    detached = [record(2, DETACHED, scope=TEST)]
    assert check(detached, f"flags={ALLOW_DETACHED}").lines == ["classified 0", "leaked 0"]
    assert check(detached).last == "leaked 1"


def test_marks_that_were_set_before_hold(check: Checks) -> None:
    marks = [mark(b"daemon: it logs"), mark(b"class=unjoined name:x y", abi.RULE_UNJOINED)]
    records = [record(2, scope=TEST, expected=1), record(3, ENDED, scope=TEST, expected=1)]
    said = check([*records, record(4, ENDED, scope=TEST, expected=2)], marks=marks)
    assert said.lines[0] == "classified 1" and said.last == "leaked 1"
    assert "id 3" in said.report


def baseline_file(folder: Path, threads: int, *records: bytes) -> str:
    path = folder / "baseline"
    known = map(abi.RECORD.one, [MAIN, *records])
    alive = [FakeThread(each.tid) for each in known if not each.state & abi.FINISHED]
    target = FakeTarget(image([MAIN, *records], scopes=SCOPES), alive, LATER)
    found = Report(look_at(target), Settings(at_end=True, settle_ms=0), RuleSet())
    keys = found_in(found.leaked, found.judge.values)
    entries = {key: entry._replace(threads=threads) for key, entry in keys.items()}
    Baseline(str(path), entries).save()
    return f"baseline={path}"


@pytest.mark.parametrize("kind", ["max", "baseline"])
def test_what_expects_a_number_marks_so_many_in_the_process(
    check: Checks, tmp_path: Path, kind: str
) -> None:
    records = [record(id, scope=TEST) for id in (2, 3, 4)]
    if kind == "max":
        word = rules_file(tmp_path, "name:* max=2 x")
    else:
        word = baseline_file(tmp_path, 2, *records)
    first = check(records, word)
    assert first.lines_of("expected") == ["2 1", "3 1"] and first.lines_of("site") == []
    assert first.lines_of("classified") == ["1"] and first.last == "leaked 1"
    (rule,) = first.lines_of("rule")
    number, flags, told = rule.split(" ", 2)
    assert (number, int(flags)) == ("1", abi.RULE_COUNTED)

    # marks elsewhere in the process count, and the engine does not go by them
    marks = [mark(told.encode(), abi.RULE_COUNTED)]
    elsewhere = [record(id, scope=OTHER, expected=1) for id in (5, 6)]
    again = check([*records[:2], *elsewhere], word, marks=marks)
    assert again.lines == ["classified 0", "leaked 0"]
    marked = [record(id, scope=TEST, expected=1) for id in (2, 3)]
    assert check(marked, marks=marks).last == "leaked 2"
    all = check([*marked, record(4, scope=TEST)], word, marks=marks)
    assert all.lines[0] == "classified 1" and all.last == "leaked 1"


def test_what_a_thread_did_at_an_earlier_check_is_looked_at_anew(
    check: Checks, tmp_path: Path
) -> None:
    """Its stack has a function of the program in it."""
    (rule,) = check([record(2, scope=TEST)], rules_file(tmp_path, "name:* idle=no x")).lines_of(
        "rule"
    )
    assert rule.startswith(f"1 {abi.RULE_COUNTED} name:* idle=no x")
    was_idle = mark(b"name:* idle=yes x", abi.RULE_COUNTED)
    word = rules_file(tmp_path, "name:* idle=yes x")
    assert check([record(2, scope=TEST, expected=1)], word, marks=[was_idle]).last == "leaked 1"


def test_a_baseline_of_unjoined_threads_marks_them_as_such(check: Checks, tmp_path: Path) -> None:
    records = [record(2, ENDED, scope=TEST)]
    said = check(records, baseline_file(tmp_path, 1, *records))
    assert said.lines_of("rule")[0].startswith(f"1 {abi.RULE_UNJOINED | abi.RULE_COUNTED} ")
    assert said.last == "leaked 0"


def test_what_the_registry_cannot_hold_in_full_marks_nothing(check: Checks, tmp_path: Path) -> None:
    word = rules_file(tmp_path, f"name:* max=2 {'x' * 300}")
    assert check([record(2, scope=TEST)], word).lines == ["classified 0", "leaked 0"]


def test_rules_that_cannot_be_read_are_an_error(check: Checks) -> None:
    for word in ("rules=/nonexistent", "ruletext=nonsense", "baseline=/nonexistent"):
        with pytest.raises(RuleError):
            check([], word)
