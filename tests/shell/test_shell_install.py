# SPDX-License-Identifier: MIT
"""What `make install` puts down for the shell works from there: the command, its libraries, GDB's commands. It does
so where a package is staged, too, and wherever the tree is moved to."""

import os
import subprocess
from typing import Any, List

import pytest
from run_gdb import ROOT
from run_shell import LEAKS, TIMEOUT_S, environment
from workshop import Workshop


@pytest.fixture(scope="module", params=["installed", "staged"])
def prefix(request: Any, tmp_path_factory: Any) -> str:
    folder = str(tmp_path_factory.mktemp(request.param))
    variables = {
        "installed": [f"PREFIX={folder}", f"GDB_AUTO_LOAD={folder}/auto-load"],
        "staged": [f"DESTDIR={folder}", "PREFIX=/usr"],
    }[request.param]
    argv = ["make", "-s", "-C", ROOT, "install", *variables]
    done = subprocess.run(argv, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder + ("/usr" if request.param == "staged" else "")


def run(prefix: str, *words: str, cwd: Any = None) -> "subprocess.CompletedProcess[str]":
    command: List[str] = [f"{prefix}/bin/threadleak", *words]
    return subprocess.run(
        command, capture_output=True, text=True, env=environment(), timeout=TIMEOUT_S, cwd=cwd
    )


def test_run_finds_its_library(prefix: str) -> None:
    assert f"LD_PRELOAD={prefix}/lib/libthreadleak.so.0\n" in run(prefix, "run", "--", "env").stdout


def test_help_names_the_library_that_a_program_can_be_started_with(prefix: str) -> None:
    assert f"    LD_PRELOAD={prefix}/lib/libthreadleak.so\n" in run(prefix, "--help").stdout


def test_the_probe_is_found(prefix: str, workshop: Workshop) -> None:
    running = workshop.live(workshop.program("plain"))
    done = run(prefix, "check", "--settle-ms", "0", str(running.pid))
    assert (done.returncode, done.stderr.count("\n")) == (LEAKS, 1)
    assert done.stdout.startswith("threadleak: 1 leaked thread (1 unjoined) of 2\n")


def test_gdb_has_the_commands(prefix: str, workshop: Workshop) -> None:
    core = workshop.core(workshop.program("plain"))
    more = ["-nx", "-batch", "-ex", "threadleak list", "-ex", "python print(threadleak.__file__)"]
    done = run(prefix, "gdb", core, "--", *more)
    assert "threadleak: 1 leaked thread (1 unjoined) of 2\n" in done.stdout
    assert done.stdout.splitlines()[-1].startswith(prefix)


def test_what_else_there_is(prefix: str) -> None:
    for name in (
        "share/man/man1/threadleak.1",
        "share/bash-completion/completions/threadleak",
        "share/zsh/site-functions/_threadleak",
    ):
        assert os.path.exists(f"{prefix}/{name}"), name
    assert "list\t" in run(prefix, "--complete", "").stdout
