# SPDX-License-Identifier: MIT
"""`threadleak run --no-check --core-on-leak`: whoever exits with leaks is reported, and leaves a core file to look
at; the status stays the program's."""

import os
import re
import signal
import subprocess
from typing import Any

import pytest
from run_gdb import run_gdb
from run_shell import LEAKS, SHELL, TIMEOUT_S, environment, run_shell
from screen import Screen
from workshop import Workshop, line_of

GROWS = 5  # its exit status


class Done:
    def __init__(self, folder: Any, *words: str, stdin: str = ""):
        command = [SHELL, "run", "--no-check", "--core-on-leak", *words]
        done = subprocess.run(
            command,
            input=stdin,
            cwd=folder,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )
        assert "Traceback" not in done.stderr, done.stderr
        self.status, self.out, self.err = done.returncode, done.stdout, done.stderr
        self.cores = sorted(
            os.path.join(folder, name)
            for name in os.listdir(folder)
            if re.fullmatch(r"threadleak\.[0-9]+\.core", name)
        )


@pytest.fixture
def grows(workshop: Workshop) -> str:
    return workshop.program("grows").path


def test_leaks(workshop: Workshop, grows: str, tmp_path: Any) -> None:
    done = Done(tmp_path, "--", grows, stdin="uuaj\n")
    assert (done.status, done.out) == (GROWS, "ready\ndone\n")
    summary = "threadleak: 3 leaked threads (2 unjoined, 1 outlived) of 4"
    lines = done.err.splitlines()
    assert lines[0] == summary
    (core,) = done.cores
    pid = core.split(".")[-2]
    assert lines[-1] == f"threadleak: process {pid} at its exit: written to threadleak.{pid}.core"
    assert f"`threadleak explain {os.path.basename(core)} 2` says more." in lines
    seen = run_shell("check", core)
    assert (seen.status, seen.first_line) == (LEAKS, summary)
    assert f"leave_unjoined (grows.c:{line_of('grows', '/* creates unjoined */')})" in seen.out
    assert "?" not in seen.out.replace("?:", "")  # at the end there are proofs
    assert run_gdb("-c", core, commands=["threadleak list"]).first_line == summary


@pytest.mark.parametrize("letters", ["", "jj\n"])
def test_no_leaks(grows: str, tmp_path: Any, letters: str) -> None:
    done = Done(tmp_path, "--", grows, stdin=letters)
    assert (done.status, done.err, done.cores) == (GROWS, "", [])


def test_what_a_rule_expects(grows: str, tmp_path: Any) -> None:
    rules = tmp_path / "rules"
    rules.write_text("site:keep_alive  they live as long as the process\n")
    done = Done(tmp_path, "--rules", str(rules), "--", grows, stdin="aa\n")
    assert (done.status, done.err, done.cores) == (GROWS, "", [])
    done = Done(tmp_path, "--rules", str(tmp_path / "none"), "--", grows)
    assert done.status == 64


def test_whatever_it_starts(grows: str, tmp_path: Any) -> None:
    """One after the other, each in its own right."""
    script = f"echo uu | {grows} >&2; echo a | {grows} >&2; echo j | {grows} >&2; exit 7"
    done = Done(tmp_path, "--", "bash", "-c", script)
    assert done.status == 7 and len(done.cores) == 2
    assert "threadleak: 2 leaked threads (2 unjoined) of 3\n" in done.err
    assert "threadleak: 1 leaked thread (1 outlived) of 2\n" in done.err


def test_many_at_once(grows: str, tmp_path: Any) -> None:
    script = f"for i in 1 2 3 4 5 6; do echo u | {grows} & done; wait; exit 0"
    done = Done(tmp_path, "--", "bash", "-c", script)
    assert done.status == 0 and len(done.cores) == 6
    assert done.err.count("threadleak: 1 leaked thread (1 unjoined) of 2\n") == 6


def test_who_goes_on_is_not_held(grows: str, tmp_path: Any) -> None:
    """What the program leaves behind exits later, when nobody is there any more."""
    script = f"(sleep 0.5; echo u | {grows} > out; echo $? > status) > /dev/null 2>&1 & exit 0"
    assert Done(tmp_path, "--", "bash", "-c", script).status == 0
    for _ in range(TIMEOUT_S * 10):
        if (tmp_path / "status").exists() and (tmp_path / "status").read_text():
            break
        subprocess.run(["sleep", "0.1"])
    assert (tmp_path / "status").read_text() == f"{GROWS}\n"


def test_it_dies(workshop: Workshop, grows: str, tmp_path: Any) -> None:
    """The kernel's core, although the limit on core files was 0."""
    script = f"ulimit -S -c 0; exec {SHELL} run --no-check --core-on-leak -- bash -c 'exec {grows} < <(echo u; kill -ABRT $$)'"
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == -signal.SIGABRT
    (core,) = (name for name in os.listdir(tmp_path) if name.startswith("core"))
    assert done.stderr == (
        f"threadleak: bash died, and left {core}; `threadleak list {core}` opens it\n"
    )


def keys(script: str, *typed: str) -> str:
    """What a program shows when keys are typed once it has said that it is ready."""
    screen = Screen(SHELL, "run", "--no-check", "--core-on-leak", "--", "bash", "-c", script)
    screen.wait(lambda: "ready" in screen.text)
    for key in typed:
        screen.send(key)
    screen.end()
    screen.close()
    return screen.text


def test_a_key_reaches_it_once() -> None:
    script = (
        "trap 'n=$((n+1))' INT; echo ready; for i in 1 2 3 4 5; do sleep 0.1; done; echo got $n"
    )
    assert "got 1\r\n" in keys(script, "\003")


def test_it_reads_from_the_terminal() -> None:
    assert "you said hello\r\n" in keys("echo ready; read x; echo you said $x", "hello\n")


def test_it_is_stopped_and_goes_on_with_the_program() -> None:
    """Job control, by a shell that has it."""
    script = 'set -m; "$@"; echo stopped $?; read line; fg; echo "status $?"'
    program = ["bash", "-c", "echo ready; sleep 0.5; echo done; exit 6"]
    command = [SHELL, "run", "--no-check", "--core-on-leak", "--", *program]
    screen = Screen("bash", "-c", script, "bash", *command)
    screen.wait(lambda: "ready" in screen.text)
    screen.send("\032")
    screen.wait(lambda: f"stopped {128 + signal.SIGTSTP}" in screen.text)
    screen.send("\n")
    screen.end()
    screen.close()
    assert screen.text.endswith("done\r\nstatus 6\r\n")


def test_where_children_are_ignored(tmp_path: Any) -> None:
    ignoring = f"trap '' CHLD; exec {SHELL} run --no-check --core-on-leak -- bash -c 'exit 4'"
    assert subprocess.run(["bash", "-c", ignoring], cwd=tmp_path).returncode == 4


def test_the_library_asks_for_nothing_else(grows: str, tmp_path: Any) -> None:
    """THREADLEAK_OPTIONS of the user's stay."""
    done = Done(tmp_path, "--options", "frames=1", "--", "env")
    (line,) = [line for line in done.out.splitlines() if line.startswith("THREADLEAK_OPTIONS=")]
    assert re.fullmatch(
        r"THREADLEAK_OPTIONS=frames=1:exit_socket=threadleak-\d+-[0-9a-f]{16}", line
    )
