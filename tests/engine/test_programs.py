# SPDX-License-Identifier: MIT
"""What programs told of themselves while they ran, and what `run` makes of it."""

import json
import os
import pathlib
import socket
from typing import Any, List
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadleak.commands.results import Results
from threadleak.judge.programs import STILL_RUNS, UNCHECKED, Checked, Programs
from threadleak.show import programs as shown
from threadleak.show import run_documents
from threadleak.show.sanitize import clean

SCHEMA = pathlib.Path(__file__).resolve().parents[2] / "docs/json-run-schema.json"
CLEAN, BLIND, LEAKS = 0, 2, 3
FOUND = Checked(
    0, 2, "threadleak: 2 leaked threads (2 unjoined) at the exit of a (pid 7): made by f at a.c:1"
)


def some() -> Programs:
    """One that leaked, one that is clean, one that was not checked, one without threads."""
    programs = Programs()
    programs.begun(7, "/bin/a").command = "./a"
    for pid in 7, 8, 9:
        programs.creates(pid, "/bin/a")
    programs.checked(7, "/bin/a", FOUND)
    programs.checked(8, "/bin/a", Checked(1, 0, ""))
    programs.begun(10, "/bin/sh")
    return programs


def test_how_long_they_ran(monkeypatch: pytest.MonkeyPatch) -> None:
    """From what is heard of them first to their check; one that was not checked, or of which nothing else is heard, is 0."""
    clock = iter((10.0, 20.0, 20.25, 30.0, 40.0, 50.0))
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    programs = Programs()
    for pid in 7, 8:
        programs.creates(pid, "/bin/a")
    programs.checked(8, "/bin/a", FOUND)
    programs.checked(9, "/bin/a", FOUND)
    programs.checked(7, "/bin/a", Checked(0, 0, ""))
    programs.creates(7, "/bin/a")
    cases = ElementTree.fromstring(run_documents.document("junit", programs, {}))[0]
    assert [case.get("time") for case in cases] == ["30.000", "0.250", "0", "0"]


def test_each_kind() -> None:
    programs = some()
    leaky, clean, unchecked, shell = programs.all
    assert [each.leaked for each in programs.all] == [2, 0, 0, 0]
    assert [each.blind for each in programs.all] == ["", "", UNCHECKED, ""]
    assert [each.counts for each in programs.all] == [True, True, True, False]
    assert programs.unchecked() == [unchecked]
    assert (programs.status(), programs.status(9)) == (LEAKS, 9)
    assert shown.summary(programs) == [
        "threadleak: 1 of 3 processes with threads leaked some, 1 cannot be told (1 more had none)",
        "",
        "PROCESS  RESULT       PROGRAM  WHAT",
        "7        leaked       ./a      2 leaked threads (2 unjoined): made by f at a.c:1",
        f"9        cannot tell  /bin/a   {UNCHECKED}",
    ]


def test_leaks_count_more_than_what_cannot_be_told() -> None:
    programs = Programs()
    programs.checked(7, "a", Checked(0, -1, "lost records"))
    assert programs.status() == BLIND
    programs.checked(8, "a", Checked(0, 1, ""))
    assert programs.status() == LEAKS


def test_exec_begins_another_program() -> None:
    programs = Programs()
    for path, creates in ("/bin/a", True), ("/bin/b", False), ("/bin/c", True):
        programs.begun(7, path)
        if creates:
            programs.creates(7, path)
    programs.checked(7, "/bin/c", Checked(0, 0, ""))
    assert [each.blind for each in programs.all] == [UNCHECKED, "", ""]
    assert programs.unchecked() == []  # it does not run on


def test_a_pid_that_is_used_again() -> None:
    programs = Programs()
    for _ in range(2):
        programs.creates(7, "/bin/a")
        programs.checked(7, "/bin/a", Checked(0, 0, ""))
    assert len(programs.all) == 2 and programs.status() == CLEAN


def test_why_is_told_once() -> None:
    programs = some()
    programs.unchecked()[0].why = STILL_RUNS
    assert shown.summary(programs)[-1].endswith(STILL_RUNS)
    alone = Programs()
    alone.blind(7, "/bin/a", "it is statically linked")
    assert shown.summary(alone) == [
        "threadleak: cannot tell whether threads of /bin/a, process 7, leaked: it is statically linked"
    ]


def test_when_a_summary_is_worth_it() -> None:
    alone = Programs()
    alone.creates(7, "/bin/a")
    alone.checked(7, "/bin/a", FOUND)
    assert not shown.is_worth_a_summary(alone)  # its report says it
    alone.begun(6, "/bin/sh")
    assert shown.is_worth_a_summary(alone)
    clean = Programs()
    clean.begun(6, "/bin/sh")
    clean.creates(7, "/bin/a")
    clean.checked(7, "/bin/a", Checked(0, 0, ""))
    assert not shown.is_worth_a_summary(clean)


def test_nothing_that_was_to_be_judged() -> None:
    programs = Programs(["test_*"])
    assert programs.status() == BLIND and shown.is_worth_a_summary(programs)
    programs.begun(7, "test_a")
    assert programs.status() == CLEAN and not shown.is_worth_a_summary(programs)


def test_many_rows_are_cut() -> None:
    programs = Programs()
    for pid in range(1, 100):
        programs.checked(pid, "a", FOUND)
    lines = shown.summary(programs)
    assert len(lines) < 30 and lines[-1] == "... and 79 more"


# ---- documents -------------------------------------------------------------------------------------


def test_json_follows_its_schema() -> None:
    from schema import errors

    schema = json.loads(SCHEMA.read_text())
    written = '{\n "schema": "threadleak/1",\n "title": "x",\n "text": "for people\\n"\n}\n'
    raw = f"threadleak: a note\n{written}{written}" + "{\n cut"
    bodies = {7: run_documents.written(raw)}
    document = json.loads(run_documents.document("json", some(), bodies))
    assert [len(each["reports"]) for each in document["programs"]] == [2, 0, 0]
    for program in document["programs"]:
        program["reports"] = []  # they have a schema of their own
    assert errors(document, schema, schema) == []
    assert bodies[7].notes == "threadleak: a note\n{\n cut"
    assert bodies[7].text == "threadleak: a note\nfor people\nfor people\n{\n cut"
    nothing = json.loads(run_documents.document("json", Programs(["x"]), {}))
    assert errors(nothing, schema, schema) == [] and "--only x" in nothing["error"]


@given(st.text(), st.text(), st.text())
def test_any_text_makes_a_document(path: str, reason: str, body: str) -> None:
    programs = Programs()
    programs.checked(7, path, Checked(0, 1, reason))
    programs.checked(8, path, Checked(0, -1, reason))
    bodies = {7: run_documents.written(body), 8: run_documents.written(body)}
    suites = ElementTree.fromstring(run_documents.document("junit", programs, bodies))
    assert [len(case) for case in suites[0]] == [1, 1]
    tap = run_documents.document("tap", programs, bodies)
    lines = tap.rstrip("\n").split("\n")
    assert [line[0] for line in lines if not line.startswith("#")] == ["T", "1", "n", "n"]
    assert json.loads(run_documents.document("json", programs, bodies))["summary"]["leaked"] == 1
    for line in shown.summary(programs):
        assert line == clean(line)


# ---- what comes through the socket -----------------------------------------------------------------


@pytest.fixture
def results() -> Any:
    made = Results(Programs())
    made.start()
    yield made
    made.stop()


def send(results: Results, *messages: bytes) -> List[Any]:
    """As this process; what is known of it then."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        for message in messages:
            sender.sendto(message, "\0" + results.name)
    results.take()
    return results.programs.all


def test_what_the_library_sends(results: Results) -> None:
    (program,) = send(
        results,
        b"begun\0program=/bin/a b\0name=a\0",
        b"creates\0program=/bin/a b\0command=a\0b=c\0command=d e\0",
        b"checked\0program=/bin/a b\0ppid=1\0status=5\0leaked=2\0reason=x=y\0",
    )
    assert (program.pid, program.path, program.comm) == (os.getpid(), "/bin/a b", "a")
    assert program.command == "a b=c 'command=d e'"
    assert program.creates and program.checked == Checked(5, 2, "x=y")


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\0",
        b"checked\0",
        b"checked\0status=0\0leaked=\0",
        b"checked\0status=x\0leaked=0\0",
        b"nonsense\0program=/bin/a\0",
        b"\xff\xfe",
        b"checked\0status=0\0leaked=" + b"9" * 3000,
    ],
)
def test_what_anybody_may_send(results: Results, message: bytes) -> None:
    """Nothing is known of anybody but for what the library sends, and the next one is heard."""
    assert all(each.checked is None or each.leaked for each in send(results, message))
    before = len(results.programs.all)
    assert len(send(results, b"begun\0program=/bin/\xff\0")) == before + 1
    assert results.programs.all[-1].path == "/bin/\\xff"


def test_it_stops_with_a_full_queue() -> None:
    results = Results(Programs())
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        with pytest.raises(BlockingIOError):
            while True:
                sender.sendto(b"begun\0program=a\0", "\0" + results.name)
    results.start()
    results.stop()
    assert results.programs.all
