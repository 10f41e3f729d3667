# SPDX-License-Identifier: MIT
"""`threadleak history`"""

import argparse
import shutil
from fnmatch import fnmatchcase
from typing import Iterator, List, Sequence

from ..judge.history import AUTO, LEVELS, Course, course_of, rises, sum_of
from ..judge.notices import lost
from ..judge.report import BLIND, CLEAN
from ..judge.told_apart import told_apart
from ..judge.values import function_names
from ..read.history import History, SiteHistory, history_of
from ..read.locate import read_registry
from ..read.model import Registry, text_of
from ..read.stacks import Stacks
from ..show import history as show
from ..target.base import Target, TargetError, base_name
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
    target = session.target()
    registry = read_registry(target, options.registry)
    history = history_of(registry, target)
    if history is None:
        raise TargetError(_why_none(registry))
    seen = _Look(target, registry, history, options).seen()
    missing = _missing(target, registry)
    error = None
    if missing and options.format not in NOTED:
        error = f"cannot tell: {'; '.join(missing)}"
    status = BLIND if missing else CLEAN
    return Outcome(_shown(session, target, registry, seen, options), status, error)


def _missing(target: Target, registry: Registry) -> List[str]:
    """Why there may have been other threads than the history has."""
    dropped = [each.text for each in lost(registry) if each.blind and each.kind != "dropped_scopes"]
    return [*target.limits(), *dropped]


def _shown(
    session: Session,
    target: Target,
    registry: Registry,
    seen: show.Seen,
    options: argparse.Namespace,
) -> str:
    if options.format == "json":
        from ..show import history_json

        return history_json.document(target, registry.copies, seen, options.level)
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

    def __init__(
        self, target: Target, registry: Registry, history: History, options: argparse.Namespace
    ):
        self._target = target
        self._registry = registry
        self._history = history
        self._options = options
        self._stacks = Stacks(target, registry.copies)

    def seen(self) -> show.Seen:
        sites = list(self._sites())
        course = self._course(sites)
        made = rises(sites, course)
        stacks = [self._stacks.walk(rise.site.copy, rise.site.index) for rise in made]
        chains = dict(zip(map(id, made), told_apart(stacks)))
        return show.Seen(self._subject(), course, made, lambda rise: chains[id(rise)])

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
        yield from _missing(self._target, self._registry)
