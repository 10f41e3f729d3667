# SPDX-License-Identifier: MIT
"""The engine's side of the verify protocol, without a process: what it reads, classifies, and answers."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Iterable, List, NamedTuple, Sequence, Set, Type

import pytest
from hypothesis import given
from hypothesis import strategies as st
from image import (
    MAIN,
    MS,
    PID,
    REGISTRY,
    T0,
    TEXT,
    FakeTarget,
    FakeThread,
    frame,
    image,
    mark,
    record,
    scope,
    site,
)
from schema import errors
from threadleak.commands.verify import Check, main
from threadleak.commands.verify_lines import (
    ALLOW_DETACHED,
    QUIET,
    STRICT,
    Answer,
    escaped,
    parse,
)
from threadleak.commands.verify_report import MESSAGE_MAX
from threadleak.judge.baseline import Baseline, found_in
from threadleak.judge.report import Report
from threadleak.judge.rule_set import RuleSet
from threadleak.judge.rules import RuleError
from threadleak.judge.verdicts import Settings
from threadleak.read import abi
from threadleak.read.look import look_at
from threadleak.show.json import unsure
from threadleak.target.base import RETURN, CurrentStack, Frame, TargetError, Thread

ENDED = abi.STARTED | abi.FINISHED
DETACHED = abi.STARTED | abi.DETACHED
SCOPES = [
    scope(11, b"Pool.Restart", begun_ns=T0 + 1000 * MS),
    scope(12, b"inner", parent=1),
    scope(13, b"other"),
]
TEST, INNER, OTHER = 1, 2, 3
LATER = T0 + 5000 * MS
SCHEMA = json.loads((Path(__file__).resolve().parents[2] / "docs/json-schema.json").read_text())


class Said(NamedTuple):
    lines: List[str]
    report: str

    @property
    def last(self) -> str:
        return self.lines[-1]

    @property
    def headline(self) -> str:
        return self.lines_of("message")[0]

    def lines_of(self, verb: str) -> List[str]:
        return [line[len(verb) + 1 :] for line in self.lines if line.split(" ", 1)[0] == verb]


class Checks:
    """Checks of a process with these records, until the report is out."""

    def __init__(self, capfd: "pytest.CaptureFixture[str]"):
        self._capfd = capfd

    def __call__(
        self,
        records: Iterable[bytes],
        *words: str,
        more_threads: int = 0,
        wanted: bytes = b"report\n",
        target: Type[FakeTarget] = FakeTarget,
        **header: Any,
    ) -> Said:
        records = [MAIN, *records]
        alive = [abi.RECORD.one(data) for data in records]
        threads = [FakeThread(r.tid, r.pthread) for r in alive if not r.state & abi.FINISHED]
        threads += [FakeThread(9000 + number, 0x1000) for number in range(more_threads)]
        header.setdefault("scopes", SCOPES)
        memory = image(records, **header)
        ask, answer = os.pipe(), os.pipe()
        os.write(ask[1], wanted)
        os.close(ask[1])
        request = parse(
            ["protocol=1", f"pid={PID}", f"registry={REGISTRY:#x}", "self=1", "what=scope:11"]
            + ["title=Pool.Restart", f"ask={ask[0]}", f"answer={answer[1]}", *words]
        )
        try:
            Check(request, Answer(answer[1]), lambda: target(memory, threads, LATER)).run()
        finally:
            os.close(answer[1])
            with os.fdopen(answer[0], encoding="utf-8") as file:
                lines = file.read().splitlines()
            os.close(ask[0])
        return Said(lines, self._capfd.readouterr().out)


@pytest.fixture
def check(capfd: "pytest.CaptureFixture[str]") -> Checks:
    return Checks(capfd)


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


# ---- marks ---------------------------------------------------------------------------------------


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


def test_untracked_threads_are_blind_where_that_is_asked_for(check: Checks) -> None:
    records = [record(2, scope=OTHER)]
    assert check(records, more_threads=1).last == "leaked 0"
    said = check(records, f"flags={STRICT}", more_threads=1)
    assert said.last == "blind 1 untracked thread, not in the registry"


# ---- formats and bytes ---------------------------------------------------------------------------


def test_formats(check: Checks) -> None:
    import xml.etree.ElementTree as tree

    records = [record(2, scope=TEST)]
    shown = json.loads(check(records, "format=json").report)
    assert (shown["title"], shown["summary"]["leaked"]) == ("Pool.Restart", 1)
    assert errors(shown, SCHEMA, SCHEMA) == []
    assert shown["threads"][0]["stack"]
    junit = tree.fromstring(check(records, "format=junit").report)
    case = junit.find("testsuite/testcase[@name='Pool.Restart']")
    failure = junit.find("testsuite/testcase[@name='Pool.Restart']/failure")
    assert case is not None and case.get("time") == "4.000"
    assert failure is not None and "its stack now:" in (failure.text or "")
    tap = check(records, "format=tap").report.splitlines()
    assert tap[0] == "not ok - Pool.Restart" and tap[1].startswith("# threadleak: 1 leaked thread")
    github = check(records, "format=github").report
    assert github.startswith(
        "::error file=/src/server.c,line=42,title=threadleak%3A Pool.Restart::"
    )


def test_a_document_that_claims_nothing() -> None:
    sample = (Path(__file__).resolve().parent / "sample.json").read_text()
    shown = json.loads(unsure(sample, "it ended", "for people"))
    assert errors(shown, SCHEMA, SCHEMA) == []
    assert (shown["error"], shown["text"]) == ("it ended", "for people")
    assert shown["summary"] is None
    assert {each["leaked"] for each in shown["threads"] + shown["groups"]} == {None}
    assert shown["threads"] and shown["groups"]


@given(st.text())
def test_lines_of_the_protocol_stay_lines(text: str) -> None:
    line = escaped(text)
    assert "\n" not in line
    assert (
        line.replace("\\\\", "\0").replace("\\n", "\n").replace("\0", "\\") == text or "\0" in text
    )


@pytest.mark.parametrize("format", ["text", "junit", "tap", "github"])
def test_hostile_names_reach_nobody(check: Checks, format: str) -> None:
    scopes = [scope(11, b"A\x1b[2J\n::error::x ##[error]")]
    records = [record(2, scope=TEST, name=b"\x1b[31m\xff\n#")]
    words = (f"format={format}", "title=A\x1b[2J\n::error::x ##[error]")
    said = check(records, *words, scopes=scopes)
    assert said.last == "leaked 1"
    for text in (said.report, *said.lines):
        assert all(character == "\n" or character.isprintable() for character in text), text


LEAN = """
import sys
sys.path.insert(0, sys.argv[1])
from threadleak import lean_typing
lean_typing.install()
import threadleak.commands.verify
"""


def run_lean(code: str) -> List[str]:
    """As scripts/threadleak begins."""
    gdb = str(Path(__file__).resolve().parents[2] / "gdb")
    argv = ["/usr/bin/python3", "-IS", "-c", LEAN + code, gdb]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()


def test_the_first_look_imports_what_it_needs() -> None:
    """The program waits for it."""
    loaded = set(run_lean("print(*sys.modules)"))
    assert not loaded & {"argparse", "json", "subprocess", "shutil", "re", "enum"}
    assert not [name for name in loaded if name.startswith("threadleak.show")]
    assert "threadleak.judge.report" not in loaded


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="hints are made when they are asked for")
def test_without_typing_all_is_the_same() -> None:
    code = """
from threadleak.read import abi
from threadleak.target.base import Frame, Target
from threadleak.judge.verdicts import Settings
frame = Frame(7, function="f")._replace(line=3)
print(*Frame._fields, frame == (7, "f", None, None, None, 3), Frame.__module__, Frame.__doc__[:7])
print(Settings(), Settings(settle_ms=3).settle_ms, abi.HEADER.size, abi.RECORD.fields[3].code)
print("typing" in sys.modules, "re" in sys.modules)
for wrong in ((), (1, 2, 3, 4, 5, 6, 7)), ((), (1, 2), ), ((("colour", 3),), (1,)):
    try:
        print(Frame(*wrong[1], **dict(wrong[0])).function)
    except TypeError as error:
        print("TypeError")
"""
    fields = "pc function module offset file line"
    assert " ".join(run_lean(code)) == (
        f"{fields} True threadleak.target.base A place"
        f" {Settings()} 3 {abi.HEADER.size} {abi.RECORD.fields[3].code} True False"
        " TypeError 2 TypeError"
    )


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="hints are made when they are asked for")
def test_what_is_called_of_typing_is_there() -> None:
    """A hint may be anything; what is called when the engine runs must do what it does in typing."""
    called: Set[str] = set()
    for file in (Path(__file__).resolve().parents[2] / "gdb/threadleak").rglob("*.py"):
        tree = list(ast.walk(ast.parse(file.read_text())))
        imports = [node for node in tree if isinstance(node, ast.ImportFrom)]
        names = {name.name for node in imports if node.module == "typing" for name in node.names}
        callees = [node.func for node in tree if isinstance(node, ast.Call)]
        called |= names & {callee.id for callee in callees if isinstance(callee, ast.Name)}
    assert called == {"TypeVar", "cast"}
    assert run_lean("import typing; print(typing.cast('X', 7))") == ["7"]


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["protocol=2"],
        ["protocol=1", "what=all"],
        ["protocol=1", "pid=x", "what=exit", "self=0", "registry=0x1", "ask=3", "answer=4"],
    ],
)
def test_what_is_no_request_is_refused(words: List[str], capfd: Any) -> None:
    assert main(words) == 64
    assert "is started by the library alone" in capfd.readouterr().err


def test_an_engine_that_fails_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program waits for an answer."""
    answer = os.pipe()
    words = [f"pid={PID}", "registry=0x10", "self=0", "what=exit", "ask=0", f"answer={answer[1]}"]
    monkeypatch.setattr(Check, "run", lambda self: {}["a mistake of ours"])
    assert main(["protocol=1", *words]) == 0
    os.close(answer[1])
    with os.fdopen(answer[0]) as file:
        assert file.read() == "blind the engine failed: KeyError: 'a mistake of ours'\n"


def test_what_a_later_library_adds_is_left_aside() -> None:
    words = [
        "protocol=1",
        f"pid={PID}",
        "registry=0x10",
        "self=0",
        "what=exit",
        "ask=3",
        "answer=4",
    ]
    assert parse([*words, "more=7"]) == parse(words)
