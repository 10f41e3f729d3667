# SPDX-License-Identifier: MIT
"""`threadleak explain`"""

import argparse

from ..judge.report import BLIND, CLEAN
from ..show import explain
from .command_line import ONE, Outcome, Parser
from .options import add_judging, add_output, page
from .selection import add_ids, asked_ids, each
from .session import Session

NAME = "explain"


def parser(shell: bool = False) -> Parser:
    parser = Parser(
        NAME,
        "Explain threads: who made them and where, what they do, why they leaked, what to fix.",
        "[OPTION]... TARGET ID..." if shell else "[OPTION]... ID...",
        "threadleak explain core 17 18" if shell else "threadleak explain 17 18",
        ONE if shell else "",
    )
    add_ids(parser, shell)
    add_judging(parser)
    add_output(parser, ("text", "json", "html"))
    parser.set_defaults(stacks=True)
    return parser


def run(session: Session, options: argparse.Namespace) -> Outcome:
    ids = asked_ids(NAME, options)
    report = session.report(options)
    verdicts, error = each(ids, report.find)
    report.read_states(verdicts)
    if options.format == "json":
        from ..show import json

        shown = json.document(report, verdicts, True, with_costs=True)
    elif options.format == "html":
        shown = page(report, verdicts, verdicts)
    else:
        blocks = [explain.block(report, verdict, session.style(options)) for verdict in verdicts]
        shown = "\n\n".join("\n".join(block) for block in blocks) + "\n" if blocks else ""
    return Outcome(shown, BLIND if error else CLEAN, error)
