# SPDX-License-Identifier: MIT
"""The subcommands in the shell: threadleak SUB [OPTION]... TARGET...

Most take targets and work as in GDB. Those of SHELL_ONLY have command lines of their own and no session: such a
module has NAME, parser() and run(None, options).
"""

import argparse
import os
import sys
from contextlib import suppress
from types import ModuleType
from typing import Dict, FrozenSet, List, Optional, Tuple

from . import VERSION, commands
from .commands import execution
from .commands.command_line import MANY, ONE, USAGE, Outcome, Parser, UsageError
from .commands.options import ALONE
from .commands.selection import take_ids
from .commands.session import Session
from .commands.targets import Named, Opened, targets
from .escapes import ESCAPED
from .judge.report import BLIND, LEAKS
from .judge.rules import RuleError
from .judge.verdicts import NEVER
from .libraries import preload
from .read.descriptor import Descriptor
from .read.settled import settled
from .read.stacks import STACK_FRAMES
from .show import cases
from .show.progress import progress
from .show.sanitize import clean
from .show.style import of_stdout
from .target.base import Target, TargetError

SHELL_ONLY: Tuple[str, ...] = (
    "run",
    "top",
    "watch",
    "metrics",
    "snapshot",
    "merge",
    "core-handler",
    "gdb",
)
HAVE_CMD = ("run", "gdb")  # behind the first word --help may be another program's
HELP = """Tells which threads leaked, who created them, and what to fix.

Usage: threadleak SUB [OPTION]... TARGET...
       threadleak SUB --help

A TARGET is a PID, a core file (PROGRAM CORE, where the program is not found from the core), a folder of core files,
or coredump:MATCH, a PID, program or unit whose core systemd-coredump has. A process is read while it runs on. What is
said of its threads comes from libthreadleak.so: start the program with
    {preload}
or link it with the library. Without it glibc's lists tell less, not who created a thread; `history` and `trace` need
the library.

Subcommands:
{subcommands}
Exit status: 0 clean, 3 threads leaked, 2 it cannot be told, 64 wrong usage; of `run` also 124, ended by --timeout.
"""


class _Unwritable(Exception):
    """Standard output is full, or gone."""


def main(words: List[str]) -> int:
    argparse._ = str  # type: ignore[attr-defined]  # nobody translated us, and looking for it takes 5 ms
    if sys.stdout is None or sys.stderr is None:
        return BLIND  # closed: what is opened next would be written into in their place
    for stream in (sys.stdout, sys.stderr):  # names may hold what the locale cannot write
        stream.reconfigure(errors=ESCAPED)  # type: ignore[attr-defined]
    try:
        return _main(words)
    except (UsageError, RuleError) as error:
        _complain(str(error))
        return USAGE
    except _Unwritable as error:
        sys.stderr.write(f"threadleak: the output cannot be written: {error}\n")
        sys.stderr.flush()
        os._exit(BLIND)  # else the interpreter tries once more, and complains in its own way


def _main(words: List[str]) -> int:
    name, rest = (words[0], words[1:]) if words else ("", [])
    if name in ("-V", "--version"):
        return _write(f"threadleak {VERSION}\n", 0)
    if name in ("-h", "--help") or (name == "help" and not rest):
        listed = "".join(f"  {each:<12} {text}\n" for each, text in _summaries().items())
        return _write(HELP.format(preload=preload(), subcommands=listed), 0)
    if name == "--complete":
        from .completion import candidates

        return _write("".join(line + "\n" for line in candidates(rest, _summaries, _parser_of)), 0)
    if name == "help":
        name, rest = rest[0], ["--help"]
    if name not in (*commands.NAMES, *SHELL_ONLY):
        raise UsageError(_unknown(name))
    command = commands.module(name)
    asked = rest[:1] if name in HAVE_CMD else rest
    if "-h" in asked or "--help" in asked:
        return _write(_parser(command).help() + "\n", 0)
    return _run_alone(command, rest) if name in SHELL_ONLY else _run(command, rest)


def _parser(command: ModuleType) -> Parser:
    parser: Parser = command.parser() if command.NAME in SHELL_ONLY else command.parser(True)
    parser.see = f"{parser.prog} --help"
    return parser


def _parser_of(name: str) -> Optional[Parser]:
    return _parser(commands.module(name)) if name in (*commands.NAMES, *SHELL_ONLY) else None


def _summaries() -> Dict[str, str]:
    names = (*commands.NAMES, *SHELL_ONLY)
    return {name: _parser(commands.module(name)).summary for name in names}


def _unknown(name: str) -> str:
    if not name:
        return "threadleak: which subcommand? See `threadleak --help`"
    import difflib

    near = difflib.get_close_matches(name, (*commands.NAMES, *SHELL_ONLY), 1)
    hint = f": did you mean {near[0]!r}?" if near else "."
    return f"threadleak: there is no subcommand {clean(name)!r}{hint} See `threadleak --help`"


def _write(text: str, status: int) -> int:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        raise _Unwritable(error.strerror) from None
    return status


def _write_bytes(data: bytes) -> None:
    if sys.stdout.isatty():
        raise UsageError(f"threadleak: {execution.NO_TEXT} --output FILE")
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
    except OSError as error:
        raise _Unwritable(error.strerror) from None


def _complain(sentence: str) -> None:
    sentence = sentence if sentence.startswith("threadleak") else f"threadleak: {sentence}"
    sys.stdout.flush()
    sys.stderr.write(clean(sentence) + "\n")


def _run_alone(command: ModuleType, words: List[str]) -> int:
    options = _parser(command).parse_args(words)
    try:
        outcome: Outcome = command.run(None, options)
    except TargetError as error:
        outcome = Outcome("", BLIND, f"cannot tell: {error}")
    return _finish(outcome, options)


def _run(command: ModuleType, words: List[str]) -> int:
    parser = _parser(command)
    options, others = parser.parse_known_args(words)
    unknown = [word for word in others if word.startswith("-") and word != "--"]
    if unknown:
        parser.error(f"unknown option {unknown[0]}")
    others = [word for word in others if word != "--"]
    if hasattr(options, "ids"):
        others = take_ids(others, options)
    if not parser.targets:
        if others:
            parser.error(f"{others[0]!r} is one word too many")
        session = Session(_no_target)
        return _finish(execution.attempt(lambda: command.run(session, options), options), options)
    if hasattr(command, "sides"):
        work = lambda: command.sides(others, options, of_stdout)  # noqa: E731
        return _finish(execution.attempt(work, options), options)
    named = targets(others)
    if not named:
        hint = ": it stands before the ID" if hasattr(options, "ids") else ""
        parser.error(f"which target? {parser.targets}{hint}")
    if len(named) > 1 and parser.targets == ONE:
        parser.error(f"it takes one target, and there are {len(named)}")
    is_list = parser.targets == MANY and any(map(os.path.isdir, others)) and not named[0].error
    if len(named) == 1 and not is_list:
        return _finish(_look(command, named[0], options), options)
    return _several(command, named, options)


def _no_target() -> Target:
    raise UsageError("threadleak: there is no target here")


def _look(command: ModuleType, named: Named, options: argparse.Namespace) -> Outcome:
    options.explain = f"threadleak explain {clean(named.words())} {{}}"
    options.target = named.name
    before = _before_stop(named) if options.stop else None
    with Opened(named, options.stop, getattr(options, "lines", False)) as opened:
        session = Session(opened.again, lambda: None, of_stdout, before)
        with progress(named.name):
            outcome = execution.attempt(lambda: _at_once(command, session, options), options)
    for remark in opened.remarks:
        _complain(remark)
    return outcome


def _before_stop(named: Named) -> Optional[FrozenSet[Descriptor]]:
    """What is known of a process before it is stopped, and no single look at it can tell."""
    if named.pid is None:
        return None
    with suppress(TargetError), Opened(named) as running:
        return settled(running.again())
    return None


def _at_once(command: ModuleType, session: Session, options: argparse.Namespace) -> Outcome:
    if options.stop:
        shows_stacks = getattr(options, "stacks", False) or getattr(options, "format", "") in ALONE
        reads_stacks = shows_stacks or getattr(options, "at_end", False)  # for rules
        frames = getattr(options, "frames", STACK_FRAMES) if reads_stacks else 0
        waits = getattr(options, "waits", NEVER)
        session.read_at_once(getattr(options, "registry", None), frames, waits)
    outcome: Outcome = command.run(session, options)
    return outcome


def _finish(outcome: Outcome, options: argparse.Namespace) -> int:
    outcome = execution.deliver(outcome, options)
    if outcome.data is None:
        _write(outcome.text, 0)
    else:
        _write_bytes(outcome.data)
    for sentence in (outcome.note, outcome.error):
        if sentence is not None:
            _complain(sentence)
    return outcome.status


def _several(command: ModuleType, named: List[Named], options: argparse.Namespace) -> int:
    """One line each. The status is the worst: 0 only if all were read and are clean."""
    if getattr(options, "update_baseline", False):
        raise UsageError("threadleak check: --update-baseline takes one target")
    if getattr(options, "format", "") in ALONE:
        raise UsageError(f"threadleak {command.NAME}: --format {options.format} takes one target")
    texts, statuses, found = [], set(), []
    for each in named:
        outcome = _look(command, each, options)
        statuses.add(outcome.status)
        if outcome.case is not None:
            found.append(outcome.case)
            continue
        text = _line(each, outcome, options)
        if options.output is None:
            _write(text, 0)
        texts.append(text)
    status = LEAKS if LEAKS in statuses else BLIND if statuses - {0} else 0
    if found:
        shown = cases.document(options.format, found, source_root=options.source_root)
        return _finish(Outcome(shown, status), options)
    if options.output is not None:
        _write(execution.deliver(Outcome("".join(texts)), options).text, 0)
    return status


def _line(named: Named, outcome: Outcome, options: argparse.Namespace) -> str:
    if getattr(options, "format", "") == "json":
        from .show import json_text

        return json_text.line(named.name, outcome.text)
    first = outcome.text.split("\n", 1)[0]
    if outcome.status == BLIND and outcome.error is not None:
        first = f"threadleak: {outcome.error}"
    elif outcome.unsought:
        first += f"; note: {clean(outcome.unsought)}"
    return f"{clean(named.name)}: {first}\n"
