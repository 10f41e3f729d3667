# SPDX-License-Identifier: MIT
"""`threadleak run --timeout`: what still runs is shown and ended, with a core file of each process."""

import html
import json
import os
import re
import subprocess
from typing import Any, List
from xml.etree import ElementTree

import pytest
from run_shell import CLEAN, LEAKS, SHELL, TIMEOUT_S, environment, run_shell
from test_run_check import JOINED, Done
from workshop import Workshop

HUNG = 124
SOON = ("--timeout", "3.5")  # whatever it shows has begun by then


@pytest.fixture
def grows(workshop: Workshop) -> str:
    return workshop.program("grows").path


def hangs(grows: str, letters: str) -> str:
    """A script that keeps it from the end of its input."""
    return f"echo {letters} > in; {grows} 0 < <(cat in; exec sleep 60); true"


def cores(folder: Any) -> List[str]:
    return sorted(name for name in os.listdir(folder) if name.endswith(".core"))


def still_run(mark: str) -> List[str]:
    """Processes with a variable of the test's own in their environment."""
    found = []
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                if mark.encode() in file.read():
                    found.append(pid)
        except OSError:
            pass
    return found


def test_a_test_that_hangs(grows: str, tmp_path: Any) -> None:
    done = Done(tmp_path, *SOON, "--", "bash", "-c", hangs(grows, "aa"), MARK=str(tmp_path))
    assert done.status == HUNG
    assert done.lines[0] == "threadleak: bash still runs after 3.5 s"
    at = next(i for i, line in enumerate(done.lines) if f"`{grows} 0` still runs:" in line)
    assert done.lines[at + 1] == "3 threads, 2 different stacks"
    assert any(
        re.match(r"2 threads blocked in pause, from block \(scenario.h:\d+\)", line)
        for line in done.lines
    )
    pid = done.lines[at].split()[2]
    core = f"threadleak.{pid}.core"
    assert f"threadleak: process {pid} still ran: written to {core}" in done.lines
    assert core in cores(tmp_path)
    seen = subprocess.run(
        [SHELL, "list", "--all", core], cwd=tmp_path, capture_output=True, text=True
    )
    assert seen.stdout.startswith("threadleak: 0 leaked threads of 3\n")
    assert ["cannot tell", f"{grows} 0", "it was still running after 3.5 s"] in done.rows()
    assert still_run(f"MARK={tmp_path}") == []


def test_who_does_not_mind_is_killed(tmp_path: Any) -> None:
    code = (
        JOINED
        + "import signal; signal.signal(signal.SIGABRT, signal.SIG_IGN); print(1, flush=True); signal.pause()"
    )
    done = Done(tmp_path, *SOON, "--", "/usr/bin/python3", "-c", code, MARK=str(tmp_path))
    assert (done.status, done.out) == (HUNG, "1\n")
    assert still_run(f"MARK={tmp_path}") == []


def test_what_has_left_the_family_is_ended_too(tmp_path: Any) -> None:
    script = "(setsid sleep 60 & ) ; exec sleep 60"
    done = Done(tmp_path, *SOON, "--", "bash", "-c", script, MARK=str(tmp_path))
    assert done.status == HUNG
    assert done.err.count("`sleep 60` still runs:") == 2
    assert still_run(f"MARK={tmp_path}") == []


def test_a_program_that_is_done_in_time(grows: str, tmp_path: Any) -> None:
    done = Done(tmp_path, "--timeout", str(TIMEOUT_S), "--", grows, "0", stdin="j\n")
    assert (done.status, done.err) == (CLEAN, "")
    assert Done(tmp_path, "--timeout", "60", "--", grows, "0", stdin="u\n").status == LEAKS


def test_without_a_check(tmp_path: Any) -> None:
    done = Done(tmp_path, *SOON, "--no-check", "--", "sleep", "60")
    assert done.status == HUNG
    assert "processes" not in done.err and "1 thread blocked in " in done.err


@pytest.mark.parametrize("seconds", ["0", "-1", "soon", "nan", "1e99"])
def test_what_is_no_time(seconds: str, tmp_path: Any) -> None:
    done = Done(tmp_path, "--timeout", seconds, "--", "true")
    assert done.status == 64 and done.err.count("\n") == 1


def test_a_deadlock_is_named_with_its_fix(workshop: Workshop, tmp_path: Any) -> None:
    program = workshop.program("deadlocks/ab_ba").path
    files = ("d.json", "d.xml", "d.html", "d.sarif")
    reports = [word for name in files for word in ("--report", name)]
    done = Done(tmp_path, *SOON, *reports, "--", program)
    assert done.status == HUNG
    at = next(i for i, line in enumerate(done.lines) if line.endswith(" still runs:"))
    said, *places, fix = done.lines[at + 1 : at + 5]
    assert re.match(
        r"stuck: thread \d `(first|second)` waits for the mutex `[ab]` .*: a deadlock", said
    )
    assert [line.split(" (")[0] for line in places] == [
        f"  thread {number} `{name}` waits in lock"
        for number, name in ((2, "first"), (3, "second"))
    ]
    assert fix.startswith("fix: ") and "order" in fix
    (shown,) = json.loads((tmp_path / "d.json").read_text())["programs"]
    why = "2 leaked threads (2 stuck): it was still running after 3.5 s"
    assert done.lines[-1] == f"threadleak: {program}, process {shown['pid']}: {why}"
    assert (shown["leaked"], shown["blind"], shown["status"]) == (2, None, None)
    failed = ElementTree.parse(tmp_path / "d.xml").find("./testsuite/testcase/failure")
    assert failed is not None and failed.get("message") == why
    (report,) = shown["reports"]
    assert report["title"] == "ab_ba" and said in report["text"]
    assert sorted(each["name"] for each in report["threads"]) == ["first", "second"]
    assert [f"stuck: {each['text']}" for each in report["findings"] if each["kind"] == "stuck"] == [
        said
    ]
    for name in files[1:3]:
        assert said in html.unescape((tmp_path / name).read_text()), name
    (core,) = cores(tmp_path)
    assert run_shell("check", str(tmp_path / core)).status == LEAKS  # it is of one moment
    results = json.loads((tmp_path / "d.sarif").read_text())["runs"][0]["results"]
    assert [(each["ruleId"], each["occurrenceCount"]) for each in results] == [("stuck", 2)]


def test_of_a_deadlock_that_is_expected_it_cannot_be_told(
    workshop: Workshop, tmp_path: Any
) -> None:
    (tmp_path / "rules").write_text("class=stuck name:* it is a sample\n")
    program = workshop.program("deadlocks/ab_ba").path
    done = Done(tmp_path, *SOON, "--rules", "rules", "--report", "d.xml", "--", program)
    assert done.status == HUNG and "stuck: thread " in done.err
    assert done.lines[-1].startswith(f"threadleak: cannot tell whether threads of {program}")
    assert ElementTree.parse(tmp_path / "d.xml").find("./testsuite/testcase/error") is not None


def test_github_shows_a_deadlock_that_ended_a_run(workshop: Workshop, tmp_path: Any) -> None:
    program = workshop.program("deadlocks/ab_ba").path
    done = Done(tmp_path, *SOON, "--format", "github", "--", program)
    assert done.lines[-1].startswith("::error title=threadleak")
    assert "2 leaked threads (2 stuck)" in done.lines[-1]


def test_it_is_in_the_document(grows: str, tmp_path: Any) -> None:
    words = ["--format", "junit", "--output", "out.xml", "--", "bash", "-c", hangs(grows, "a")]
    assert Done(tmp_path, *SOON, *words).status == HUNG
    text = (tmp_path / "out.xml").read_text()
    assert (
        'message="it was still running after 3.5 s"' in text and "1 thread blocked in pause" in text
    )
