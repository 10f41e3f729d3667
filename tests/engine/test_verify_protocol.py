# SPDX-License-Identifier: MIT
"""A check that a program makes of itself: formats, bytes of the protocol, requests."""

import json
import os
from pathlib import Path
from typing import Any, List

import pytest
from hypothesis import given
from hypothesis import strategies as st
from full_pipe import full_pipe
from image import PID, mark, record, scope
from schema import errors
from threadleak.commands.verify import Check, main
from threadleak.commands.verify_lines import escaped, parse
from threadleak.show.json import unsure
from verifying import TEST, Checks

SCHEMA = json.loads((Path(__file__).resolve().parents[2] / "docs/json-schema.json").read_text())


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


def test_a_process_that_cannot_be_read_is_told_apart() -> None:
    """No rule was applied: the library has its own plain report then."""
    answer = os.pipe()
    words = [f"pid={PID}", "registry=0x10", "self=0", "what=exit", "ask=0", f"answer={answer[1]}"]
    assert main(["protocol=1", *words]) == 0
    os.close(answer[1])
    with os.fdopen(answer[0]) as file:
        assert file.read().startswith("unread ")


def test_a_report_that_nobody_takes_is_given_up(check: Checks, capfd: Any) -> None:
    """The answer comes all the same."""
    read, full = full_pipe()
    before = os.dup(1)
    os.dup2(full, 1)
    try:
        said = check([record(2, scope=TEST)], "patience=1")
    finally:
        os.dup2(before, 1)
        for file in (before, full, read):
            os.close(file)
    assert said.last == "leaked 1"


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
