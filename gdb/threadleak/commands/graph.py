# SPDX-License-Identifier: MIT
"""`threadleak graph`"""

import argparse
import shutil
import subprocess

from ..judge.classes import STUCK
from ..judge.verdicts import ALWAYS
from ..judge.wait_graph import wait_graph
from ..show import graph as show
from ..show import text
from .options import (
    ONE,
    Outcome,
    Parser,
    UsageError,
    add_judging,
    add_output,
    add_selection,
    select,
)
from .session import Session

NAME = "graph"
DOT_S = 60


def parser(shell: bool = False) -> Parser:
    parser = Parser(
        NAME,
        "Show who waits for whom, deadlocks first.",
        "[OPTION]...",
        "threadleak graph --format dot --output threads.dot",
        ONE if shell else "",
    )
    add_selection(parser, sort=False)
    add_judging(parser)
    add_output(parser, ("text", "json", "dot", "svg"))
    parser.set_defaults(waits=ALWAYS)
    return parser


def run(session: Session, options: argparse.Namespace) -> Outcome:
    if options.format == "svg" and shutil.which("dot") is None:
        raise UsageError("threadleak graph: --format svg needs the program dot of graphviz")
    report = session.report(options)
    picked = select(report, options)
    found = wait_graph(report)
    tids = {each.thread.kernel.tid for each in picked if each.thread.kernel is not None}
    numbers = [
        number
        for number in sorted(found.seen.edges)
        if report.selected is None or found.threads[number].tid in tids
    ]
    status = report.status(each for each in picked if each.class_ == STUCK and each.leaked)
    if options.format == "json":
        return Outcome(show.document(report, found, numbers), status)
    if options.format == "text":
        lines = [*text.head(report, session.style(options)), ""]
        return Outcome("\n".join(lines + show.lines(report, found, numbers)) + "\n", status)
    shown = show.dot(report, found, numbers)
    if options.format == "svg":
        done = subprocess.run(
            ["dot", "-Tsvg"], input=shown, capture_output=True, text=True, timeout=DOT_S, check=True
        )
        shown = done.stdout
    return Outcome(shown, status)
