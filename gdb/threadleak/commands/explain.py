# SPDX-License-Identifier: MIT
"""`threadleak explain`"""

import argparse
from typing import List

from ..judge.report import BLIND
from ..show import explain, json
from ..target.base import TargetError
from .options import Outcome, Parser, UsageError, add_judging, add_output
from .session import Session

NAME = "explain"


def parser() -> Parser:
    parser = Parser(
        NAME,
        "Explain threads: who made them and where, what they do, why they leaked, what to fix.",
        "[OPTION]... ID...",
        "threadleak explain 17 18",
    )
    group = parser.add_argument_group("which threads")
    group.add_argument("ids", nargs="*", metavar="ID", help="as the first column of `list` shows")
    group.add_argument("--id", nargs="+", default=[], dest="more", metavar="ID", help="the same")
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
