# SPDX-License-Identifier: MIT
"""`threadleak suggest`"""

import argparse

from ..judge.report import BLIND, CLEAN
from ..judge.suggest import suggest
from ..show.sanitize import clean
from .command_line import ONE, Outcome, Parser
from .options import add_judging, add_output
from .selection import add_ids, asked_ids, each
from .session import Session

NAME = "suggest"


def parser(shell: bool = False) -> Parser:
    parser = Parser(
        NAME,
        "Print the narrowest rule that expects a thread and its like, to be pasted into a file of rules.",
        "[OPTION]... TARGET ID..." if shell else "[OPTION]... ID...",
        "threadleak suggest core 17 >> expected.rules" if shell else "threadleak suggest 17",
        ONE if shell else "",
    )
    add_ids(parser, shell)
    add_judging(parser)
    add_output(parser, formats=())
    return parser


def run(session: Session, options: argparse.Namespace) -> Outcome:
    ids = asked_ids(NAME, options)
    report = session.report(options)
    rules, error = each(ids, lambda name: suggest(report, report.find(name)))
    shown = "".join(dict.fromkeys(f"{clean(str(rule))}\n" for rule in rules))
    return Outcome(shown, BLIND if error else CLEAN, error)
