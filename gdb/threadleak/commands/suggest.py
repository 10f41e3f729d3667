# SPDX-License-Identifier: MIT
"""`threadleak suggest`"""

import argparse

from ..judge.report import BLIND
from ..judge.suggest import suggest
from ..show.sanitize import clean
from ..target.base import TargetError
from .options import ONE, Outcome, Parser, UsageError, add_ids, add_judging, add_output
from .session import Session

NAME = "suggest"


def parser(shell: bool = False) -> Parser:
    parser = Parser(
        NAME,
        "Print the narrowest rule that expects a thread and its like, to be pasted into a file of rules.",
        "[OPTION]... TARGET --id ID..." if shell else "[OPTION]... ID...",
        "threadleak suggest core --id 17 >> expected.rules" if shell else "threadleak suggest 17",
        ONE if shell else "",
    )
    add_ids(parser, shell)
    add_judging(parser)
    add_output(parser, formats=())
    return parser


def run(session: Session, options: argparse.Namespace) -> Outcome:
    ids = options.ids + options.more
    if not ids:
        raise UsageError("threadleak suggest: which thread? Give an ID, as `threadleak list` shows")
    report = session.report(options)
    lines, errors = [], []
    for name in ids:
        try:
            lines.append(f"{clean(str(suggest(report, report.find(name))))}\n")
        except TargetError as error:
            errors.append(str(error))
    shown = "".join(dict.fromkeys(lines))
    if errors:
        return Outcome(shown, BLIND, "cannot tell: " + "; ".join(errors))
    return Outcome(shown)
