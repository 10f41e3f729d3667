# SPDX-License-Identifier: MIT
"""`threadleak filter`"""

import argparse
import os
import re
from typing import List

from ..judge import builtin
from ..judge.rule_files import Line, load_lines, load_rules, rules_in, save_lines
from ..judge.rules import FIELDS, OPTIONS, Rule, parse_rule
from ..show.sanitize import clean
from .command_line import Outcome, Parser, UsageError
from .session import Session

NAME = "filter"
WORDS = ("add", "remove", "list", "load", "save", "builtin")
RULE_WORDS = (*(f"{field}:" for field in FIELDS), *(f"{key}=" for key in OPTIONS))
# As it can be typed: a shell, and GDB too, takes the quotes away.
_EXAMPLE = """threadleak filter{0} add 'name:pool-*' they live as long as the process
threadleak filter{0} add class=unjoined site:legacy_start max=4 its join comes later
threadleak filter{0} remove 1"""


def parser(shell: bool = False) -> Parser:
    parser = Parser(
        NAME,
        "Say which threads are expected, by rules.",
        "add RULE | remove N | list | load FILE | save FILE | builtin",
        _EXAMPLE.format(" --rules my.rules" if shell else ""),
    )
    group = parser.add_argument_group("what is done")
    group.add_argument(
        "words",
        nargs="+",
        metavar="WORD...",
        help=f"{', '.join(WORDS)} (prints the built-in rules); a RULE is conditions and a reason: FIELD:GLOB, with a"
        f" FIELD of {', '.join(FIELDS)}, where a blank in GLOB is written ?; and KEY=VALUE, with a KEY of"
        f" {', '.join(OPTIONS)}; it applies to threads that are alive, unless it has class=CLASS",
    )
    of = "" if shell else ", not the session's"
    help = f"edit the rules in FILE{of}; add and load make it where there is none"
    parser.set_defaults(needs_file=shell)
    group.add_argument("--rules", metavar="FILE", help=help)
    return parser


def run(session: Session, options: argparse.Namespace) -> Outcome:
    word, arguments = options.words[0], options.words[1:]
    if word not in WORDS:
        raise UsageError(f"threadleak filter: {word!r} is none of {', '.join(WORDS)}")
    if word == "builtin":
        _none(word, arguments)
        return Outcome(_listed(builtin.rules()))
    if options.needs_file and not options.rules:
        raise UsageError("threadleak filter: which file? Give --rules FILE")
    lines: List[Line] = [(str(rule), rule) for rule in session.rules]
    if options.rules:
        is_new = word in ("add", "load") and not os.path.exists(options.rules)
        lines = [] if is_new else load_lines(options.rules)
    if word == "list":
        _none(word, arguments)
        return Outcome(_listed(rules_in(lines)) or "There are no rules.\n")
    if word == "save":
        save_lines(_file(word, arguments), (str(rule) for rule in rules_in(lines)))
        return Outcome(f"{len(rules_in(lines))} rules saved\n")
    text = _edit(lines, word, arguments)
    if options.rules:
        save_lines(options.rules, (line for line, _ in lines))
    else:
        session.rules = rules_in(lines)
    return Outcome(text)


def _edit(lines: List[Line], word: str, arguments: List[str]) -> str:
    if word == "add":
        rule = parse_rule(" ".join(arguments), "filter")
        lines.append((str(rule), rule))
        return f"rule {len(rules_in(lines))}: {clean(str(rule))}\n"
    if word == "load":
        loaded = load_rules(_file(word, arguments))
        lines += [(str(rule), rule) for rule in loaded]
        return f"{len(loaded)} rules loaded\n"
    places = [at for at, (_, rule) in enumerate(lines) if rule is not None]
    line, _ = lines.pop(places[_index(places, arguments)])
    return f"removed: {clean(line.strip())}\n"


def _listed(rules: List[Rule]) -> str:
    return "".join(f"{number}: {clean(str(rule))}\n" for number, rule in enumerate(rules, 1))


def _index(places: List[int], arguments: List[str]) -> int:
    if len(arguments) != 1 or not re.fullmatch("[0-9]{1,9}", arguments[0]):
        raise UsageError("threadleak filter remove: give the number that `filter list` shows")
    index = int(arguments[0]) - 1
    if not 0 <= index < len(places):
        raise UsageError(f"threadleak filter remove: there is no rule {arguments[0]}")
    return index


def _file(word: str, arguments: List[str]) -> str:
    if len(arguments) != 1:
        raise UsageError(f"threadleak filter {word}: give one file")
    return arguments[0]


def _none(word: str, arguments: List[str]) -> None:
    if arguments:
        raise UsageError(f"threadleak filter {word}: takes no argument")
