# SPDX-License-Identifier: MIT
"""Which threads a subcommand speaks of: by what they are, or by their IDs."""

import argparse
from fnmatch import fnmatchcase
from typing import Any, Callable, List, Optional, Sequence, Tuple, TypeVar

from ..judge import classes
from ..judge.ids import looks_like_id
from ..judge.report import Report
from ..judge.rule_set import load_all
from ..judge.verdicts import Settings, Verdict
from ..read.threads import ALIVE, BLOCKED, RUNNING, STATES
from ..target.base import TargetError
from .command_line import Parser, UsageError
from .session import Session

T = TypeVar("T")
COMPLETED = 200  # GDB itself shows no more candidates than that
SORT_KEYS = ("group", "id", "tid", "name", "state", "class", "scope", "age")


def _classes(text: str) -> List[str]:
    names = text.split(",")
    for name in names:
        if name not in classes.ALL:
            known = ", ".join(classes.ALL)
            raise argparse.ArgumentTypeError(f"unknown class {name!r} (there are {known})")
    return names


def class_option(group: Any, name: str, help: str) -> None:
    action = group.add_argument(name, type=_classes, metavar="CLASS[,CLASS]", help=help)
    action.completions = classes.ALL


def add_selection(parser: Parser, sort: bool = True) -> None:
    group = parser.add_argument_group("which threads")
    class_option(group, "--class", "only of these classes: " + ", ".join(classes.ALL))
    group.add_argument("--scope", metavar="GLOB", help="only in scopes with such a name")
    group.add_argument("--name", metavar="GLOB", help="only threads with such a name")
    group.add_argument("--site", metavar="GLOB", help="only made through such a function")
    group.add_argument("--state", choices=STATES, metavar="STATE", help=", ".join(STATES))
    if sort:
        help = "by " + ", ".join(SORT_KEYS) + " (group: leaked and many first)"
        group.add_argument("--sort", choices=SORT_KEYS, default="group", metavar="KEY", help=help)


def select(report: Report, options: argparse.Namespace) -> List[Verdict]:
    """Those that the options of add_selection pick; the report then says how many of them leaked."""
    tests: List[Callable[[Verdict], bool]] = []
    wanted = getattr(options, "class")
    if wanted:
        tests.append(lambda verdict: verdict.class_ in wanted)
    if options.name is not None:
        tests.append(
            lambda verdict: fnmatchcase(report.name_of(verdict.thread) or "", options.name)
        )
    if options.scope is not None:
        tests.append(lambda verdict: _matches(report, verdict, "scope", options.scope))
    if options.site is not None:
        tests.append(lambda verdict: _matches(report, verdict, "site", options.site))
    verdicts = report.verdicts
    for test in tests:
        verdicts = [verdict for verdict in verdicts if test(verdict)]
    if options.state is not None:
        if options.state in (RUNNING, BLOCKED, ALIVE):
            report.read_states(verdicts, len(verdicts))
        verdicts = [verdict for verdict in verdicts if verdict.thread.state == options.state]
    if tests or options.state is not None:
        report.selected = verdicts
    return verdicts


def _matches(report: Report, verdict: Verdict, field: str, glob: str) -> bool:
    values = report.judge.values.value(verdict.thread, field)
    return any(fnmatchcase(value, glob) for value in values)


# ---- by ID -----------------------------------------------------------------------------------------


def add_ids(parser: Parser, shell: bool) -> None:
    """In the shell IDs stand behind the target, which is in the way of argparse: take_ids()."""
    group = parser.add_argument_group("which threads")
    help = "as the first column of `list` shows"
    if shell:
        help += "; the same as behind the target"
        parser.set_defaults(ids=[])
    else:
        group.add_argument("ids", nargs="*", metavar="ID", help=help)
        help = "the same"
    group.add_argument("--id", nargs="+", default=[], dest="more", metavar="ID", help=help)


def take_ids(words: Sequence[str], options: argparse.Namespace) -> List[str]:
    """Gives add_ids' options what is an ID of `words`, and returns the target: `4711 17 18`, `PROGRAM CORE 17`. Such
    commands have one target, and the first word is part of it, so that numbers behind it are no PIDs. Of words behind
    `--id` each that is no ID is the target."""
    first = 0 if any(not looks_like_id(word) for word in options.more) else 1
    of_target = list(words)
    while len(of_target) > first and looks_like_id(of_target[-1]):
        options.ids.insert(0, of_target.pop())
    of_target += [word for word in options.more if not looks_like_id(word)]
    options.more = [word for word in options.more if looks_like_id(word)]
    return of_target


def asked_ids(command: str, options: argparse.Namespace) -> List[str]:
    """Those of add_ids. A UsageError if there are none."""
    ids: List[str] = options.ids + options.more
    if not ids:
        behind = f" behind {options.target}" if options.target else ""
        listed = f"threadleak list {options.target}".rstrip()
        raise UsageError(
            f"threadleak {command}: which thread? Give an ID{behind}, as `{listed}` shows"
        )
    return ids


def known_ids(session: Session) -> List[str]:
    """Those of leaked threads, if there are any, else of all; for completion."""
    report = session.judge(None, Settings(), load_all(session=session.rules))
    shown = report.leaked or report.verdicts
    return [each.thread.handle for each in shown if each.thread.handle][:COMPLETED]


def each(ids: Sequence[str], act: Callable[[str], T]) -> Tuple[List[T], Optional[str]]:
    """What `act` gives for those that this target has, and the error of an outcome if there are others."""
    results, errors = [], []
    for name in ids:
        try:
            results.append(act(name))
        except TargetError as error:
            errors.append(str(error))
    return results, "cannot tell: " + "; ".join(errors) if errors else None
