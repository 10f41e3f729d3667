# SPDX-License-Identifier: MIT
"""`threadleak run`: becomes CMD, which then runs as if started without us, but for the library in it."""

import argparse
import os
import signal
import sys
from errno import ENOEXEC
from typing import Dict, List, Optional

from ..judge.rule_set import load_all
from ..libraries import library
from ..target.program import why_not_preloaded
from .options import Outcome, Parser, UsageError

NAME = "run"
NOT_FOUND, NOT_EXECUTABLE = 127, 126  # as the shell has it
OPTIONS = b"THREADLEAK_OPTIONS"
Environment = Dict[bytes, bytes]


def parser() -> Parser:
    parser = Parser(
        NAME,
        "Run a program with the library preloaded into it and into whatever it starts.",
        "[OPTION]... -- CMD [ARGUMENT]...",
        "threadleak run -- ./server\n"
        "threadleak run --core-on-leak --options frames=64 -- ./test",
    )
    group = parser.add_argument_group("how it runs")
    group.add_argument(
        "--options",
        metavar="KEY=VALUE[:KEY=VALUE]...",
        help="of the library, added to THREADLEAK_OPTIONS (`help` prints them)",
    )
    group.add_argument(
        "--core-on-leak",
        action="store_true",
        help="look at it when it exits: a report on stderr, and a core file, if threads leaked",
    )
    group.add_argument("--rules", metavar="FILE", help="rules that say which threads are expected")
    parser.add_argument("command", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser


def run(session: None, options: argparse.Namespace) -> Outcome:
    """Comes back only if CMD could not be run."""
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command:
        raise UsageError("threadleak run: run what? threadleak run -- CMD [ARGUMENT]...")
    environment = watched(original_environment(), options.options)
    path = find(command[0], environment)
    if path is None:
        return Outcome("", NOT_FOUND, f"{command[0]} was not found")
    why = why_not_preloaded(path)
    if why is not None:
        say(f"{command[0]} will not be watched: {why}")
    elif options.core_on_leak:
        return _run_below(path, command, environment, options.rules)
    return execute(path, command, environment)


def _run_below(
    path: str, command: List[str], environment: Environment, rules: Optional[str]
) -> Outcome:
    """As our child, since a process that has exited cannot be looked at. The exit status stays the program's."""
    from .exit_look import ExitLook
    from .supervise import Exits, end_as, kernel_core, supervise

    exits = Exits(ExitLook(load_all([rules] if rules else []), say).look)

    def begin() -> int:
        outcome = execute(path, command, with_options(environment, f"exit_socket={exits.name}"))
        say(outcome.error or "")
        return outcome.status

    pid, status = supervise(begin, exits)
    core = kernel_core(pid, status)
    if core is not None:
        say(f"{command[0]} died, and left {core}; `threadleak list` opens it")
    elif os.WIFEXITED(status) and pid not in exits.told and os.WEXITSTATUS(status) < NOT_EXECUTABLE:
        say(
            f"{command[0]} was not looked at: it ended without its exit handlers, or has no library"
        )
    return Outcome("", end_as(status))


def say(sentence: str) -> None:
    sys.stderr.write(f"threadleak: {sentence}\n")
    sys.stderr.flush()


def original_environment() -> Environment:
    """What we were started with. os.environ is not that: Python sets LC_CTYPE where the locale is C (PEP 538)."""
    try:
        with open("/proc/self/environ", "rb") as file:
            words = file.read().split(b"\0")
    except OSError:
        return dict(os.environb)
    pairs = [word.partition(b"=") for word in words if b"=" in word]
    return {name: value for name, _, value in pairs}


def watched(environment: Environment, options: Optional[str]) -> Environment:
    """Ours goes last: a sanitizer's library, for one, has to be the first."""
    ours = os.fsencode(library())
    if not os.path.exists(ours):
        raise UsageError(
            f"threadleak run: there is no {library()}: run `make`, or install threadleak"
        )
    if any(each in ours for each in b" :"):
        raise UsageError(f"threadleak run: {library()} cannot be preloaded, for its blank or colon")
    preloaded = environment.get(b"LD_PRELOAD", b"").replace(b":", b" ").split()
    if ours not in preloaded:
        preloaded.append(ours)
    new = {**environment, b"LD_PRELOAD": b":".join(preloaded)}
    return with_options(new, options) if options else new


def with_options(environment: Environment, options: str) -> Environment:
    """Later ones count."""
    before = environment.get(OPTIONS)
    return {**environment, OPTIONS: (before + b":" if before else b"") + os.fsencode(options)}


def find(name: str, environment: Environment) -> Optional[str]:
    """Where execvp(3) would find it."""
    if "/" in name:
        return name if os.path.exists(name) else None
    search = os.fsdecode(environment.get(b"PATH", b"/bin:/usr/bin")).split(":")
    paths = [os.path.join(folder or ".", name) for folder in search]
    found = [path for path in paths if os.path.isfile(path)]
    return next((path for path in found if os.access(path, os.X_OK)), found[0] if found else None)


def execute(path: str, command: List[str], environment: Environment) -> Outcome:
    """As execvp(3), which gives what the kernel does not know to the shell."""
    # Python ignores these two, and what is ignored stays so (signal(7)).
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execve(path, command, environment)
    except OSError as error:
        if error.errno != ENOEXEC:
            return Outcome("", NOT_EXECUTABLE, f"{command[0]} cannot be run: {error.strerror}")
    os.execve("/bin/sh", ["/bin/sh", path, *command[1:]], environment)
