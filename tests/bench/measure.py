# SPDX-License-Identifier: MIT
"""CPU time of whole processes, and how figures are printed."""

from __future__ import annotations

import os
import pathlib
import resource
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
LIBRARY = BUILD / "libthreadleak.so"

Command = list[str]


def usage_of(
    command: Command, env: dict[str, str] | None = None, ok: tuple[int, ...] = (0,)
) -> tuple[float, resource.struct_rusage]:
    """CPU time of `command`, which must end with a status in `ok`, and all else that it used."""
    process = subprocess.Popen(
        command,
        env={**os.environ, **(env or {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in ok:
        sys.exit(f"bench: {' '.join(command)} ended with status {process.returncode}")
    return usage.ru_utime + usage.ru_stime, usage


def cpu_seconds(
    command: Command, env: dict[str, str] | None = None, ok: tuple[int, ...] = (0,)
) -> float:
    return usage_of(command, env, ok)[0]


def spread(values: list[float], digits: int = 3) -> str:
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def row(what: str, figure: str, note: str = "") -> None:
    print(f"{what:<58} {figure:<28} {note}".rstrip(), flush=True)


# As `threadleak gdb` does for large cores.
GDB = [
    *("gdb", "-q", "-nx", "-batch", "-iex", "set debuginfod enabled off"),
    *("-iex", "set libthread-db-search-path /nonexistent", "-iex", "set print thread-events off"),
    *("-iex", "set debug-file-directory /nonexistent"),
]
