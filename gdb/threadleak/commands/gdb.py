# SPDX-License-Identifier: MIT
"""`threadleak gdb`: becomes GDB, with our commands and with what makes it fast on large targets."""

import argparse
import os
from typing import List, Tuple

from ..target.base import TargetError
from ..target.elf import is_core
from ..target.native import NativeTarget
from ..target.procfs import thread_count
from .command_line import Outcome, Parser, UsageError
from .preload import NOT_FOUND, execute, find, original_environment

NAME = "gdb"
LOADER = os.path.join(os.path.dirname(__file__), "..", "..", "threadleak-gdb.py")
# From here on the search for libthread_db, which is quadratic in them, is felt (docs/bench.md). What it gives
# are thread-local variables and numbers of threads as pthread_t.
MANY_THREADS = 1000
FAST = (
    "set libthread-db-search-path /nonexistent",
    "set debug-file-directory /nonexistent",
    "set debuginfod enabled off",
    "set print thread-events off",
)


def parser() -> Parser:
    parser = Parser(
        NAME,
        "Start GDB on a process, a core file or a program, with the commands of threadleak in it.",
        "[PROGRAM] [PID | CORE] [-- GDB_ARGUMENT...]",
        "threadleak gdb 4711\nthreadleak gdb ./server core -- -batch -ex 'threadleak list'",
    )
    parser.add_argument("words", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser


def run(session: None, options: argparse.Namespace) -> Outcome:
    """Comes back only if GDB could not be run."""
    at = options.words.index("--") if "--" in options.words else len(options.words)
    targets, further = options.words[:at], options.words[at + 1 :]
    environment = original_environment()
    path = find("gdb", environment)
    if path is None:
        return Outcome("", NOT_FOUND, "gdb was not found: install it, or use the shell's commands")
    return execute(path, ["gdb", *arguments(targets), *further], environment)


def arguments(words: List[str]) -> List[str]:
    """Of GDB: settings, then the target, then our commands."""
    if len(words) > 2 or any(word.startswith("-") for word in words):
        raise UsageError(
            "threadleak gdb: give [PROGRAM] [PID | CORE], and GDB's own options after --"
        )
    target, threads = words, 0
    last = words[-1] if words else ""
    if last.isdecimal() and not os.path.exists(last):
        target, threads = [*words[:-1], "-p", last], thread_count(int(last))
    elif is_core(last):
        program, threads = _look_at(last)
        target = [*(words[:-1] or program), "-c", last]
    early = FAST if threads >= MANY_THREADS else ()
    settings = [word for setting in early for word in ("-iex", setting)]
    return [*settings, *target, "-x", os.path.realpath(LOADER)]


def _look_at(core: str) -> Tuple[List[str], int]:
    """Its program, which GDB does not find by itself, and how many threads it has."""
    try:
        target = NativeTarget.of_core(core)
        return [target.exe] if target.exe else [], len(target.threads())
    except TargetError:
        return [], MANY_THREADS
