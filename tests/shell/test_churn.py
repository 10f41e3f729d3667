# SPDX-License-Identifier: MIT
"""A program that creates and joins all the time, and never loaded the library: what has just finished, and is about to
be joined, is no leak, whichever way it is looked at. The one thread that nobody joins is."""

import json
from pathlib import Path
from typing import Any, Dict, Iterator, Tuple

import pytest
from run_gdb import run_gdb
from run_shell import CLEAN, LEAKS, run_shell
from workshop import Program, Running, Workshop

LOOKS = 6
COUPLES = 4


@pytest.fixture(scope="module")
def program(workshop: Workshop) -> Program:
    return workshop.program("churn")


@pytest.fixture(scope="module")
def running(workshop: Workshop, program: Program) -> Iterator[Running]:
    """It would take a processor from the tests that follow."""
    started = workshop.start(program, str(COUPLES), preload="")
    yield started
    started.end()


@pytest.mark.parametrize("stop", [(), ("--stop",)], ids=["running", "stopped"])
def test_what_is_joined_at_once_is_no_leak(running: Running, stop: Tuple[str, ...]) -> None:
    for _ in range(LOOKS):
        run = run_shell("list", *stop, "--format", "json", str(running.pid))
        (leaked,) = [each for each in run.document()["threads"] if each["leaked"]]
        assert (leaked["start"]["function"], run.status) == ("be_left", LEAKS)


def in_the_shell(*target: str) -> Dict[str, Any]:
    return run_shell("list", "--all", "--format", "json", *target).document()


def in_gdb(*target: str) -> Dict[str, Any]:
    (output,) = run_gdb(*target, commands=["threadleak list --all --format json"]).outputs
    return json.JSONDecoder().raw_decode(output)[0]  # type: ignore[no-any-return]  # GDB says more


def test_one_look_sees_that_a_thread_is_being_joined(workshop: Workshop, tmp_path: Path) -> None:
    program = workshop.program("joined_late")
    running = workshop.start(program, preload="")
    pid, snapshot = str(running.pid), str(tmp_path / "snapshot")
    assert run_shell("snapshot", "--stop", pid, "-o", snapshot).status == CLEAN
    seen = {
        "stopped": in_the_shell("--stop", pid),
        "gdb": in_gdb("-p", pid),
        "snapshot": in_the_shell(program.path, snapshot),
        "core": in_the_shell(program.path, running.dump_core()),
    }
    for how, document in seen.items():
        (short,) = [each for each in document["threads"] if each["state"] == "finished"]
        assert short["class"] == "unjoined" and not short["leaked"], how
        assert "is in its join" in " ".join(short["why"]), how
        assert document["summary"]["leaked"] == 0
        assert [each["kind"] for each in document["findings"]] == ["no_registry", "waiting"]
