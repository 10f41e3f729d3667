# SPDX-License-Identifier: MIT
"""`threadleak graph`"""

import argparse
import shutil
from typing import List

from ..judge.classes import STUCK
from ..judge.report import Report
from ..judge.verdicts import ALWAYS, Verdict
from ..judge.wait_graph import wait_graph
from ..show import graph as show
from ..show import text
from ..target.base import TargetError
from .command_line import ONE, Outcome, Parser, UsageError
from .options import add_judging, add_output, page
from .selection import add_selection, select
from .session import Session

NAME = "graph"


def parser(shell: bool = False) -> Parser:
    parser = Parser(
        NAME,
        "Show who waits for whom, deadlocks first.",
        "[OPTION]...",
        "threadleak graph --format dot --output threads.dot" + (" 4711" if shell else ""),
        ONE if shell else "",
    )
    add_selection(parser, sort=False)
    add_judging(parser)
    add_output(parser, ("text", "json", "html", "dot", "svg"))
    parser.set_defaults(waits=ALWAYS)
    return parser


def run(session: Session, options: argparse.Namespace) -> Outcome:
    if options.format == "svg" and shutil.which("dot") is None:
        raise UsageError("threadleak graph: --format svg needs the program dot of graphviz")
    report = session.report(options)
    picked = select(report, options)
    if options.format == "html":
        return Outcome(page(report, picked), _status(report, picked))
    found = wait_graph(report)
    tids = {each.thread.kernel.tid for each in picked if each.thread.kernel is not None}
    numbers = [
        number
        for number in sorted(found.seen.edges)
        if report.selected is None or found.threads[number].tid in tids
    ]
    status = _status(report, picked)
    if options.format == "json":
        return Outcome(show.document(report, found, numbers), status)
    if options.format == "text":
        lines = [*text.head(report, session.style(options)), ""]
        return Outcome("\n".join(lines + show.lines(report, found, numbers)) + "\n", status)
    shown = show.dot(report, found, numbers)
    if options.format == "svg":
        drawn = show.svg(shown)
        if drawn is None:
            raise TargetError(
                "the program dot of graphviz failed: --format dot is what it was given"
            )
        shown = drawn
    return Outcome(shown, status)


def _status(report: Report, picked: List[Verdict]) -> int:
    return report.status(each for each in picked if each.class_ == STUCK and each.leaked)
