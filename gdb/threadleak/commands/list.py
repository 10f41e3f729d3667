# SPDX-License-Identifier: MIT
"""`threadleak list`"""

import argparse
from typing import Iterable, List

from ..judge.groups import group, merge_alike
from ..judge.report import Report
from ..judge.verdicts import Verdict
from ..show import text
from . import profile
from .command_line import MANY, Outcome, Parser
from .options import add_judging, add_limit, add_output, page
from .selection import add_selection, select
from .session import Session

NAME = "list"


def parser(shell: bool = False) -> Parser:
    parser = Parser(
        NAME,
        "List the threads that leaked, one a line.",
        "[OPTION]...",
        "threadleak list --all --sort age\nthreadleak list --class unjoined --format json",
        MANY if shell else "",
    )
    add_selection(parser)
    group = parser.add_argument_group("what is shown of them")
    group.add_argument("--all", action="store_true", help="not only the leaked ones")
    group.add_argument(
        "--stacks", action="store_true", help="with the current stacks of those shown"
    )
    add_limit(group, text.EQUAL_ROWS, "threads of those that are equal")
    add_judging(parser)
    add_output(parser, ("text", "json", "html", profile.FORMAT))
    profile.add_by(parser)
    return parser


def run(session: Session, options: argparse.Namespace) -> Outcome:
    profile.check(NAME, options)
    report = session.report(options)
    verdicts = select(report, options)
    if options.format == profile.FORMAT:
        return profile.outcome(report, verdicts, options)
    if not (options.all or getattr(options, "class") or options.state):
        verdicts = [verdict for verdict in verdicts if verdict.decision.leaked]
    verdicts = ordered(report, verdicts, options.sort, options.format == "text")
    report.read_states(verdicts)
    status = report.status(report.leaked)
    if options.format == "json":
        from ..show import json

        shown = json.document(report, verdicts, options.stacks)
    elif options.format == "html":
        shown = page(report, verdicts)
    else:
        how = session.style(options)
        lines = text.listing(report, verdicts, options.limit, how, options.explain)
        if options.stacks:
            lines += text.stacks(report, verdicts, options.limit, how)
        shown = "\n".join(lines) + "\n"
    return Outcome(shown, status, unsought=report.sought.why_not)


def ordered(
    report: Report, verdicts: Iterable[Verdict], key: str, looks: bool = True
) -> List[Verdict]:
    """`looks`: threads whose stacks look the same stand together, although their sites differ."""
    groups = group(verdicts)
    if looks:
        groups = merge_alike(groups, report.alike)
    grouped = [verdict for found in groups for verdict in found.verdicts]
    if key == "group":
        return sorted(grouped, key=lambda verdict: not verdict.leaked)
    return sorted(grouped, key=lambda verdict: report.sort_value(verdict, key))
