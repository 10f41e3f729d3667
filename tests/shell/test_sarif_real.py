# SPDX-License-Identifier: MIT
"""SARIF of real programs: by `check`, by `run`, and by the library itself, valid by the published schema."""

import json
import os
import re
from typing import Any, Dict, List

import pytest
from published import errors_of
from run_shell import BLIND, CLEAN, LEAKS, SETTLED, run_shell
from test_checks import run as run_checks
from test_run_check import JOINED, Done
from workshop import PROGRAMS, Workshop, line_of


def run_of(text: str) -> Dict[str, Any]:
    shown = json.loads(text)
    assert errors_of(shown, "sarif-schema-2.1.0.json") == []
    (run,) = shown["runs"]
    return run  # type: ignore[no-any-return]


def results(text: str) -> List[Dict[str, Any]]:
    return run_of(text)["results"]  # type: ignore[no-any-return]


def line(result: Dict[str, Any]) -> Any:
    """Of the source, in the repository."""
    physical = result["locations"][0]["physicalLocation"]
    assert physical["artifactLocation"]["uriBaseId"] == "%SRCROOT%", physical
    return physical["artifactLocation"]["uri"], physical["region"]["startLine"]


@pytest.fixture
def grows(workshop: Workshop) -> str:
    return workshop.program("grows").path


def test_run_tells_each_place_once(grows: str, tmp_path: Any) -> None:
    words = ["--settle-ms", "0", "--format", "sarif", "--output", "out", "--source-root", PROGRAMS]
    script = f"for i in 1 2; do echo ua | {grows} 0; done; echo j | {grows} 0; true"
    done = Done(tmp_path, *words, "--", "bash", "-c", script)
    assert done.status == LEAKS and "created at:" not in done.err
    unjoined, outlived = results((tmp_path / "out").read_text())
    assert (unjoined["ruleId"], outlived["ruleId"]) == ("unjoined", "outlived")
    assert line(unjoined) == ("grows.c", line_of("grows", "/* creates unjoined */"))
    assert line(outlived) == ("grows.c", line_of("grows", "/* creates alive */"))
    assert unjoined["occurrenceCount"] == outlived["occurrenceCount"] == 2
    assert [each["message"]["text"] for each in outlived["stacks"]] == [
        "created at",
        "its stack now",
    ]
    assert outlived["relatedLocations"][0]["physicalLocation"]["region"]["startLine"]


def test_run_of_what_is_clean_and_of_what_cannot_be_told(grows: str, tmp_path: Any) -> None:
    words = ["--format", "sarif", "--output", "out", "--"]
    assert Done(tmp_path, *words, grows, "0", stdin="j\n").status == CLEAN
    run = run_of((tmp_path / "out").read_text())
    assert run["results"] == [] and run["invocations"][0]["executionSuccessful"]
    script = f'/usr/bin/python3 -c "{JOINED}os.kill(os.getpid(), 9)"; true'
    assert Done(tmp_path, *words, "bash", "-c", script).status == BLIND
    run = run_of((tmp_path / "out").read_text())
    assert run["results"] == [] and not run["invocations"][0]["executionSuccessful"]
    told = run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"]
    assert "cannot tell: it ended without a check" in told


def test_check_with_a_baseline_and_expected_threads(workshop: Workshop, tmp_path: Any) -> None:
    core = workshop.core(workshop.program("leaky"))
    words = ("check", *SETTLED, "--baseline", str(tmp_path / "known"), "--format", "sarif")
    (tmp_path / "known").write_text("# threadleak baseline 1\n")
    found = results(run_shell(*words, core).out)
    assert found and {each["baselineState"] for each in found} == {"new"}
    prints = {each["partialFingerprints"]["threadleakCreation/v1"] for each in found}
    assert all(len(each) == 16 for each in prints)
    update = (
        "check",
        *SETTLED,
        "--baseline",
        str(tmp_path / "known"),
        "--update-baseline",
        "--force",
    )
    run_shell(*update, core)
    run = run_shell(*words, core)
    assert (run.status, results(run.out)) == (CLEAN, [])
    known = results(run_shell(*words, "--with-expected", core).out)
    by_baseline = [each for each in known if each["baselineState"] == "unchanged"]
    assert len(by_baseline) == len(found)
    assert all(each["suppressions"][0]["kind"] == "external" for each in by_baseline)


def test_check_of_several_targets_is_one_run(workshop: Workshop) -> None:
    core = workshop.core(workshop.program("leaky"))
    run = run_shell("check", *SETTLED, "--format", "sarif", core, "/etc/passwd")
    assert run.status == LEAKS
    shown = run_of(run.out)
    assert shown["results"] and not shown["invocations"][0]["executionSuccessful"]
    (told,) = shown["invocations"][0]["toolExecutionNotifications"]
    assert "/etc/passwd" in told["message"]["text"]


@pytest.mark.parametrize("name, count, members", [("ab_ba", 2, 2), ("chains", 4, 2)])
def test_a_deadlock_is_one_result(workshop: Workshop, name: str, count: int, members: int) -> None:
    program = workshop.program(f"deadlocks/{name}")
    words = ("check", *SETTLED, "--format", "sarif", "--source-root", PROGRAMS)
    found = results(run_shell(*words, workshop.core(program)).out)
    (stuck,) = [each for each in found if each["ruleId"] == "stuck"]
    assert stuck["occurrenceCount"] == count and stuck["level"] == "error"
    file, at = line(stuck)
    with open(os.path.join(PROGRAMS, file), encoding="utf-8") as source:
        assert "pthread_mutex_lock(mutex)" in source.readlines()[at - 1]
    ways = stuck["codeFlows"][0]["threadFlows"]
    assert len(ways) == members
    told = [[step["location"]["message"]["text"] for step in way["locations"]] for way in ways]
    callers = {step[-2].partition(" ")[0] for step in told}
    assert callers == {"first", "second"}
    assert all(re.match(r"it waits for the mutex `[ab]`", steps[-1]) for steps in told)
    related = [each["message"]["text"] for each in stuck["relatedLocations"]]
    assert sum(each.endswith(" waits") for each in related) == members - 1
    assert len(stuck["partialFingerprints"]["threadleakDeadlock/v1"]) == 16


def test_a_stripped_program_is_the_place_itself(workshop: Workshop, tmp_path: Any) -> None:
    """GitHub refuses a result without a file."""
    program = workshop.program("grows", strip=True).path
    words = ["--settle-ms", "0", "--format", "sarif", "--output", "out"]
    words += ["--source-root", os.path.dirname(program)]
    Done(tmp_path, *words, "--", program, "0", stdin="u\n")
    (result,) = results((tmp_path / "out").read_text())
    (location,) = result["locations"]
    assert location["physicalLocation"]["artifactLocation"]["uri"] == "grows"


def test_the_library_writes_a_document_for_each_check(workshop: Workshop, tmp_path: Any) -> None:
    run_checks(workshop, "outlived", options=f"format=sarif:log_path={tmp_path}/leaks.sarif")
    assert sorted(os.listdir(tmp_path)) == ["leaks-2.sarif", "leaks.sarif"]
    (result,) = results((tmp_path / "leaks.sarif").read_text())
    assert ", in Suite.outlived." in result["message"]["text"] and result["occurrenceCount"] == 2


def test_forged_documents_are_left_out(grows: str, tmp_path: Any) -> None:
    """A program may write whatever it likes to where it was told to write."""
    code = (
        "import os, re, subprocess; path = re.search('log_path=([^:]+)', os.environ['THREADLEAK_OPTIONS'])[1];"
        "open(path.replace('%p', str(os.getpid())), 'w').write('{\\n \"threads\": [1e999]\\n}\\n');"
        f"subprocess.run(['{grows}', '0'], input=b'u\\n'); import threading; t = threading.Thread(target=int); t.start(); t.join()"
    )
    done = Done(
        tmp_path, "--format", "sarif", "--output", "out", "--", "/usr/bin/python3", "-c", code
    )
    assert done.status == LEAKS
    (result,) = results((tmp_path / "out").read_text())
    assert result["ruleId"] == "unjoined"
