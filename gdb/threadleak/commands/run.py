# SPDX-License-Identifier: MIT
"""`threadleak run`: CMD runs as if started without us, but for the library in it, and is checked at its exit, and
so is whatever it starts."""

import argparse
import os
import sys

from ..show import cases
from ..target.program import why_not_preloaded
from . import known
from .command_line import STDOUT, Outcome, Parser, UsageError
from .options import DOCUMENTS, add_allow, add_expected, add_source_root
from .preload import NOT_FOUND, execute, find, original_environment, watched, with_options
from .words import count, length_of_time

NAME = "run"
FORMATS = ("text", "json", "html", *cases.FORMATS)


def parser() -> Parser:
    parser = Parser(
        NAME,
        "Run a program, and check it and whatever it starts for leaked threads at exit.",
        "[OPTION]... -- CMD [ARGUMENT]...",
        "threadleak run -- ./test\n"
        "threadleak run --only 'test_*' --format junit --output leaks.xml -- ctest",
    )
    group = parser.add_argument_group("what is checked")
    group.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="GLOB",
        help="programs with such a file name alone; may be repeated",
    )
    group.add_argument("--no-check", action="store_true", help="nothing: only become CMD")
    group = parser.add_argument_group("how to judge")
    add_allow(group)
    group.add_argument(
        "--settle-ms",
        type=count,
        metavar="N",
        help="threads may take N ms to end once the program exits (default 500)",
    )
    group.add_argument("--strict", action="store_true", help="untracked threads: cannot tell")
    add_expected(group)
    known.add_updating(group)
    group = parser.add_argument_group("what is done")
    group.add_argument(
        "--exitcode",
        type=_status,
        default=3,
        metavar="N",
        help="status if threads leaked and the program itself said 0 (default 3)",
    )
    group.add_argument("--format", choices=FORMATS, default="text", metavar="|".join(FORMATS))
    group.add_argument("--output", metavar="FILE", help="write to FILE instead of stderr")
    group.add_argument(
        "--report",
        action="append",
        default=[],
        metavar="FILE",
        help="a document, too, by its name *.html, *.json, *.sarif, *.tap or *.xml (JUnit); may be repeated",
    )
    add_source_root(group, "sarif")
    group.add_argument(
        "--core-on-leak", action="store_true", help="a core file of each process that leaked"
    )
    group.add_argument(
        "--timeout",
        type=length_of_time,
        metavar="TIME",
        help="30s, 10m: then show all threads that still run, write core files, end it; status 124",
    )
    group.add_argument(
        "--options",
        metavar="KEY=VALUE[:KEY=VALUE]...",
        help="of the library, added to THREADLEAK_OPTIONS (`help` prints them)",
    )
    parser.add_argument("command", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser


def _status(text: str) -> int:
    status = count(text)
    if status > 255:
        raise argparse.ArgumentTypeError(f"{text} is no exit status")
    return status


def run(session: None, options: argparse.Namespace) -> Outcome:
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command:
        raise UsageError("threadleak run: run what? threadleak run -- CMD [ARGUMENT]...")
    _check(options)
    environment = watched(original_environment())
    path = find(command[0], environment)
    if path is None:
        return Outcome("", NOT_FOUND, f"{command[0]} was not found")
    why = why_not_preloaded(path)
    if not options.no_check or options.core_on_leak or options.timeout is not None:
        from .checked_run import CheckedRun

        return CheckedRun(path, command, why, options).run(environment)
    if why is not None:
        sys.stderr.write(f"threadleak: {command[0]} will not be watched: {why}\n")
        sys.stderr.flush()
    return execute(path, command, with_options(environment, options.options))


def _check(options: argparse.Namespace) -> None:
    """What would otherwise be said by each program that is checked, or come too late."""
    if options.output == STDOUT:
        raise UsageError("threadleak run: standard output is CMD's: --output FILE")
    if options.format in DOCUMENTS and options.output is None:
        raise UsageError(f"threadleak run: --format {options.format} needs --output FILE")
    if options.report and options.format == "github":
        raise UsageError("threadleak run: --report does not go together with --format github")
    if options.no_check and (options.format != "text" or options.output or options.report):
        raise UsageError("threadleak run: --no-check has nothing to write")
    for glob in options.only:
        if not glob or "," in glob or any(each in glob for each in "[]"):
            raise UsageError(f"threadleak run: --only {glob!r}: a glob has `*` and `?` alone")
    if options.rules:
        from ..judge.rule_set import load_all

        load_all(options.rules)
    known.check_words(NAME, options)
    if options.update_baseline and options.no_check:
        raise UsageError("threadleak run: --no-check finds nothing for --update-baseline")
    is_new = options.update_baseline and not os.path.exists(options.baseline)
    if options.baseline is not None and not is_new:
        from ..judge import baseline

        baseline.load(options.baseline)
