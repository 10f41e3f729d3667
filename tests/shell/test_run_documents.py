# SPDX-License-Identifier: MIT
"""`threadleak run --format`: one document on all programs that were checked."""

import json
import os
from typing import Any, Dict
from xml.etree import ElementTree

import pytest
from growing import Growing
from published import OURS, errors_of, refused_by_jenkins
from run_shell import LEAKS, SETTLED, run_shell
from test_run_check import JOINED, Done
from workshop import Workshop, line_of


@pytest.fixture
def script(workshop: Workshop) -> str:
    """One that leaks, one that does not, and one that cannot be told."""
    grows = workshop.program("grows").path
    unchecked = f'/usr/bin/python3 -c "{JOINED}os.kill(os.getpid(), 9)"'
    return f"echo ua | {grows} 0; echo j | {grows} 0; {unchecked}; true"


def document(format: str, folder: Any, script: str) -> str:
    place = folder / "tmp"
    place.mkdir()
    words = ["--settle-ms", "0", "--format", format, "--output", "out", "--", "bash", "-c", script]
    done = Done(folder, *words, TMPDIR=str(place))
    assert (
        done.status == LEAKS and "1 of 3 processes with threads leaked some, 1 cannot" in done.err
    )
    assert "created at:" not in done.err  # that is in the document
    assert os.listdir(place) == []
    return str((folder / "out").read_text())


def test_junit(script: str, tmp_path: Any) -> None:
    text = document("junit", tmp_path, script)
    assert refused_by_jenkins(text) == ""
    suites = ElementTree.fromstring(text)
    (suite,) = suites
    assert {name: suite.get(name) for name in ("tests", "failures", "errors")} == {
        "tests": "3",
        "failures": "1",
        "errors": "1",
    }
    leaky, clean, unchecked = suite
    names = [case.get("name") for case in suite]
    assert names[0] is not None and names[0].endswith("grows 0") and names[1] == names[0] + " #2"
    (failure,), (error,) = leaky, unchecked
    assert len(clean) == 0
    line = line_of("grows", "/* creates unjoined */")
    assert failure.get("message") == (
        "2 leaked threads (1 unjoined, 1 outlived): 1 made by leave_unjoined at"
        f" grows.c:{line}, 1 by keep_alive at grows.c:{line_of('grows', '/* creates alive */')}"
    )
    assert failure.text is not None and "fix (unjoined): Join it" in failure.text
    assert str(error.get("message")).startswith("it ended without a check")


def test_tap(script: str, tmp_path: Any) -> None:
    lines = document("tap", tmp_path, script).splitlines()
    assert lines[:2] == ["TAP version 13", "1..3"]
    points = [line.split(" - ")[0] for line in lines if not line.startswith("#")][2:]
    assert points == ["not ok 1", "ok 2", "not ok 3"]
    assert sum("2 leaked threads (1 unjoined, 1 outlived)" in line for line in lines) == 1


def test_json(script: str, tmp_path: Any) -> None:
    shown: Dict[str, Any] = json.loads(document("json", tmp_path, script))
    assert shown["schema"] == "threadleak-run/1" and shown["error"] is None
    counts = {key: shown["summary"][key] for key in ("with_threads", "leaked", "blind")}
    assert counts == {"with_threads": 3, "leaked": 1, "blind": 1}
    leaky, clean, unchecked = shown["programs"]
    assert [each["leaked"] for each in shown["programs"]] == [2, 0, None]
    assert (leaky["status"], unchecked["status"]) == (0, None)
    (report,) = leaky["reports"]
    assert report["schema"] == "threadleak/1" and report["summary"]["leaked"] == 2
    assert report["target"]["pid"] == leaky["pid"]
    assert clean["reports"] == [] and unchecked["blind"].startswith("it ended without a check")


def test_json_as_jsonschema_reads_it(growing: Growing, script: str, tmp_path: Any) -> None:
    """Real documents, by our schemas, with a validator that others have; it must also follow references."""
    of_run = json.loads(document("json", tmp_path, script))
    assert errors_of(of_run, "json-run-schema.json", OURS) == []
    growing.make("uaj")
    lines = [("list", "--all", "--stacks"), ("groups",), ("check", "--at-end")]
    texts = [run_shell(*words, *SETTLED, "--format", "json", growing.pid).out for words in lines]
    reports = [*of_run["programs"][0]["reports"], *map(json.loads, texts)]
    assert [errors_of(each, "json-schema.json", OURS) for each in reports] == [[]] * 4
    reports[1]["threads"][0]["class"] = 7
    (error,) = errors_of(reports[1], "json-schema.json", OURS)
    assert error.startswith("$.threads[0].class: 7 is not ")


def test_several_documents_and_text_of_one_run(script: str, tmp_path: Any) -> None:
    """The same as each alone would be."""
    names = [f"out.{each}" for each in ("json", "sarif", "tap", "xml")]
    words = [word for name in names for word in ("--report", name)]
    done = Done(tmp_path, "--settle-ms", "0", *words, "--", "bash", "-c", script)
    assert done.status == LEAKS
    said = "threadleak: 2 leaked threads (1 unjoined, 1 outlived) at the exit of"
    assert sum(line.startswith(said) for line in done.lines) == 1
    assert done.err.count("fix (unjoined): Join it") == 1
    assert done.err.index("created at:") < done.err.index(
        "1 of 3 processes with threads leaked some"
    )
    texts = [(tmp_path / name).read_text() for name in names]
    assert json.loads(texts[0])["summary"]["leaked"] == 1
    assert [each["ruleId"] for each in json.loads(texts[1])["runs"][0]["results"]] == [
        "unjoined",
        "outlived",
    ]
    assert texts[2].startswith("TAP version 13\n1..3\n") and "fix (unjoined): Join it" in texts[2]
    assert refused_by_jenkins(texts[3]) == "" and "fix (unjoined): Join it" in texts[3]


def test_reports_that_cannot_be(tmp_path: Any) -> None:
    done = Done(tmp_path, "--report", "leaks.txt", "--", "echo", "ran")
    assert (done.status, done.out) == (64, "") and "ends in one of .json, .sarif" in done.err
    done = Done(tmp_path, "--report", "no/such/a.xml", "--", "echo", "ran")
    assert (done.status, done.out) == (64, "") and done.err.count("\n") == 1
    done = Done(tmp_path, "--report", "a.xml", "--format", "github", "--", "echo", "ran")
    assert (done.status, done.out) == (64, "")


def test_json_has_each_report_of_a_program(workshop: Workshop, tmp_path: Any) -> None:
    checks = workshop.program("checks").path
    words = ["--settle-ms", "0", "--format", "json", "--output", "out", "--", checks, "outlived"]
    assert Done(tmp_path, *words).status == 2  # it ends by _exit
    (program,) = json.loads((tmp_path / "out").read_text())["programs"]
    titles = [report["title"] for report in program["reports"]]
    assert titles == ["Suite.outlived", "checks"]


def test_rules_that_match_nothing_are_in_documents_alone(workshop: Workshop, tmp_path: Any) -> None:
    (tmp_path / "rules").write_text("name:nobody-* it is not here\n")
    words = ("--settle-ms", "0", "--rules", "rules")
    grows, said = workshop.program("grows").path, "1 rule matched no thread: name:nobody-*"
    done = Done(tmp_path, *words, "--report", "leaks.json", "--", grows, "0", stdin="u\n")
    assert done.status == LEAKS and said not in done.err
    (program,) = json.loads((tmp_path / "leaks.json").read_text())["programs"]
    (report,) = program["reports"]
    assert [each["text"] for each in report["findings"] if each["kind"] == "unused_rules"] == [said]


def test_github(script: str, tmp_path: Any) -> None:
    done = Done(tmp_path, "--settle-ms", "0", "--format", "github", "--", "bash", "-c", script)
    assert done.status == LEAKS
    line = line_of("grows", "/* creates unjoined */")
    errors = [each for each in done.lines if each.startswith("::error ")]
    assert any(
        each.startswith("::error file=") and f"grows.c,line={line}," in each for each in errors
    )
    assert "::cannot tell: it ended without a check" in errors[-1]


def test_a_command_without_threads(tmp_path: Any) -> None:
    done = Done(tmp_path, "--format", "junit", "--output", "out", "--", "true")
    assert (done.status, done.err) == (0, "")
    ((case,),) = ElementTree.fromstring((tmp_path / "out").read_text())
    assert len(case) == 0 and case.get("name") == "/usr/bin/true"


def test_nothing_that_matches(tmp_path: Any) -> None:
    words = ["--only", "no-such", "--format", "junit", "--output", "out", "--", "true"]
    assert Done(tmp_path, *words).status == 2
    ((case,),) = ElementTree.fromstring((tmp_path / "out").read_text())
    (error,) = case
    assert error.get("message") == "no program that was started matches --only no-such"
