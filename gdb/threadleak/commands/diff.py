# SPDX-License-Identifier: MIT
"""`threadleak diff`"""

import argparse
from itertools import groupby
from typing import Callable, List, Union

from ..judge.growth import compare, lasting
from ..judge.report import CLEAN, LEAKS
from ..judge.side import Side, is_document, of_document, of_report
from ..show import diff, json_diff
from ..show.progress import progress
from ..show.style import PLAIN, Style
from .command_line import Outcome, Parser, UsageError
from .options import add_judging, add_limit, add_output
from .session import Session
from .targets import Named, Opened, targets

NAME = "diff"
SHOWN = 20
TWO = "BEFORE AFTER"


def parser(shell: bool = False) -> Parser:
    saved = "`threadleak list --all --format json --output FILE` saves one."
    parser = Parser(
        NAME,
        "Compare two looks: which threads are new or gone, and which places made more of them.",
        "[OPTION]..." if shell else "[OPTION]... FILE",
        "threadleak list 4711 --all --format json --output before.json\nthreadleak diff before.json 4711"
        if shell
        else "threadleak list --all --format json --output before.json\nthreadleak diff before.json",
        TWO if shell else "",
    )
    parser.description = (
        f"BEFORE and AFTER are a PID, a core file, or a saved report each. {saved}"
        if shell
        else f"FILE is an earlier report. {saved}"
    )
    if not shell:
        parser.add_argument("before", metavar="FILE", help=argparse.SUPPRESS)
    group = parser.add_argument_group("what is shown and what fails")
    add_limit(group, SHOWN, "places")
    group.add_argument(
        "--fail-on-growth",
        action="store_true",
        help="exit status 3 if a place has more threads than before, without those that just finished or began (--settle-ms)",
    )
    add_judging(parser)
    add_output(parser)
    return parser


def run(session: Session, options: argparse.Namespace) -> Outcome:
    """In GDB."""
    before = of_document(options.before)
    report = session.report(options)
    after = of_report(report, report.target.core or f"process {report.target.pid}")
    return _compared(before, after, options, session.style(options))


def sides(words: List[str], options: argparse.Namespace, style: Callable[[], Style]) -> Outcome:
    """In the shell."""
    named: List[Union[str, Named]] = []
    for saved, found in groupby(words, is_document):
        if saved:
            named.extend(found)
        else:
            named.extend(targets(found))
    if len(named) != 2:
        raise UsageError(f"threadleak diff: give two, {TWO}; see `threadleak diff --help`")
    before, after = [_side(each, options) for each in named]
    return _compared(before, after, options, style() if options.output is None else PLAIN)


def _side(named: Union[str, Named], options: argparse.Namespace) -> Side:
    if isinstance(named, str):
        return of_document(named)
    with Opened(named, options.stop) as opened, progress(named.name):
        session = Session(opened.again, lambda: None)
        name = named.name if named.pid is None else f"process {named.name}"
        return of_report(session.report(options), name)


def _compared(before: Side, after: Side, options: argparse.Namespace, style: Style) -> Outcome:
    growth = compare(before, after)
    if options.format == "json":
        shown = json_diff.document(growth)
    else:
        shown = "\n".join(diff.lines(growth, options.limit, style)) + "\n"
    grown = len(compare(*lasting(before, after, options.settle_ms / 1000)).grown())
    if not (options.fail_on_growth and grown):
        return Outcome(shown, CLEAN)
    places = "1 place has" if grown == 1 else f"{grown:,} places have"
    return Outcome(shown, LEAKS, f"{places} more threads than before")
