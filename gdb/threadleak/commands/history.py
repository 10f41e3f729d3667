# SPDX-License-Identifier: MIT
"""`threadleak history`"""

import argparse
import shutil
from fnmatch import fnmatchcase
from typing import Iterator, Sequence

from ..judge.classes import UNTRACKED
from ..judge.history import AUTO, LEVELS, Course, course_of, rises, sum_of
from ..judge.notices import ENDED_UNSEEN
from ..judge.report import BLIND, CLEAN, Report
from ..judge.rule_set import RuleSet
from ..judge.told_apart import look, told_apart
from ..judge.unseen import blinding
from ..judge.values import function_names
from ..judge.verdicts import Settings
from ..read.history import History, SiteHistory, history_of
from ..read.model import Registry, text_of
from ..show import history as show
from ..target.base import TargetError, base_name
from .charset import is_utf8
from .command_line import ONE, Outcome, Parser
from .options import add_limit, add_output
from .session import Session

NAME = "history"
SHOWN = 10
FORMATS = ("text", "json", "svg", "openmetrics")
NOTED = ("text", "json")  # formats that have room for notes


def parser(shell: bool = False) -> Parser:
    parser = Parser(
        NAME,
        "Show how many threads there were over time, and which places made them more.",
        "[OPTION]...",
        "threadleak history{0}\nthreadleak history --format svg --output threads.svg{0}".format(
            " 4711" if shell else ""
        ),
        ONE if shell else "",
    )
    group = parser.add_argument_group("what is shown")
    group.add_argument(
        "--level",
        choices=(AUTO, *LEVELS),
        default=AUTO,
        metavar="LEVEL",
        help="seconds: the last 10 minutes, minutes: 12 hours, half-hours: 10 days;"
        " auto (the default): all that is kept",
    )
    group.add_argument("--site", metavar="GLOB", help="only what was made through such a function")
    add_limit(group, SHOWN, "places")
    add_output(parser, FORMATS)
    return parser


def run(session: Session, options: argparse.Namespace) -> Outcome:
    report = session.judge(options.registry, Settings(seek_crowds=False), RuleSet(session.rules))
    target, registry = report.target, report.registry
    if not registry.copies:
        raise TargetError(registry.why_none)
    history = history_of(registry, target)
    if history is None:
        raise TargetError(_why_none(registry))
    seen = _Look(report, history, options).seen()
    missing = blinding(report.notices)
    error = None
    if missing and options.format not in NOTED:
        error = f"cannot tell: {'; '.join(missing)}"
    status = BLIND if missing else CLEAN
    return Outcome(_shown(session, report, seen, options), status, error)


def _shown(session: Session, report: Report, seen: show.Seen, options: argparse.Namespace) -> str:
    if options.format == "json":
        from ..show import history_json

        untracked = report.by_class().get(UNTRACKED, 0)
        copies = report.registry.copies
        return history_json.document(report.target, copies, seen, options.level, untracked)
    if options.format == "svg":
        from ..show import history_svg

        return history_svg.document(seen, options.limit)
    if options.format == "openmetrics":
        from ..show import history_openmetrics

        return history_openmetrics.document(seen, options.limit)
    width = shutil.get_terminal_size().columns
    look = show.Look(width, is_utf8(), options.limit, session.style(options))
    return "\n".join(show.lines(seen, look)) + "\n"


def _why_none(registry: Registry) -> str:
    for copy in registry.copies:
        if copy.header.abi_minor >= 2:
            return "no history is kept, by the option history=0: start the program without it"
    version = text_of(registry.copies[0].header.library_version)
    return f"the library in it, {version}, keeps no history: start the program with a newer one"


class _Look:
    """What of the history is asked for."""

    def __init__(self, report: Report, history: History, options: argparse.Namespace):
        self._report = report
        self._target = report.target
        self._history = history
        self._options = options
        self._stacks = report.stacks

    def seen(self) -> show.Seen:
        sites = list(self._sites())
        course = self._course(sites)
        made = [site for site in sites if site.created]
        stacks = [self._stacks.walk(site.copy, site.index) for site in made]
        chains = dict(zip(made, told_apart(stacks)))
        found = rises(made, course, lambda site: tuple(map(look, chains[site])))
        return show.Seen(self._subject(), course, found, lambda rise: chains[rise.sites[0]])

    def _sites(self) -> Iterator[SiteHistory]:
        glob = self._options.site
        for site in self._history.sites:
            frames = self._stacks.creation(site.copy, site.index).frames if glob else ()
            if not glob or any(fnmatchcase(name, glob) for name in function_names(frames)):
                yield site

    def _course(self, sites: Sequence[SiteHistory]) -> Course:
        if self._options.site is None:
            return course_of(self._history, self._options.level)
        kept = [site for site in sites if site.levels()]
        if not kept:
            why = "of the places like {!r} there was no room for a history"
            why = why if sites else "there is no place like {!r} that created threads"
            raise TargetError(why.format(self._options.site))
        return sum_of(kept, self._history, self._options.level)

    def _subject(self) -> show.Subject:
        ends = "now" if self._target.kind == "process" else "end"
        name = base_name(self._target.exe) or "-"
        site = self._options.site
        part = f"made through {site}" if site is not None else ""
        return show.Subject(name, self._target.pid, ends, list(self._notes()), part)

    def _notes(self) -> Iterator[str]:
        dropped = self._history.dropped
        if dropped:
            yield f"{dropped:,} places have no history of their own, for lack of room"
        for notice in self._report.notices:
            if notice.kind == UNTRACKED:
                yield notice.text
            elif notice.kind == ENDED_UNSEEN:
                yield f"{notice.text}: the history counts them as alive"
        yield from blinding(self._report.notices)
