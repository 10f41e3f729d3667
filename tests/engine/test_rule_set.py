# SPDX-License-Identifier: MIT
"""What rules do in a look: order, counts, dates, who is asked at all, and what is said of them."""

from typing import Any, List

import pytest
from image import (
    LIBC,
    MAIN,
    MS,
    PID,
    T0,
    TEXT,
    FakeTarget,
    FakeThread,
    frame,
    image,
    module,
    record,
    site,
)
from threadleak.judge import builtin
from threadleak.judge.report import BLIND, CLEAN, LEAKS, Report
from threadleak.judge.rule_set import RuleSet, load_all
from threadleak.judge.rules import Rule, parse_rule
from threadleak.judge.verdicts import Settings
from threadleak.read import abi
from threadleak.read.look import look_at
from threadleak.target.base import EXACT, RETURN, CurrentStack

DETACHED = abi.STARTED | abi.DETACHED
ENDED = abi.STARTED | abi.FINISHED
AT_END = Settings(at_end=True, settle_ms=0)
LIBX = 0x7FFFE0000000


def look(records: List[bytes], rules: Any = (), settings: Settings = AT_END, **more: Any) -> Report:
    """`rules`: a RuleSet, or lines."""
    known = map(abi.RECORD.one, [MAIN, *records])
    kernel = [FakeThread(each.tid) for each in known if not each.finished_ns]
    target = FakeTarget(image([MAIN, *records], **more), kernel, T0 + 5000 * MS)
    set_ = rules if isinstance(rules, RuleSet) else RuleSet(map(parse_rule, rules))
    return Report(look_at(target), settings, set_)


def expected(report: Report) -> List[Any]:
    return [verdict.expected_by for verdict in report.verdicts[1:]]


def notices(report: Report) -> "dict[str, str]":
    return {notice.kind: notice.text for notice in report.notices}


def test_the_first_rule_that_applies_is_named_whatever_is_written_behind_it() -> None:
    rules = ["name:worker-3 one", "start:worker all of them"]
    report = look([record(2), record(3), record(4)], rules)
    assert expected(report) == [rules[1], rules[0], rules[1]]
    assert report.status(report.leaked) == CLEAN and notices(report) == {}


def test_no_more_threads_than_max() -> None:
    report = look([record(id) for id in range(2, 7)], ["start:worker max=3 a pool"])
    assert [each is not None for each in expected(report)] == [True, True, True, False, False]
    assert len(report.leaked) == 2 and report.status(report.leaked) == LEAKS
    assert notices(report)["rule_beyond_max"] == (
        "a rule matches 5 threads, more than its max: start:worker max=3"
    )


def test_what_max_leaves_over_goes_to_the_next_rule() -> None:
    report = look([record(id) for id in range(2, 5)], ["name:* max=1 one", "name:* the rest"])
    assert [each.split()[-1] for each in expected(report)] == ["one", "rest", "rest"]


def test_counts_begin_anew_with_each_look() -> None:
    rules = RuleSet([parse_rule("start:worker max=2 a pool")])
    for _ in range(2):
        assert len(look([record(2), record(3)], rules).leaked) == 0


def test_a_rule_past_its_date_is_without_effect_and_said() -> None:
    report = look(
        [record(2)], ["name:worker* until=2001-01-31 a while", "name:w* until=2999-01-01 x"]
    )
    assert expected(report) == ["name:w* until=2999-01-01 x"]
    assert notices(report) == {
        "old_rules": "1 rule past the date, so without effect: name:worker* until=2001-01-31"
    }


def test_rules_that_match_nothing_are_said() -> None:
    report = look([record(2)], ["name:x y", "start:worker y", "name:* shadowed"])
    assert notices(report) == {"unused_rules": "2 rules matched no thread: name:x, name:*"}


def test_a_rule_that_would_expect_a_leak_but_for_its_class_is_said() -> None:
    lines = ["start:worker y", "start:worker max=1 name:*-4 y", "class=stuck name:nobody y"]
    report = look([record(number, ENDED) for number in (2, 3, 4)], lines)
    assert len(report.leaked) == 3
    told = [each.text for each in report.notices if each.kind == "rule_without_class"]
    needs = "but unjoined threads need class=unjoined"
    assert told == [
        f"the rule start:worker matches thread 2, {needs}",
        f"the rule start:worker max=1 name:*-4 matches thread 4, {needs}",
    ]
    assert notices(report)["unused_rules"] == "1 rule matched no thread: class=stuck name:nobody"
    alive = look([record(2), record(3, ENDED)], ["start:worker y"])
    assert "rule_without_class" not in notices(alive)


def test_a_rule_that_hides_more_than_is_sane_is_said() -> None:
    crowd = [record(id, tid=10_000 + id) for id in range(2, 1010)]
    report = look(crowd, ["start:worker y"])
    assert not report.leaked
    assert notices(report)["broad_rule"].startswith("a rule expects 1,008 threads: start:worker;")
    assert "broad_rule" not in notices(look(crowd, ["start:worker max=2000 y"]))


def test_threads_of_one_kind_share_a_decision_although_rules_ask_for_names() -> None:
    crowd = [record(id, tid=10_000 + id, name=b"w%d" % id) for id in range(2, 200)]
    report = look(crowd, ["name:w1* y"])
    assert len({id(verdict.decision) for verdict in report.verdicts[1:]}) == 2


@pytest.mark.parametrize(
    "rule, who",
    [
        ("detached=yes name:* y", ["3"]),
        ("detached=no name:* y", ["2"]),
        ("through:libc.so.6 y", ["2", "3"]),
        ("through:/srv/server y", ["2", "3"]),
        ("through:libx.so* y", []),
    ],
)
def test_fields_that_need_no_names(rule: str, who: List[str]) -> None:
    report = look([record(2), record(3, DETACHED)], [rule])
    assert [v.thread.id for v in report.verdicts if v.expected_by] == who


# ---- stacks of living threads ------------------------------------------------------------------------

WAITS = ((LIBC + 0x91000, EXACT), (LIBC + 0x92000, RETURN), (TEXT + 0x1100, RETURN))
IDLES = ((LIBC + 0x91000, EXACT), (LIBC + 0x89000, RETURN))


def of_stacks(rule: str, *found: Any) -> Report:
    records = [record(2 + index) for index in range(len(found))]
    kernel = [FakeThread(PID + index) for index in range(len(found) + 1)]
    target = FakeTarget(image([MAIN, *records]), kernel, T0 + 5000 * MS)
    target.functions.update({LIBC + 0x91000: ("poll", None, None)})
    target.functions.update({LIBC + 0x92000: ("g_poll", None, None)})
    own = target.symbolize

    def placed(pc: int, what: int) -> Any:
        return [each._replace(module=target.module_at(pc)) for each in own(pc, what)]

    target.symbolize = placed  # type: ignore[method-assign]
    target.current_stacks = lambda threads, limit: [  # type: ignore[method-assign]
        found[thread.tid - PID - 1] for thread in threads
    ]
    return Report(look_at(target), AT_END, RuleSet([parse_rule(rule)]))


def stacks(rule: str, *found: Any) -> List[Any]:
    report = of_stacks(rule, *found)
    return [verdict.expected_by is not None for verdict in report.verdicts[1:]]


@pytest.mark.parametrize(
    "rule, applies",
    [
        ("top:poll y", [True, True, False]),
        ("top:g_poll y", [True, False, False]),
        ("top:worker y", [True, False, False]),
        ("top:start_thread y", [False, True, False]),
        ("stack:worker y", [True, False, False]),
        ("idle=yes name:* y", [False, True, False]),
        ("idle=no name:* y", [True, False, False]),
    ],
)
def test_fields_of_the_stack(rule: str, applies: List[bool]) -> None:
    cut = CurrentStack((), "it runs")
    assert stacks(rule, CurrentStack(WAITS, ""), CurrentStack(IDLES, ""), cut) == applies


def test_whether_it_is_idle_cannot_be_told_of_half_a_stack() -> None:
    for cut in (CurrentStack(IDLES, "only the first 2 frames"), CurrentStack((), "it runs")):
        report = of_stacks("idle=yes name:* y", CurrentStack(IDLES, ""), cut, cut)
        assert expected(report) == ["idle=yes name:* y", None, None] and report.leaked == []
        assert report.status([]) == BLIND
        assert notices(report)["idle_untold"].startswith(
            "2 threads may or may not be idle, as the rule idle=yes name:* asks: "
        )
        others = of_stacks("idle=yes name:other y", cut)
        assert len(others.leaked) == 1 and "idle_untold" not in notices(others)


def test_half_a_stack_with_a_function_of_the_user_tells_that_it_is_not_idle() -> None:
    report = of_stacks("idle=yes name:* y", CurrentStack(WAITS, "only the first 3 frames"))
    assert len(report.leaked) == 1 and "idle_untold" not in notices(report)


# ---- who is asked --------------------------------------------------------------------------------------

BLAS = [module(b"/srv/server", TEXT), module(b"/lib/libopenblas.so.0", LIBX)]
BLAS_SITE = [site([frame(LIBX + 0x10, 2), frame(TEXT + 0x1300)])]
WORKER = dict(start=LIBX + 0x100, start_module=2, site=1)


def test_built_in_rules_are_used_and_say_so() -> None:
    report = look([record(2, **WORKER)], sites=BLAS_SITE, modules=BLAS)
    assert expected(report) == [
        "module:libopenblas*.so* OpenBLAS keeps its workers until exit (built in, version 2)"
    ]
    assert notices(report) == {
        "builtin_rules": "1 thread expected by built-in rules, version 2: module:libopenblas*.so* (1)"
    }
    without = look(
        [record(2, **WORKER)], load_all(with_builtin=False), sites=BLAS_SITE, modules=BLAS
    )
    assert expected(without) == [None] and len(without.leaked) == 1


def test_built_in_rules_hide_no_unjoined_thread_and_no_routine_of_the_user() -> None:
    ended = abi.STARTED | abi.FINISHED
    through = [record(2, ended, **WORKER), record(3, site=1)]
    report = look(through, sites=BLAS_SITE, modules=BLAS)
    assert expected(report) == [None, None] and len(report.leaked) == 2


def test_a_rule_that_was_given_goes_before_a_built_in_one() -> None:
    report = look([record(2, **WORKER)], ["name:* ours"], sites=BLAS_SITE, modules=BLAS)
    assert expected(report) == ["name:* ours"]


def test_built_in_rules_are_not_even_read_where_nothing_leaks(monkeypatch: Any) -> None:
    def read() -> List[Rule]:
        raise AssertionError("they were read")

    monkeypatch.setattr(builtin, "rules", read)
    report = look([record(2)], ["name:worker* y"], Settings())
    assert not report.leaked and expected(report) == ["name:worker* y"]
    with pytest.raises(AssertionError, match="they were read"):
        look([record(2)])


def test_untracked_threads_are_expected_by_built_in_rules_where_they_count() -> None:
    def strict(name: str, settings: Settings) -> Report:
        kernel = [FakeThread(PID), FakeThread(9000, name=name), FakeThread(PID + 1)]
        target = FakeTarget(image([MAIN, record(2)]), kernel, T0 + 5000 * MS)
        return Report(look_at(target), settings, RuleSet())

    for name, asked, status in (
        ("jemalloc_bg_thd", True, CLEAN),
        ("jemalloc_bg_thd", False, LEAKS),
        ("other", True, LEAKS),
    ):
        report = strict(name, Settings(strict=asked))
        assert report.status((), strict=True) == status, name
        assert ("untracked" in notices(report)) == (status == LEAKS)


def test_texts_of_the_program_and_files_in_their_order(tmp_path: Any) -> None:
    path = tmp_path / "rules"
    path.write_text("name:b of the file\n")
    session = [parse_rule("name:a of the session", "filter")]
    rules = load_all([str(path)], ["name:c of the call\n\nname:d too"], session)
    assert [rule.told for rule in rules.given] == [
        "name:a of the session (filter)",
        f"name:b of the file ({path}:1)",
        "name:c of the call (given by the program)",
        "name:d too (given by the program)",
    ]
