# SPDX-License-Identifier: MIT
"""A process and those that it started, and that these started (proc(5))."""

import os
import shlex
from contextlib import suppress
from typing import Dict, Iterable, List, NamedTuple, Optional

from ..escapes import decoded
from .procfs import stat_fields, thread_count

_LINE_BYTES = 4096
_ALL_BLOCKED = b"\nSigBlk:\tfffffffffffbfeff\n"  # but for SIGKILL and SIGSTOP


class Member(NamedTuple):
    pid: int
    parent: int
    started: int  # in clock ticks; tells a process from a later one with its pid


def member(pid: int) -> Optional[Member]:
    """None: there is no such process, or it has ended and nobody has waited for it yet."""
    try:
        fields = stat_fields(f"/proc/{pid}")
        # The main thread alone has ended where it called pthread_exit.
        ended = fields[0] in ("Z", "X") and thread_count(pid) < 2
        return None if ended else Member(pid, int(fields[1]), int(fields[19]))
    except (OSError, ValueError, IndexError):
        return None


def is_there(one: Member) -> bool:
    now = member(one.pid)
    return now is not None and now.started == one.started


def family(roots: Iterable[int]) -> List[Member]:
    """Those of `roots` that are there, and their descendants: parents first."""
    children: Dict[int, List[Member]] = {}
    every: Dict[int, Member] = {}
    for pid in pids():
        found = member(pid)
        if found is not None:
            every[found.pid] = found
            children.setdefault(found.parent, []).append(found)
    waiting = [every[pid] for pid in roots if pid in every]
    taken: Dict[int, Member] = {}
    while waiting:
        one = waiting.pop(0)
        if one.pid not in taken:
            taken[one.pid] = one
            waiting += children.get(one.pid, [])
    return list(taken.values())


def have_in_environment(text: bytes) -> List[int]:
    """Those that were started with it, as far as theirs can be read."""
    found = []
    for pid in pids():
        with suppress(OSError), open(f"/proc/{pid}/environ", "rb") as file:
            if text in file.read():
                found.append(pid)
    return found


def is_engine(pid: int) -> bool:
    """Whether the library in its parent's parent started it for a check (helper/runtime/engine.h)."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb", buffering=0) as file:
            return b"\0verify\0protocol=" in file.read(_LINE_BYTES)
    except OSError:
        return False


def is_keeper(pid: int) -> bool:
    """Whether its end is told to nobody (field exit_signal), and it blocks all signals. The engine's parent is such a
    process, and shares the program's memory and command line (helper/runtime/spawn.h)."""
    try:
        if stat_fields(f"/proc/{pid}")[35] != "0":
            return False
        with open(f"/proc/{pid}/status", "rb") as file:
            return _ALL_BLOCKED in file.read()
    except (OSError, IndexError):
        return False


def pids() -> List[int]:
    """Of all processes that there are."""
    try:
        return [int(word) for word in os.listdir("/proc") if word.isdecimal()]
    except OSError:
        return []


def command_line(pid: int) -> str:
    """Empty if it cannot be read any more."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb", buffering=0) as file:
            return as_typed(file.read(_LINE_BYTES))
    except OSError:
        return ""


def as_typed(words: bytes) -> str:
    """What cmdline holds, as a shell would take it."""
    if not words:
        return ""
    return shlex.join(map(decoded, words.removesuffix(b"\0").split(b"\0")))


def program_of(pid: int) -> str:
    """The file that it executes; "" if nothing tells."""
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return ""
