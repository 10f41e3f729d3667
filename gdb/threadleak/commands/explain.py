# SPDX-License-Identifier: MIT
"""`threadleak explain`"""

import argparse

from ..judge.report import BLIND
from ..show import explain, json
from ..target.base import TargetError
from .options import ONE, Outcome, Parser, UsageError, add_ids, add_judging, add_output
from .session import Session

NAME = "explain"


def parser(shell: bool = False) -> Parser:
    parser = Parser(
        NAME,
        "Explain threads: who made them and where, what they do, why they leaked, what to fix.",
        "[OPTION]... TARGET --id ID..." if shell else "[OPTION]... ID...",
        "threadleak explain core --id 17 18" if shell else "threadleak explain 17 18",
        ONE if shell else "",
    )
    add_ids(parser, shell)
    add_judging(parser)
    add_output(parser)
    return parser


def run(session: Session, options: argparse.Namespace) -> Outcome:
    ids = options.ids + options.more
    if not ids:
        raise UsageError("threadleak explain: which thread? Give an ID, as `threadleak list` shows")
    report = session.report(options)
    verdicts, errors = [], []
    for name in ids:
        try:
            verdicts.append(report.find(name))
        except TargetError as error:
            errors.append(str(error))
    report.read_states(verdicts)
    if options.format == "json":
        shown = json.document(report, verdicts, True)
    else:
        blocks = [explain.block(report, verdict, session.style(options)) for verdict in verdicts]
        shown = "\n\n".join("\n".join(block) for block in blocks) + "\n" if blocks else ""
    if errors:
        return Outcome(shown, BLIND, "cannot tell: " + "; ".join(errors))
    return Outcome(shown)
