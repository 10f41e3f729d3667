# SPDX-License-Identifier: MIT
"""Starts the shell command: the one place of the tests that does, but for those that talk to it while it runs."""

import json
import os
import subprocess
from typing import Any, Dict, List, NamedTuple, Optional

from run_gdb import ROOT

SHELL = os.path.join(ROOT, "scripts", "threadleak")
TIMEOUT_S = 60
CLEAN, BLIND, LEAKS, USAGE = 0, 2, 3, 64
SETTLED = ("--settle-ms", "0")


class Run(NamedTuple):
    status: int
    out: str
    err: str

    @property
    def first_line(self) -> str:
        return self.out.split("\n", 1)[0]

    def document(self) -> Dict[str, Any]:
        shown = json.loads(self.out)
        assert shown["schema"] == "threadleak/1"
        return shown  # type: ignore[no-any-return]


def environment(**more: str) -> Dict[str, str]:
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": "/nonexistent",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONDONTWRITEBYTECODE": "1",
        **more,
    }


def run_shell(*words: str, env: Optional[Dict[str, str]] = None, cwd: Optional[str] = None) -> Run:
    """No run may print a Python traceback, or die of a signal, whatever it was given."""
    done = subprocess.run(
        [SHELL, *words],
        env=environment(**(env or {})),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="backslashreplace",
        timeout=TIMEOUT_S,
    )
    assert "Traceback" not in done.stderr, f"{words}\n{done.stderr}"
    assert done.returncode >= 0, f"died of signal {-done.returncode}: {words}\n{done.stderr}"
    return Run(done.returncode, done.stdout, done.stderr)


def targets(arguments: List[str]) -> List[str]:
    """What GDB is started with, as the shell takes it."""
    return [word for word in arguments if word not in ("-p", "-c")]
