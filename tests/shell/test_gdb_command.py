# SPDX-License-Identifier: MIT
"""`threadleak gdb`: GDB comes up on the target, with our commands, and with settings by the number of threads."""

import os
import subprocess
from typing import Any, List

import pytest
from run_gdb import BUGS, LOADER
from run_shell import SHELL, TIMEOUT_S, environment, run_shell
from workshop import Workshop

BATCH = ("--", "-nx", "-batch", "-iex", "set debuginfod enabled off")
FAST = ["-iex", "set libthread-db-search-path /nonexistent"]


@pytest.fixture
def told(tmp_path: Any) -> Any:
    """What a GDB that does nothing is started with."""
    fake = tmp_path / "gdb"
    fake.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\nexit 9\n")
    fake.chmod(0o755)

    def run(*words: str) -> List[str]:
        done = run_shell("gdb", *words, env={"PATH": f"{tmp_path}:/usr/bin:/bin"})
        assert (done.status, done.err) == (9, "")
        return done.out.splitlines()

    return run


def in_gdb(*words: str) -> str:
    """The output of GDB, without the messages that it begins with."""
    command = [
        SHELL,
        "gdb",
        *words,
        *BATCH,
        "-ex",
        "echo @@",
        "-ex",
        "threadleak list --settle-ms 0",
    ]
    env = environment()
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=TIMEOUT_S)
    assert not BUGS.search(done.stdout + done.stderr), done.stderr
    return done.stdout.partition("@@")[2]


def test_what_gdb_is_given(workshop: Workshop, told: Any) -> None:
    program = workshop.program("plain")
    pid = str(workshop.live(program).pid)
    core = workshop.core(program)
    loader = ["-x", os.path.realpath(LOADER)]
    assert told() == loader
    assert told(program.path) == [program.path, *loader]
    assert told(pid) == ["-p", pid, *loader]
    assert told(program.path, pid) == [program.path, "-p", pid, *loader]
    assert told(program.path, core) == [program.path, "-c", core, *loader]
    assert told(core) == [program.path, "-c", core, *loader]
    assert told(pid, "--", "-q", "--", "-x") == ["-p", pid, *loader, "-q", "--", "-x"]


def test_many_threads_are_loaded_fast(workshop: Workshop, told: Any) -> None:
    program = workshop.program("crowd")
    running = workshop.start(program, "1000", "0")
    assert told(str(running.pid))[:2] == FAST
    assert told(running.dump_core())[:2] == FAST


def test_it_answers(workshop: Workshop) -> None:
    program = workshop.program("plain")
    summary = "threadleak: 1 leaked thread (1 unjoined) of 2\n"
    assert in_gdb(str(workshop.live(program).pid)).startswith(summary)
    assert in_gdb(workshop.core(program)).startswith(summary)


def test_there_is_no_gdb() -> None:
    done = run_shell("gdb", env={"PATH": "/nonexistent"})
    assert done.status == 127
    assert done.err == "threadleak: gdb was not found: install it, or use the shell's commands\n"


@pytest.mark.parametrize("words", [("a", "b", "c"), ("./program", "-batch")])
def test_wrong_usage(words: Any) -> None:
    done = run_shell("gdb", *words)
    assert done.status == 64 and done.err.count("\n") == 1
