# SPDX-License-Identifier: MIT
"""Where the kernel wrote the core of a process that died: what its pattern tells (core(5)), and for what only the kernel
knew, which file is there."""

import glob
import os
import time
from typing import List, NamedTuple, Optional

from ..show.sanitize import clean

PATTERN = "/proc/sys/kernel/core_pattern"
USES_PID = "/proc/sys/kernel/core_uses_pid"
# the program's name and file, the thread, ids elsewhere, time, host, limit, dump mode, processor
ITS_OWN = "eEfiIPugthcdC"
_BEGUN_S = time.time() - 1  # no core of ours is older; files have coarse times


class _Name(NamedTuple):
    text: str  # as far as it is known
    glob: str
    unknown: List[str]  # signs


def kernel_core(pid: int, status: int) -> Optional[str]:
    """`status` as of wait(2). None: it left none."""
    if not os.WCOREDUMP(status):
        return None
    try:
        with open(PATTERN, encoding="utf-8", errors="surrogateescape") as file:
            pattern = file.read().rstrip("\n")
        with open(USES_PID, encoding="ascii") as file:
            uses_pid = file.read().strip() != "0"
    except OSError:
        return "a core file"
    if pattern.startswith("|"):
        return f"a core, given to {clean(pattern[1:].split()[0])}"
    if pattern.startswith("@"):
        return f"a core, sent to the socket {clean(pattern)}"
    name = _name(pattern, uses_pid, pid, os.WTERMSIG(status))
    if not name.unknown:
        return clean(name.text)
    found = [path for path in glob.glob(name.glob) if _is_new(path)]
    if len(found) == 1:
        return clean(found[0])
    signs = " and ".join(dict.fromkeys(name.unknown))
    return f"{clean(name.text)}, where the kernel alone knows {signs} (core(5))"


def _name(pattern: str, uses_pid: bool, pid: int, number: int) -> _Name:
    known = {"%": "%", "p": str(pid), "s": str(number)}
    text = file = ""
    unknown: List[str] = []
    has_pid = False
    letters = iter(pattern)
    for letter in letters:
        sign = next(letters, "") if letter == "%" else None
        piece = letter if sign is None else known.get(sign, "")
        has_pid = has_pid or sign == "p"
        if sign and sign in ITS_OWN:
            unknown.append(f"%{sign}")
            text += f"%{sign}"
            file += "*"
        else:  # the kernel leaves out what it does not know
            text += piece
            file += glob.escape(piece)
    suffix = f".{pid}" if uses_pid and not has_pid else ""
    return _Name(text + suffix, file + suffix, unknown)


def _is_new(path: str) -> bool:
    try:
        return os.stat(path).st_mtime >= _BEGUN_S
    except OSError:
        return False
