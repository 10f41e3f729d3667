# SPDX-License-Identifier: MIT
"""`threadleak groups`"""

import argparse

from ..judge.groups import group, merge_alike
from ..show import groups, text
from . import profile
from .command_line import MANY, Outcome, Parser
from .options import add_judging, add_limit, add_output, page
from .selection import add_selection, select
from .session import Session

NAME = "groups"
SHOWN = 20


def parser(shell: bool = False) -> Parser:
    parser = Parser(
        NAME,
        "Show threads by the place that created them, the worst first.",
        "[OPTION]...",
        "threadleak groups --all",
        MANY if shell else "",
    )
    add_selection(parser, sort=False)
    shown = parser.add_argument_group("what is shown of them")
    shown.add_argument("--all", action="store_true", help="not only those with leaked threads")
    add_limit(shown, SHOWN, "groups")
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
    found = group(verdicts)
    if not (options.all or getattr(options, "class") or options.state):
        found = [each for each in found if each.leaked]
    status = report.status(report.leaked)
    verdicts = [verdict for each in found for verdict in each.verdicts]
    if options.format == "html":
        shown = page(report, verdicts)
    elif options.format == "json":
        from ..show import json

        shown = json.document(report, verdicts, False, with_costs=True)
    else:
        how = session.style(options)
        lines = text.head(report, how)
        for each in merge_alike(found[: options.limit or None], report.alike):
            lines += ["", *groups.block(report, each, how)]
        if options.limit and len(found) > options.limit:
            rest = sum(len(each.verdicts) for each in found[options.limit :])
            lines += ["", f"... and {len(found) - options.limit:,} more groups, {rest:,} threads"]
        told = text.findings(report, verdicts, how)
        lines += ["", *told] if told else []
        shown = "\n".join(lines) + "\n"
    return Outcome(shown, status, unsought=report.sought.why_not)
