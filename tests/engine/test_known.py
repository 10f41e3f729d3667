# SPDX-License-Identifier: MIT
"""Fingerprints, baselines, suggested rules: the same leak is known again, and no other is taken for it."""

import re
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image import (
    LIBC,
    MAIN,
    MS,
    PID,
    SITES,
    T0,
    TEXT,
    FakeTarget,
    FakeThread,
    frame,
    image,
)
from image import module, record, site
from test_subcommands import Bench
from threadleak.judge.baseline import Baseline, Entry, Key, load
from threadleak.judge.fingerprint import bare_function
from threadleak.judge.report import Report
from threadleak.judge.rule_set import RuleSet
from threadleak.judge.rules import PLACEHOLDER, RuleError, parse_rule
from threadleak.judge.suggest import suggest
from threadleak.judge.verdicts import Settings
from threadleak.read import abi
from threadleak.read.look import look_at
from threadleak.target.base import TargetError

ENDED = abi.STARTED | abi.FINISHED
AT_END = Settings(at_end=True, settle_ms=0)
LIBX = 0x7FFFE0000000


def look(
    records: List[bytes], functions: Any = None, rules: Any = (), base: int = TEXT, **more: Any
) -> Report:
    known = map(abi.RECORD.one, [MAIN, *records])
    kernel = [FakeThread(each.tid) for each in known if not each.finished_ns]
    target = FakeTarget(image([MAIN, *records], **more), kernel, T0 + 5000 * MS)
    target.functions.update(functions or {})
    return Report(look_at(target), AT_END, RuleSet(map(parse_rule, rules), False))


def prints(report: Report) -> List[str]:
    values = report.judge.values
    return [values.value(each.thread, "fingerprint")[0] for each in report.verdicts[1:]]


# ---- fingerprints ------------------------------------------------------------------------------------

Place = Tuple[str, str]  # function ("" is not known), file


def of(places: List[Place], start: Place = ("worker", "/srv/server"), shift: int = 0) -> str:
    """Of a creation through these, innermost first, all of them `shift` further on."""
    files = list(dict.fromkeys([start[1], *(file for _, file in places)]))
    at = {file: TEXT + 0x10000000 * number for number, file in enumerate(files)}
    modules = [module(file.encode(), at[file]) for file in files]
    functions: Dict[int, Any] = {}
    words = []
    for number, (function, file) in enumerate([start, *places]):
        pc = at[file] + 0x100 * (number + 1) + shift
        functions[pc] = (function or None, "x.c", number + shift)
        words.append((pc, files.index(file) + 1))
    data = record(2, start=words[0][0], start_module=words[0][1])
    target = FakeTarget(
        image([MAIN, data], sites=[site(frame(*word) for word in words[1:])], modules=modules),
        [FakeThread(PID), FakeThread(PID + 1)],
        T0 + 5000 * MS,
    )
    target.functions.update(functions)
    target.module_at = lambda pc: next(  # type: ignore[method-assign]
        (file for file in files if at[file] <= pc < at[file] + 0x200000), None
    )
    target.files = lambda: {file: "01020304" for file in files}  # type: ignore[method-assign]
    report = Report(look_at(target), AT_END, RuleSet())
    return prints(report)[0]


SERVER = "/srv/server"
CREATION = [("spawn", "/lib/libx.so.1.2"), ("start_pool", SERVER), ("main", SERVER)]
SAME = {
    "at other addresses and lines": dict(places=CREATION, shift=0x40),
    "installed elsewhere": dict(
        places=[("spawn", "/opt/libx.so.1.2"), ("start_pool", "/b/server"), ("main", "/b/server")],
        start=("worker", "/b/server"),
    ),
    "another version of a library": dict(
        places=[("spawn", "/lib/libx.so.7"), *CREATION[1:]],
    ),
    "other arguments": dict(
        places=[CREATION[0], ("start_pool(int, std::vector<int>)", SERVER), ("main", SERVER)]
    ),
    "a clone of the optimizer": dict(
        places=[CREATION[0], ("start_pool.constprop.0", SERVER), ("main", SERVER)]
    ),
    "a demangled clone": dict(
        places=[CREATION[0], ("start_pool(int) [clone .isra.0]", SERVER), ("main", SERVER)]
    ),
    "a result in front": dict(
        places=[CREATION[0], ("void start_pool(int)", SERVER), ("main", SERVER)]
    ),
    "recursion": dict(places=[CREATION[0], *[CREATION[1]] * 3, CREATION[2]]),
}
OTHER = {
    "another function": dict(places=[CREATION[0], ("stop_pool", SERVER), CREATION[2]]),
    "one more function": dict(places=[*CREATION[:2], ("init", SERVER), CREATION[2]]),
    "another file": dict(places=[("spawn", "/lib/liby.so.1.2"), *CREATION[1:]]),
    "another start": dict(places=CREATION, start=("other", SERVER)),
    "another order": dict(places=CREATION[::-1]),
    "no name": dict(places=[("", "/lib/libx.so.1.2"), *CREATION[1:]]),
}


@pytest.mark.parametrize("how", SAME.values(), ids=SAME)
def test_the_same_creation_is_known_again(how: Any) -> None:
    assert of(**how) == of(CREATION)


@pytest.mark.parametrize("how", OTHER.values(), ids=OTHER)
def test_another_creation_is_another(how: Any) -> None:
    assert of(**how) != of(CREATION)


def test_inner_functions_of_system_libraries_do_not_matter() -> None:
    def through(inner: str) -> str:
        return of([("start_pool", SERVER), (inner, "/lib/libc.so.6"), ("main", SERVER)])

    assert through("") == through("__pthread_once_slow") != of(CREATION[1:])


@pytest.mark.parametrize(
    "outer",
    [
        [("__libc_start_call_main", "/lib/libc.so.6"), ("_start", SERVER)],
        [("__libc_start_main_impl", SERVER), ("_start", SERVER)],
        [("", "/lib/libc.so.6"), ("_start", SERVER)],
    ],
)
def test_what_calls_main_does_not_matter(outer: List[Place]) -> None:
    assert of([*CREATION, *outer]) == of(CREATION)


def test_what_calls_a_start_routine_does_not_matter() -> None:
    within = [("spawn", SERVER), ("worker", SERVER)]
    ends = [
        [("start_thread", SERVER), ("clone3", SERVER)],
        [("start_thread", SERVER), ("__clone", "")],
    ]
    assert len({of([*within, *end]) for end in ends}) == 1


def test_a_fingerprint_never_changes() -> None:
    """It is written into the repositories of programs."""
    assert of(CREATION) == "7a986dad3afd81a4"


# ---- baselines -----------------------------------------------------------------------------------------

KEY = Key("unjoined", "0123456789abcdef")


def leaky(counts: Dict[str, int], path: str = "known") -> Any:
    """A Bench with so many unjoined threads of two sites."""
    records = [MAIN]
    for site_, count in counts.items():
        for _ in range(count):
            records.append(record(len(records) + 1, ENDED, site=int(site_)))
    bench = Bench(records)
    bench.target.fakes = {PID: FakeThread(PID)}
    return bench


def check(bench: Any, words: str) -> Any:
    return bench.run(f"check --settle-ms 0 {words}")


def test_known_leaks_pass_and_new_ones_fail(tmp_path: Path) -> None:
    path = tmp_path / "known"
    first = check(leaky({"1": 2}), f"--baseline {path} --update-baseline")
    assert first.status == 0
    assert first.text.endswith(f"baseline {path}: 2 leaked threads are known (+2)\n")
    assert check(leaky({"1": 2}), f"--baseline {path}").status == 0
    more = check(leaky({"1": 5}), f"--baseline {path}")
    assert (more.status, more.leaks) == (3, 3)
    other = check(leaky({"1": 2, "2": 1}), f"--baseline {path}")
    assert (other.status, other.leaks) == (3, 1)


def test_the_oldest_are_the_known_ones_and_say_so(tmp_path: Path) -> None:
    path = tmp_path / "known"
    check(leaky({"1": 2}), f"--baseline {path} --update-baseline")
    bench = leaky({"1": 3})
    report = bench.session.report(
        __import__("threadleak.commands.check", fromlist=["x"])
        .parser()
        .parse_args(["--settle-ms", "0", "--baseline", str(path)])
    )
    by = [verdict.expected_by for verdict in report.verdicts[1:]]
    assert by == [f"baseline {path}"] * 2 + [None]


def test_the_class_belongs_to_a_known_leak(tmp_path: Path) -> None:
    path = tmp_path / "known"
    check(leaky({"1": 1}), f"--baseline {path} --update-baseline")
    alive = Bench([MAIN, record(2)])
    alive.target.fakes = {tid: FakeThread(tid) for tid in (PID, PID + 1)}
    assert check(alive, f"--at-end --baseline {path}").leaks == 1


def test_it_only_shrinks_unless_forced(tmp_path: Path) -> None:
    path = tmp_path / "known"
    update = f"--baseline {path} --update-baseline"
    check(leaky({"1": 3, "2": 1}), update)
    whole = path.read_text()
    same = check(leaky({"1": 3, "2": 1}), update)
    assert path.read_text() == whole and "(+0)" in same.text
    grown = check(leaky({"1": 9, "2": 1}), update)
    assert path.read_text() == whole and (grown.status, grown.leaks) == (3, 6)
    less = check(leaky({"1": 1}), update)
    assert less.status == 0 and "1 leaked thread" in less.text and "(-3)" in less.text
    assert len(path.read_text().splitlines()) == len(whole.splitlines()) - 1
    back = check(leaky({"1": 1, "2": 1}), update)
    assert (back.status, back.leaks) == (3, 1)
    assert check(leaky({"1": 1, "2": 1}), update + " --force").status == 0
    assert check(leaky({"1": 1, "2": 1}), f"--baseline {path}").status == 0


def test_what_is_not_taken_in_is_said(tmp_path: Path) -> None:
    path = tmp_path / "known"
    update = f"--baseline {path} --update-baseline"
    assert "--force" not in check(leaky({"1": 3}), update).text
    grown = check(leaky({"1": 5, "2": 2}), update).text
    assert (
        "3 leaked threads are known (+0); 4 new ones are not: --force takes new leaks in" in grown
    )


def test_a_baseline_that_begins_empty_says_so(tmp_path: Path) -> None:
    update = "--baseline {} --update-baseline"
    alive = Bench([MAIN, record(2)])
    alive.target.fakes = {tid: FakeThread(tid) for tid in (PID, PID + 1)}
    first = tmp_path / "known"
    shown = check(alive, update.format(first)).text
    assert "it is empty, although 1 thread is alive: use --at-end" in shown
    assert "it is empty" not in check(alive, update.format(first)).text
    assert "1 new one is not: --force" in check(alive, "--at-end " + update.format(first)).text
    clean = check(leaky({}), update.format(tmp_path / "none")).text
    assert "it is empty: nothing leaked" in clean


def test_what_is_no_longer_there_is_said(tmp_path: Path) -> None:
    path = tmp_path / "known"
    check(leaky({"1": 3, "2": 1}), f"--baseline {path} --update-baseline")
    shown = check(leaky({"1": 2}), f"--baseline {path}").text
    assert "2 leaks of the baseline no longer there, or with fewer threads" in shown


def test_a_look_that_is_blind_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "known"
    check(leaky({"1": 3}), f"--baseline {path} --update-baseline")
    whole = path.read_text()
    bench = leaky({"1": 1})
    bench.target.limit_list = ["the core file is truncated"]
    outcome = check(bench, f"--baseline {path} --update-baseline")
    assert outcome.status == 2 and path.read_text() == whole
    assert "the baseline is left as it is" in outcome.error


def test_threads_that_a_rule_expects_are_no_known_leaks(tmp_path: Path) -> None:
    path, rules = tmp_path / "known", tmp_path / "rules"
    rules.write_text("class=unjoined site:start_worker later\n")
    check(leaky({"1": 3, "2": 1}), f"--rules {rules} --baseline {path} --update-baseline")
    assert [each.threads for each in load(str(path)).entries.values()] == [1]


def test_the_file_is_sorted_and_for_people(tmp_path: Path) -> None:
    path = tmp_path / "known"
    check(leaky({"1": 3, "2": 1}), f"--baseline {path} --update-baseline")
    lines = path.read_text().splitlines()
    assert lines[0] == "# threadleak baseline 1"
    told = [line.split(None, 3) for line in lines if not line.startswith("#")]
    assert [row[0] for row in told] == ["unjoined", "unjoined"]
    assert [row[2:] for row in told] == [
        ["1", "worker (server), made by reload (server)"],
        ["3", "worker (server), made by start_worker (server)"],
    ]
    assert all(re.fullmatch("[0-9a-f]{16}", row[1]) for row in told)


@pytest.mark.parametrize(
    "text, message",
    [
        ("unjoined 0123456789abcdef 1 x\n", "is no baseline"),
        ("# threadleak baseline 2\n", "is no baseline"),
        ("# threadleak baseline 1\nalive 0123456789abcdef 1 x\n", ":2: a line is CLASS"),
        ("# threadleak baseline 1\nunjoined 0123456789abcde 1 x\n", "a line is CLASS"),
        ("# threadleak baseline 1\nunjoined 0123456789abcdeg 1 x\n", "a line is CLASS"),
        ("# threadleak baseline 1\nunjoined 0123456789abcdef -1 x\n", "a line is CLASS"),
        ("# threadleak baseline 1\nunjoined 0123456789abcdef " + "9" * 5000, "a line is CLASS"),
        ("# threadleak baseline 1\n<<<<<<< HEAD\n", "a line is CLASS"),
    ],
)
def test_what_is_no_baseline(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "known"
    path.write_text(text)
    with pytest.raises(RuleError, match=message):
        load(str(path))


def test_lines_of_two_branches_add_up(tmp_path: Path) -> None:
    path = tmp_path / "known"
    path.write_text(
        "# threadleak baseline 1\nunjoined 0123456789abcdef 2 x\n\nunjoined 0123456789abcdef 3\n"
    )
    assert load(str(path)).entries[KEY].threads == 5


ENTRIES = st.dictionaries(
    st.tuples(
        st.sampled_from(["unjoined", "outlived"]), st.from_regex("[0-9a-f]{16}", fullmatch=True)
    ).map(lambda pair: Key(*pair)),
    st.builds(Entry, st.integers(1, 999), st.sampled_from(["", "x", "a b (c), made by d"])),
    max_size=5,
)


@given(ENTRIES, ENTRIES)
@settings(max_examples=60)
def test_what_an_update_keeps(old: Any, found: Any) -> None:
    new = Baseline("x", old).updated(found, force=False).entries
    assert set(new) == set(old) & set(found)
    assert all(new[key].threads == min(old[key].threads, found[key].threads) for key in new)
    assert Baseline("x", old).updated(found, force=True).entries == found


@given(ENTRIES)
@settings(max_examples=30)
def test_what_was_written_is_read(tmp_path_factory: Any, entries: Any) -> None:
    path = str(tmp_path_factory.mktemp("known") / "x")
    Baseline(path, entries).save()
    assert load(path).entries == entries
    first = Path(path).read_bytes()
    Baseline(path, dict(reversed(list(entries.items())))).save()
    assert Path(path).read_bytes() == first


@pytest.mark.parametrize(
    "words, message",
    [
        ("--update-baseline", "needs --baseline FILE"),
        ("--force --baseline x", "--force belongs to --update-baseline"),
        (
            "--baseline /none",
            "there is no baseline /none: check or run with --update-baseline writes",
        ),
        ("--baseline /none/x --update-baseline", "the baseline cannot be written"),
    ],
)
def test_wrong_words(words: str, message: str) -> None:
    outcome = check(leaky({"1": 1}), words)
    assert outcome.status == 64 and message in outcome.error


# ---- suggest -------------------------------------------------------------------------------------------


def suggested(report: Report, id: str) -> str:
    return str(suggest(report, report.find(id)))


def test_suggested_rules() -> None:
    report = look([record(2, ENDED), record(3), record(4, site=2)])
    why = "WHY (say why such a thread is expected)"
    assert suggested(report, "2") == (
        f"class=unjoined module:server start:worker site:start_worker {why}"
    )
    assert suggested(report, "3") == f"module:server start:worker site:start_worker {why}"
    assert suggested(report, "4") == f"module:server start:worker site:reload {why}"
    with pytest.raises(TargetError, match="the main thread needs no rule"):
        suggested(report, "1")


def test_what_looks_alike_is_told_apart_by_its_fingerprint() -> None:
    both = [*SITES[:1], site([frame(TEXT + 0x1205), frame(LIBC + 0x27000, 2)])]
    report = look([record(2), record(3, site=2)], sites=both)
    assert suggested(report, "2").startswith(
        f"fingerprint:{prints(report)[0]} module:server start:"
    )


CTOR = "std::thread::thread<void (S::*)(), S*, void>(void (S::*&&)(), S*&&)"


def test_suggest_names_the_users_own_code_and_no_template_of_a_library() -> None:
    through = [
        site([frame(TEXT + pc), frame(TEXT + own)]) for pc, own in ((0x10, 0x20), (0x30, 0x40))
    ]
    functions = {
        TEXT + 0x10: (CTOR, "thread", 1),
        TEXT + 0x30: (CTOR, "thread", 1),
        TEXT + 0x20: ("known_leak()", "one.cpp", 6),
        TEXT + 0x40: ("new_leak()", "one.cpp", 7),
        LIBC: ("execute_native_thread_routine", None, None),
    }
    known, new = (record(2 + at, ENDED, site=1 + at, start=LIBC, start_module=2) for at in (0, 1))
    line = suggested(look([known], functions, sites=through), "2")
    assert " site:known_leak WHY" in line and "fingerprint:" not in line
    both = look([known, new], functions, [line.replace(PLACEHOLDER, "known")], sites=through)
    assert [each.expected_by is None for each in both.verdicts[1:]] == [False, True]


def test_suggest_names_the_fingerprint_where_own_code_has_no_name() -> None:
    """Of a stripped program a library's function is all that has one, and it makes the threads of later leaks too."""
    through = [site([frame(LIBC + 0x10, 2), frame(TEXT + own)]) for own in (0x20, 0x40)]
    files = [module(b"/usr/bin/first", TEXT), module(b"/lib/libstdc++.so.6", LIBC)]
    functions = {
        LIBC + 0x10: ("std::thread::_M_start_thread()", None, None),
        TEXT + 0x20: (None, None, None),
    }
    report = look(
        [record(2, ENDED, start=LIBC, start_module=2)], functions, sites=through, modules=files
    )
    assert f" fingerprint:{prints(report)[0]} module:" in suggested(report, "2")


def test_suggest_as_a_command() -> None:
    bench = leaky({"1": 2, "2": 1})
    outcome = bench.run("suggest --settle-ms 0 2 3 4")
    lines = outcome.text.splitlines()
    assert outcome.status == 0 and len(lines) == 2 and "site:reload" in lines[1]
    missing = bench.run("suggest 2 99")
    assert missing.status == 2 and len(missing.text.splitlines()) == 1
    assert "there is no thread 99" in missing.error
    assert bench.run("suggest").status == 64


TEXTS = st.text(alphabet=st.sampled_from("ab*?[]!: =()<>\x1b\u202e\n\\~"), min_size=1, max_size=5)
PCS = [TEXT + 0x10 * number for number in range(1, 7)]
SPECS = st.lists(
    st.tuples(
        st.sampled_from([abi.STARTED, ENDED, abi.STARTED | abi.DETACHED]),
        st.integers(0, 3),  # site; 0: none was kept
        st.sampled_from(PCS[:3] + [LIBC + 0x500]),  # start
        st.sampled_from([0, 1, 2]),  # its module
        TEXTS,  # name
    ),
    min_size=1,
    max_size=6,
)


@given(
    SPECS,
    st.lists(st.lists(st.sampled_from(PCS), min_size=0, max_size=3), min_size=3, max_size=3),
    st.lists(st.one_of(st.none(), TEXTS), min_size=len(PCS), max_size=len(PCS)),
    TEXTS,
)
@settings(max_examples=150)
def test_a_suggested_rule_takes_that_creation_and_no_other(
    specs: Any, paths: Any, names: Any, file: str
) -> None:
    records = [
        record(2 + at, state, site=number, start=start, start_module=of_, name=name.encode()[:15])
        for at, (state, number, start, of_, name) in enumerate(specs)
    ]
    shape: Any = dict(
        functions={pc: (name, None, None) for pc, name in zip(PCS, names)},
        sites=[site(frame(pc) for pc in path) for path in paths],
        modules=[module(b"/srv/server", TEXT), module(b"/lib/" + file.encode(), LIBC)],
    )
    named = set(filter(None, names))
    report = look(records, **shape)
    for verdict in report.verdicts:
        if not verdict.leaked:
            continue
        try:
            line = str(suggest(report, verdict))
        except TargetError:
            raise AssertionError("every recorded thread has a rule")
        assert line.isprintable()
        with pytest.raises(RuleError, match="has no reason yet: replace `WHY "):
            look(records, rules=[line], **shape)
        again = look(records, rules=[line.replace(PLACEHOLDER, "it stays")], **shape)
        taken = {each.thread.id for each in again.verdicts if each.expected_by}
        own = report.judge.values.value(verdict.thread, "fingerprint")
        alike = {
            each.thread.id
            for each in report.verdicts
            if not each.thread.is_main
            and report.judge.values.value(each.thread, "fingerprint") == own
        }
        assert verdict.thread.id in taken and taken <= alike
        if len(set(map(bare_function, named))) < len(named):
            continue  # a fingerprint leaves out what a rule may go by, as the type of a result
        same_class = {each.thread.id for each in report.verdicts if each.class_ == verdict.class_}
        assert alike & same_class == taken & same_class
