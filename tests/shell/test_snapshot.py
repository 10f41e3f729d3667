# SPDX-License-Identifier: MIT
"""`threadleak snapshot`: a core that is small, made in no time, and that GDB, eu-stack and our own commands open
as they open the process."""

import os
import re
import shutil
import subprocess
from typing import Any, Dict, Iterator, NamedTuple, Tuple

import pytest
from run_gdb import run_gdb
from run_shell import BLIND, CLEAN, LEAKS, SETTLED, run_shell
from workshop import LINKED, Program, Running, Workshop

LEAKED = 500
MAIN_LEAKED = (LEAKED * 8) << 20  # bytes of stacks that a full core would hold


class Snapped(NamedTuple):
    program: Program
    running: Running
    core: str
    said: str


@pytest.fixture(scope="module", params=["moving", "stopped"])
def snapped(request: Any, workshop: Workshop) -> Iterator[Snapped]:
    program = workshop.program("snapshot")
    running = workshop.start(program, str(LEAKED))
    core = os.path.join(running.folder, "a.core")
    done = run_shell(
        "snapshot", "-o", core, *["--stop"] * (request.param == "stopped"), str(running.pid)
    )
    assert done.status == 0, done.err
    yield Snapped(program, running, core, done.out)
    running.end()


def shown(*target: str) -> Dict[str, Any]:
    return run_shell("list", "--all", "--stacks", "--format", "json", *SETTLED, *target).document()


def test_it_is_small(snapped: Snapped) -> None:
    size = os.path.getsize(snapped.core)
    assert size <= 20e6 < MAIN_LEAKED / 100
    assert os.stat(snapped.core).st_mode & 0o777 == 0o600
    assert os.listdir(snapped.running.folder).count("a.core") == 1
    assert f"{size / 1e6:,.1f} MB" in snapped.said


def test_our_commands_say_the_same_as_of_the_process(snapped: Snapped) -> None:
    live, dead = shown(str(snapped.running.pid)), shown(snapped.core)
    assert dead["summary"] == live["summary"]
    assert dead["summary"]["by_class"]["unjoined"] == LEAKED
    keys = ("id", "tid", "name", "state", "class", "creation_stack", "stack", "pthread")
    rows = [
        [{key: row.get(key) for key in keys} for row in look["threads"]] for look in (live, dead)
    ]
    assert rows[0] == rows[1]
    waits = [[row.get("wait") or {} for row in look["threads"]] for look in (live, dead)]
    told = ("kind", "call", "address", "object", "owner")  # a core does not tell since when
    first, second = ([[each.get(key) for key in told] for each in found] for found in waits)
    assert first == second
    assert run_shell("check", *SETTLED, snapped.core).status == LEAKS


def test_gdb_opens_it(snapped: Snapped) -> None:
    asked = (
        "info threads",
        "bt",
        "thread apply 2 bt",
        "print answer",
        "x/s greeting + 32768",
        "print *lock",
    )
    run = run_gdb(snapped.program.path, snapped.core, loader=None, commands=asked)
    threads, main, waiter, answer, greeting, lock = run.outputs
    assert len(re.findall(r"^[* ] +\d+ +.*LWP", threads, re.MULTILINE)) == 4
    assert " main (" in main and "in wait_for_lock (" in waiter
    assert "= 42" in answer and '"hello"' in greeting
    assert f"__owner = {snapped.running.pid}" in lock
    # it has no floating point registers, and that needs no word
    assert "too small" not in run.err and "Cannot access memory" not in run.err


def test_gdb_with_our_commands_opens_it(snapped: Snapped) -> None:
    run = run_gdb(snapped.program.path, snapped.core, commands=["threadleak list --settle-ms 0"])
    assert (
        run.first_line == f"threadleak: {LEAKED} leaked threads ({LEAKED} unjoined) of {LEAKED + 4}"
    )


@pytest.mark.skipif(not shutil.which("eu-stack"), reason="eu-stack (elfutils) is not there")
def test_eu_stack_opens_it(snapped: Snapped) -> None:
    done = subprocess.run(
        ["eu-stack", "--core", snapped.core, "-e", snapped.program.path],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert len(re.findall("wait_for_lock", done.stdout)) == 3, done.stderr


def test_it_goes_on(snapped: Snapped) -> None:
    with open(f"/proc/{snapped.running.pid}/status", encoding="ascii") as file:
        status = file.read()
    assert "TracerPid:\t0" in status and re.search(r"^State:\t[SR] ", status, re.M)  # R: just woken


def test_a_program_that_is_linked_with_the_library(workshop: Workshop) -> None:
    """It finds its registry in the data of another module, and with main gone in a process of its own kind."""
    running = workshop.start(workshop.program("main_exits", LINKED))
    core = os.path.join(running.folder, "b.core")
    assert run_shell("snapshot", "-o", core, str(running.pid)).status == 0
    assert shown(core)["summary"] == shown(str(running.pid))["summary"]


@pytest.mark.parametrize(
    "where, why",
    [
        ("/dev/full", "is not an ordinary file"),
        ("/nonexistent/a.core", "cannot be written: No such file or directory"),
    ],
)
def test_where_it_cannot_be_written(workshop: Workshop, where: str, why: str) -> None:
    running = workshop.live(workshop.program("quiet"))
    done = run_shell("snapshot", "-o", where, str(running.pid))
    assert done.status != 0 and where in done.err and why in done.err


def test_without_a_registry_it_names_what_needs_none(workshop: Workshop) -> None:
    running = workshop.live(workshop.program("quiet"), preload="")
    core = os.path.join(running.folder, "c.core")
    done = run_shell("snapshot", "-o", core, str(running.pid))
    assert "no registry was found" in done.out and f"`threadleak stacks {core}` or" in done.out
    assert run_shell("stacks", core).status == 0


def status_in_gdb(program: str, core: str) -> Tuple[int, str]:
    run = run_gdb(program, core, commands=[f"threadleak check --exit {' '.join(SETTLED)}"])
    return run.status, run.out + run.err


@pytest.mark.parametrize(
    "how, status, said",
    [
        ((), BLIND, "whether 50 finished threads are unjoined cannot be told"),
        (("--stop",), LEAKS, "50 leaked threads (50 unjoined)"),
    ],
)
def test_without_a_registry_it_is_never_clean_for_want_of_a_second_look(
    workshop: Workshop, how: Tuple[str, ...], status: int, said: str
) -> None:
    """glibc's lists alone tell of finished threads, and one look at a process that runs on does not do for that."""
    program = workshop.program("snapshot")
    running = workshop.start(program, "50", preload="")
    core = os.path.join(running.folder, "d.core")
    assert run_shell("check", *SETTLED, str(running.pid)).status == LEAKS
    assert run_shell("snapshot", "-o", core, *how, str(running.pid)).status == 0
    running.end()
    done = run_shell("check", *SETTLED, core)
    assert done.status == status and said in done.out, done
    assert "came or went" not in done.out
    found, told = status_in_gdb(program.path, core)
    assert found == status and said in told, told


@pytest.mark.parametrize(
    "which, live, said",
    [
        ("finished", LEAKS, "whether 5 finished threads are unjoined cannot be told"),
        ("alive", BLIND, "the registry has no creation at all"),
    ],
)
def test_nor_where_threads_were_created_past_the_library(
    workshop: Workshop, which: str, live: int, said: str
) -> None:
    running = workshop.start(workshop.program("goes_past"), which)
    core, stopped = (os.path.join(running.folder, name) for name in ("f.core", "g.core"))
    pid = str(running.pid)
    assert run_shell("check", *SETTLED, pid).status == live
    assert run_shell("snapshot", "-o", core, pid).status == 0
    assert run_shell("snapshot", "-o", stopped, "--stop", pid).status == 0
    running.end()
    done = run_shell("check", *SETTLED, core)
    assert done.status == BLIND and said in done.out, done
    assert run_shell("check", *SETTLED, stopped).status == live


@pytest.mark.parametrize("how", [(), ("--stop",)])
def test_without_a_registry_and_without_leaks_it_is_clean(
    workshop: Workshop, how: Tuple[str, ...]
) -> None:
    program = workshop.program("snapshot")
    running = workshop.start(program, "0", preload="")
    core = os.path.join(running.folder, "e.core")
    assert run_shell("snapshot", "-o", core, *how, str(running.pid)).status == 0
    running.end()
    assert run_shell("check", *SETTLED, core).status == CLEAN
    assert status_in_gdb(program.path, core)[0] == CLEAN


def test_of_what_is_no_process() -> None:
    done: Tuple[int, str] = run_shell("snapshot", "4194304")[::2]
    assert done[0] == 2 and "there is no process 4194304" in done[1]
