# SPDX-License-Identifier: MIT
"""The subcommands, from the words of the command line to output and exit status."""

import json
import xml.etree.ElementTree as tree
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import pytest
from image import (
    MAIN,
    MS,
    PID,
    T0,
    TID_OFFSET,
    FakeTarget,
    FakeThread,
    image,
    record,
    scope,
)
from schema import errors
from threadleak import commands
from threadleak.commands import execution
from threadleak.commands.command_line import Outcome
from threadleak.commands.session import Session
from threadleak.read import abi
from threadleak.target.base import TargetError

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = Path(__file__).with_name("sample.json")
ENDED = abi.STARTED | abi.FINISHED
SCOPES = [scope(1, b"suite"), scope(2, b"suite.case", parent=1, ended_ns=T0 + 200 * MS)]
RECORDS = [
    MAIN,
    record(2, ENDED, name=b"request-1"),
    record(3, ENDED, name=b"request-2"),
    record(4, scope=2, site=2, creator=2, name=b"straggler"),
    record(5, abi.STARTED | abi.DETACHED, name=b"pool-1"),
]
THREADS = [FakeThread(tid) for tid in (PID, PID + 3, PID + 4)] + [FakeThread(9000, 0x1000)]


class Bench:
    """A session over a fake target, and how often the target was opened."""

    def __init__(self, records: List[bytes] = RECORDS, **header: Any):
        regions = image(records, scopes=SCOPES, **header)
        self.target = FakeTarget(regions, THREADS, T0 + 5000 * MS)
        self.generation = 0
        self.opened = 0
        self.session = Session(self.open, lambda: self.generation)

    def open(self) -> FakeTarget:
        self.opened += 1
        return self.target

    def run(self, line: str) -> Outcome:
        words = line.split()
        return execution.invoke(commands.modules()[words[0]], self.session, words[1:])


def ids(outcome: Outcome) -> List[str]:
    rows = [line.split() for line in outcome.text.splitlines()]
    return [row[0] for row in rows if row and (row[0].isdecimal() or row[0].startswith("tid:"))]


@pytest.mark.parametrize(
    "options, expected",
    [
        ("", ["2", "3", "4"]),
        ("--all", ["2", "3", "4", "5", "1", "tid:9000"]),
        ("--all --sort id", ["1", "2", "3", "4", "5", "tid:9000"]),
        ("--all --sort name", ["tid:9000", "5", "2", "3", "1", "4"]),
        ("--all --sort tid --class alive,outlived", ["1", "4", "5"]),
        ("--class unjoined", ["2", "3"]),
        ("--class untracked", ["tid:9000"]),
        ("--name request-*", ["2", "3"]),
        ("--all --name *-1", ["2", "5"]),
        ("--scope suite", ["4"]),
        ("--scope nothing", []),
        ("--site reload", ["4"]),
        ("--state finished", ["2", "3"]),
        ("--state blocked --class outlived", ["4"]),
        ("--state running", []),
        ("--at-end", ["2", "3", "5", "4"]),
        ("--at-end --allow detached", ["2", "3", "4"]),
        ("--limit 1 --class unjoined", ["2"]),
    ],
)
def test_which_threads_are_listed(options: str, expected: List[str]) -> None:
    outcome = Bench().run(f"list {options}")
    assert (ids(outcome), outcome.status, outcome.error) == (expected, 3, None)


@pytest.mark.parametrize(
    "options, status, leaks",
    [
        ("", 3, 3),
        ("--exit", 3, 3),
        ("--proof-only", 3, 1),
        ("--fail-on outlived", 3, 1),
        ("--fail-on alive", 3, 1),
        ("--fail-on alive,untracked", 3, 2),
        ("--name pool-*", 0, 0),
        ("--name pool-* --strict", 3, 0),
        ("--name pool-* --at-end", 3, 1),
        ("--scope other --proof-only", 0, 0),
        ("--settle-ms 60000", 3, 1),
    ],
)
def test_check(options: str, status: int, leaks: int) -> None:
    outcome = Bench().run(f"check {options}")
    assert (outcome.status, outcome.leaks) == (status, leaks)
    assert (outcome.error is None) == (status == 0)
    assert outcome.text.startswith("threadleak: ")


@pytest.mark.parametrize(
    "options, outcome, message",
    [
        (
            "",
            "failure",
            "threadleak: 3 leaked threads (2 unjoined, 1 outlived) in server: 2 made by",
        ),
        ("--name pool-*", None, None),
        ("--name pool-* --strict", "failure", "check failed: there are untracked threads"),
        (
            "--fail-on untracked",
            "failure",
            "threadleak: 1 thread (1 untracked) in server: made by an",
        ),
        ("--registry 0x10", "error", "memory at 0x10 cannot be read"),
    ],
)
def test_check_in_formats_of_tests(
    options: str, outcome: Optional[str], message: Optional[str]
) -> None:
    shown = Bench().run(f"check --format junit {options}")
    case = tree.fromstring(shown.text).find("testsuite/testcase")
    assert case is not None and [child.tag for child in case] == ([outcome] if outcome else [])
    assert case.get("time") == ("0" if outcome == "error" else "5.000")
    assert message is None or case[0].get("message", "").startswith(message)
    assert shown.status == {"failure": 3, "error": 2, None: 0}[outcome]
    tap = Bench().run(f"check --format tap {options}").text.splitlines()
    assert tap[2].startswith("ok 1 - " if outcome is None else "not ok 1 - ")
    github = Bench().run(f"check --format github {options}").text
    assert github.startswith("::error ") if outcome else github == ""


def test_check_of_a_clean_process() -> None:
    outcome = Bench([MAIN]).run("check")
    assert outcome == Outcome(
        "threadleak: 0 leaked threads of 4\n" + outcome.text.split("\n", 1)[1], 0
    )


def test_check_is_never_green_when_blind() -> None:
    outcome = Bench([MAIN], next_id=0).run("check")
    assert (outcome.status, outcome.leaks) == (2, 0)
    assert (
        outcome.error is not None and "cannot tell whether threads leaked: damaged" in outcome.error
    )


@pytest.mark.parametrize(
    "line, message",
    [
        ("list --colour", "unrecognized arguments: --colour"),
        (
            "list --class leaky",
            "unknown class 'leaky' (there are unjoined, ",
        ),
        ("list --format xml", "invalid choice: 'xml'"),
        ("list --settle-ms soon", "'soon' is no number"),
        ("list --registry here", "'here' is no address"),
        ("list --al", "unrecognized arguments: --al"),
        ("list --rules /none", "the rules in /none cannot be read"),
        ("list --output /none/x", "/none/x cannot be written"),
        ("explain", "which thread?"),
        ("filter", "the following arguments are required"),
        ("filter frob", "'frob' is none of add"),
        ("filter remove", "give the number"),
        ("filter remove 5", "there is no rule 5"),
        ("filter remove " + "9" * 5000, "give the number"),
        ("list --limit " + "9" * 5000, "invalid count value"),
        ("filter add name:x", "has no reason"),
        ("filter load", "give one file"),
    ],
)
def test_usage_errors(line: str, message: str) -> None:
    outcome = Bench().run(line)
    assert (outcome.status, outcome.text) == (64, "")
    assert outcome.error is not None and message in outcome.error


@pytest.mark.parametrize("line", ["list", "check", "groups", "explain 2", "info"])
def test_a_target_that_cannot_be_read(line: str) -> None:
    bench = Bench()
    bench.target.memory = []
    outcome = bench.run(line)
    assert (outcome.status, outcome.leaks) == (2, 0)
    assert outcome.error is not None and outcome.error.startswith(
        "cannot tell: no registry was found"
    )


def test_a_target_that_dies_while_it_is_read() -> None:
    for after in range(1, 12):
        bench = Bench()
        good = bench.target.read

        def read(address: int, size: int) -> bytes:
            if bench.target.reads >= after:
                raise TargetError("the process is gone")
            return good(address, size)

        bench.target.read = read  # type: ignore[method-assign]
        outcome = bench.run("check")
        assert outcome.status in (2, 3)


def test_a_process_that_starts_another_program_while_it_is_read() -> None:
    """The second look fails; whoever can do without the registry goes on with what is open now."""
    bench = Bench()
    first, second = bench.target, FakeTarget([], [FakeThread(PID)], T0)
    first.moves = second.moves = True
    targets = [first, second]
    bench.session._open = lambda: targets.pop(0)
    outcome = bench.run("stacks")
    assert (outcome.status, not targets) == (0, True)
    assert bench.session.target() is second


def test_a_process_that_goes_on_after_it_was_read() -> None:
    """--stop: thread 2 has ended for the registry, the kernel has it still, and then no more."""
    word = (0x7FFF00002000 + TID_OFFSET, (PID + 1).to_bytes(4, "little"))
    bench = Bench([MAIN, record(2, abi.STARTED | abi.FINISHED)])
    bench.target = FakeTarget(
        [*bench.target.memory, word], [FakeThread(PID), FakeThread(PID + 1)], T0
    )
    bench.target.release = lambda: bench.target.memory.clear()  # type: ignore[method-assign]
    bench.session.read_at_once(None, 0, "auto")
    assert ids(bench.run("list --all")) == ["2", "1"]


def test_explain() -> None:
    outcome = Bench().run("explain 4 2")
    assert outcome.status == 0
    assert outcome.text.startswith("thread 4 `straggler`: leaked, outlived (proof)\n")
    assert "\n\nthread 2 `request-1`: leaked, unjoined (suspicion)\n" in outcome.text
    assert Bench().run("explain --id 4 2").text == outcome.text


@pytest.mark.parametrize(
    "id, message",
    [
        ("99", "there is no thread 99 any more: it was joined"),
        ("1099511627776", "there is no thread 1099511627776 in this target; ids go up to"),
        ("3.1", "there is no thread 3.1 in this target"),
        ("x", "x is no id"),
        ("9" * 5000, "is no id"),
        ("\u0663", "is no id"),
        ("0", "there is no thread 0 in this target"),
    ],
)
def test_explain_what_is_not_there(id: str, message: str) -> None:
    outcome = Bench().run(f"explain 2 {id}")
    assert outcome.status == 2 and outcome.text.startswith("thread 2 ")
    assert outcome.error is not None and message in outcome.error


def test_groups() -> None:
    outcome = Bench().run("groups")
    titles = [line for line in outcome.text.splitlines() if "(" in line and line[0].isdigit()]
    assert titles == [
        "3 threads: 2 leaked (2 unjoined), 1 alive",
        "1 leaked thread (1 outlived)",
    ]
    assert outcome.status == 3
    assert "main thread" in Bench().run("groups --all").text
    limited = Bench().run("groups --limit 1").text
    assert "... and 1 more groups, 1 threads" in limited


def test_info() -> None:
    text = Bench().run("info").text
    for part in (
        "process 4242",
        "/srv/server",
        "version 1.2 at 0x555555600000, found by symbol",
        "5 kept of",
        "6 (2 unjoined, 1 outlived, 2 alive, 1 untracked)",
    ):
        assert part in text, part


def test_info_tells_what_it_can_of_a_target_that_cannot_be_judged() -> None:
    outcome = Bench(pid=77).run("info")
    assert outcome.status == 2 and "found by symbol" in outcome.text
    assert outcome.error is not None and "the registry is that of process 77" in outcome.error


def test_a_library_that_came_too_late() -> None:
    outcome = Bench(flags=abi.HOOKS_INACTIVE).run("check")
    assert outcome.status == 2
    assert outcome.error is not None and "loaded too late, by dlopen" in outcome.error


def test_filter(tmp_path: Path) -> None:
    bench, path = Bench(), str(tmp_path / "rules")
    assert bench.run("filter list").text == "There are no rules.\n"
    assert bench.run("filter add name:strag* known to be slow").text == (
        "rule 1: name:strag* known to be slow\n"
    )
    assert bench.run("filter add class=unjoined name:request-2 later").status == 0
    outcome = bench.run("list --all")
    assert outcome.text.startswith("threadleak: 1 leaked thread (1 unjoined) of 6\n")
    assert "outlived, expected" in outcome.text
    assert "expected by: name:strag* known to be slow" in bench.run("explain 4").text
    assert bench.run(f"filter save {path}").text == "2 rules saved\n"
    assert bench.run("filter remove 1").text == "removed: name:strag* known to be slow\n"
    assert bench.run("filter list").text == "1: class=unjoined name:request-2 later\n"
    other = Bench()
    assert other.run(f"check --rules {path}").leaks == 1
    assert other.run(f"filter load {path}").text == "2 rules loaded\n"
    assert other.run("check").leaks == 1
    assert other.run(f"filter --rules {path} add start:x y").status == 0
    assert other.run(f"filter --rules {path} list").text.endswith("3: start:x y\n")
    assert len(other.session.rules) == 2


def test_the_target_is_read_anew_once_it_has_changed() -> None:
    bench = Bench()
    bench.run("list")
    bench.run("groups")
    assert bench.opened == 1
    bench.generation += 1
    bench.run("list")
    assert bench.opened == 2


def test_output_goes_where_it_is_told(tmp_path: Path) -> None:
    path = tmp_path / "out"
    outcome = Bench().run(f"check --output {path}")
    assert outcome.text == f"threadleak: written to {path}\n" and outcome.status == 3
    assert path.read_text().startswith("threadleak: 3 leaked threads")


def test_list_needs_no_registers_but_mains_where_many_are_alive() -> None:
    many = [MAIN] + [record(id, scope=2) for id in range(2, 202)]
    bench = Bench(many)
    bench.target.fakes = {PID + n: FakeThread(PID + n) for n in range(201)}
    for line in ("list", "groups", "check"):
        bench.run(line + " --waits never")
    assert bench.target.register_reads == 3  # of main, by each: whether it is in exit
    assert "stack" not in bench.run("list").text
    assert bench.run("list --stacks").text.count("\nthread ") == 8
    assert bench.run("list --stacks --limit 0").text.count("\nthread ") == 200


def test_help() -> None:
    for name, module in commands.modules().items():
        lines = module.parser().help().split("\n")
        assert lines[0].endswith(".") and len(lines[0]) < 100
        assert lines[1:3] == ["", lines[2]] and lines[2].startswith(f"Usage: threadleak {name} ")
        assert "example:" in lines
        assert all(len(line) <= 100 for line in lines)


# ---- JSON ----------------------------------------------------------------------------------------


def schema() -> Dict[str, Any]:
    return json.loads((ROOT / "docs" / "json-schema.json").read_text())  # type: ignore[no-any-return]


def document(line: str, bench: "Bench | None" = None) -> Tuple[Dict[str, Any], Outcome]:
    outcome = (bench or Bench()).run(line + " --format json")
    return json.loads(outcome.text), outcome


def test_sample_is_what_is_written_now() -> None:
    """To renew it: threadleak.commands over this file's Bench, `list --all --format json`."""
    assert json.loads(SAMPLE.read_text()) == document("list --all")[0]


@pytest.mark.parametrize(
    "line",
    ["list", "list --all --stacks", "check --at-end", "groups", "explain 4", "list --name x"],
)
def test_json_follows_its_schema(line: str) -> None:
    shown, _ = document(line)
    assert errors(shown, schema(), schema()) == []


def test_json_of_a_target_that_cannot_be_read() -> None:
    bench = Bench()
    bench.target.memory = []
    shown, outcome = document("check", bench)
    assert errors(shown, schema(), schema()) == [] and outcome.status == 2
    assert shown["registry"]["found"] is False and "no registry" in shown["error"]


def test_json_keeps_what_is_unknown_apart_from_zero() -> None:
    bench = Bench()
    bench.target.now = None
    shown, _ = document("list --all", bench)
    straggler = next(each for each in shown["threads"] if each["name"] == "straggler")
    assert straggler["age_s"] is straggler["finished_at"] is straggler["stack"] is None
    untracked = next(each for each in shown["threads"] if each["class"] == "untracked")
    assert untracked["id"] is untracked["pthread"] is None


def test_json_is_ascii_and_unstyled() -> None:
    bench = Bench([MAIN, record(2, ENDED, name=b"\x1b[31m\xe2\x82\xac\xff")])
    outcome = bench.run("list --format json")
    assert outcome.text.isascii() and "\x1b" not in outcome.text
    assert json.loads(outcome.text)["threads"][0]["name"] == "\x1b[31m\u20ac\\xff"


def test_check_cannot_tell_where_no_creation_was_ever_recorded() -> None:
    bench = Bench([MAIN], next_id=2)
    bench.target.fakes = {PID + n: FakeThread(PID + n) for n in range(4)}
    outcome = bench.run("check")
    assert outcome.status == 2
    assert outcome.error is not None and "no creation at all" in outcome.error
