# SPDX-License-Identifier: MIT
"""`threadleak filter`"""

import argparse
import re
from typing import List

from ..judge.rule_files import load_rules, save_rules
from ..judge.rules import FIELDS, Rule, parse_rule
from ..show.sanitize import clean
from .options import Outcome, Parser, UsageError
from .session import Session

NAME = "filter"
WORDS = ("add", "remove", "list", "load", "save")


def parser(shell: bool = False) -> Parser:
    parser = Parser(
        NAME,
        "Say which threads are expected, by rules.",
        "add FIELD:GLOB REASON | remove N | list | load FILE | save FILE",
        "threadleak filter add name:pool-* they live as long as the process\n"
        "threadleak filter add class=unjoined site:legacy_start its join comes later\n"
        "threadleak filter remove 1",
    )
    group = parser.add_argument_group("what is done")
    group.add_argument(
        "words",
        nargs="+",
        metavar="WORD...",
        help=f"{', '.join(WORDS)}; FIELD is one of {', '.join(FIELDS)}; a blank in GLOB is written ?;"
        " a rule applies to threads that are alive, unless it begins with class=CLASS",
    )
    help = "edit the rules in FILE" if shell else "edit the rules in FILE, not the session's"
    group.add_argument("--rules", metavar="FILE", required=shell, help=help)
    return parser


def run(session: Session, options: argparse.Namespace) -> Outcome:
    word, arguments = options.words[0], options.words[1:]
    rules = load_rules(options.rules) if options.rules else session.rules
    if word == "add":
        rules.append(parse_rule(" ".join(arguments), "filter"))
        text = f"rule {len(rules)}: {clean(str(rules[-1]))}\n"
    elif word == "remove":
        gone = rules.pop(_index(rules, arguments))
        text = f"removed: {clean(str(gone))}\n"
    elif word == "list":
        _none(word, arguments)
        text = "".join(f"{n}: {clean(str(rule))}\n" for n, rule in enumerate(rules, 1))
        return Outcome(text or "There are no rules.\n")
    elif word == "load":
        loaded = load_rules(_file(word, arguments))
        rules += loaded
        text = f"{len(loaded)} rules loaded\n"
    elif word == "save":
        save_rules(_file(word, arguments), rules)
        return Outcome(f"{len(rules)} rules saved\n")
    else:
        raise UsageError(f"threadleak filter: {word!r} is none of {', '.join(WORDS)}")
    if options.rules:
        save_rules(options.rules, rules)
    return Outcome(text)


def _index(rules: List[Rule], arguments: List[str]) -> int:
    if len(arguments) != 1 or not re.fullmatch("[0-9]{1,9}", arguments[0]):
        raise UsageError("threadleak filter remove: give the number that `filter list` shows")
    index = int(arguments[0]) - 1
    if not 0 <= index < len(rules):
        raise UsageError(f"threadleak filter remove: there is no rule {arguments[0]}")
    return index


def _file(word: str, arguments: List[str]) -> str:
    if len(arguments) != 1:
        raise UsageError(f"threadleak filter {word}: give one file")
    return arguments[0]


def _none(word: str, arguments: List[str]) -> None:
    if arguments:
        raise UsageError(f"threadleak filter {word}: takes no argument")
