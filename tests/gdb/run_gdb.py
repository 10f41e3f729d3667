# SPDX-License-Identifier: MIT
"""Starts GDB: the one place of the tests that does.

Every run is in batch mode, without anybody's init files, in a clean environment, and without the debug
information of libc, which some machines have. No run may print a Python traceback, or bring GDB itself
down, whatever it was given.
"""

import os
import re
import subprocess
from typing import Dict, List, NamedTuple, Optional, Sequence

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
LOADER = os.path.join(ROOT, "gdb", "threadleak-gdb.py")
TIMEOUT_S = 120
EARLY = ("set debuginfod enabled off", "set debug-file-directory /nonexistent")

# What GDB prints when Python code fails with anything but GdbError, and when GDB itself fails.
BUGS = re.compile(r"Traceback|Python Exception|Error occurred in Python|internal-error|core dumped")
MARK = "@@threadleak-test@@"


class Run(NamedTuple):
    """What a run gave."""

    status: int
    out: str
    err: str
    outputs: List[str]  # what each of the commands wrote to stdout

    @property
    def first_line(self) -> str:
        """Of the last command."""
        return self.outputs[-1].split("\n", 1)[0]


def run_gdb(
    *arguments: str,
    commands: Sequence[str] = (),
    loader: Optional[str] = LOADER,
    early: Sequence[str] = (),
    env: Optional[Dict[str, str]] = None,
) -> Run:
    """Runs `commands` after `arguments` (-p PID, PROGRAM CORE) were handled; `early` ones come before."""
    argv = ["gdb", "-batch", "-nx", "-q"]
    for command in (*EARLY, *early):
        argv += ["-iex", command]
    argv += arguments
    if loader is not None:
        argv += ["-x", loader]
    for command in commands:
        argv += ["-ex", f"echo \\n{MARK}\\n", "-ex", command]
    done = _run(argv, env, None)
    outputs = done.stdout.split(f"\n{MARK}\n")[1:]
    assert len(outputs) == len(commands) or "--exit" in " ".join(commands), done
    return Run(done.returncode, done.stdout, done.stderr, outputs)


def run_mi(*arguments: str, commands: Sequence[str]) -> str:
    """What GDB's machine interface answers."""
    argv = ["gdb", "-nx", "-q", "-i=mi"]
    for command in EARLY:
        argv += ["-iex", command]
    argv += [*arguments, "-x", LOADER]
    return _run(argv, None, "".join(f"{line}\n" for line in [*commands, "-gdb-exit"])).stdout


def _run(
    argv: List[str], env: Optional[Dict[str, str]], stdin: Optional[str]
) -> "subprocess.CompletedProcess[str]":
    clean = {
        "PATH": "/usr/bin:/bin",
        "HOME": "/nonexistent",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONDONTWRITEBYTECODE": "1",
        **(env or {}),
    }
    done = subprocess.run(
        argv,
        env=clean,
        input=stdin if stdin is not None else "",
        capture_output=True,
        encoding="utf-8",
        errors="backslashreplace",
        timeout=TIMEOUT_S,
    )
    output = done.stdout + done.stderr
    assert not BUGS.search(output), f"{' '.join(argv)}\n{output}"
    assert done.returncode >= 0, f"GDB died of signal {-done.returncode}: {' '.join(argv)}"
    return done
