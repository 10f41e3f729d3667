# SPDX-License-Identifier: MIT
"""`threadleak merge`"""

import argparse
import sys
from typing import List, Optional

from ..judge.fleet import Fleet, Ranking
from ..judge.report import BLIND, CLEAN, LEAKS
from ..judge.saved import documents, files_of
from ..show import fleet, json_fleet
from ..show.progress import progress
from ..show.sanitize import clean
from ..target.base import TargetError
from .command_line import Outcome, Parser, UsageError
from .options import add_file, add_limit

NAME = "merge"
SHOWN = 20
NAMED, UNREAD_KEPT = 5, 100


def parser() -> Parser:
    parser = Parser(
        NAME,
        "Rank the places that create threads over the saved reports of many processes and hosts.",
        "[OPTION]... FILE...",
        "threadleak merge reports\nfind /srv -name '*.json.gz' | threadleak merge -",
    )
    parser.description = (
        "A FILE is a report in JSON, also gzipped, a folder of them, or - for names of files on\n"
        "standard input, a line each. docs/fleet.md has more."
    )
    parser.add_argument("files", metavar="FILE", nargs="*", help=argparse.SUPPRESS)
    group = parser.add_argument_group("what is shown")
    add_limit(group, SHOWN, "places")
    group = parser.add_argument_group("output")
    formats = ("text", "json")
    group.add_argument("--format", choices=formats, default="text", metavar="|".join(formats))
    add_file(group, "--output")
    return parser


def run(session: None, options: argparse.Namespace) -> Outcome:
    """3 where threads leaked, though there may be more in files that could not be read, and where a report itself
    cannot tell all; these are named."""
    if not options.files:
        raise UsageError("threadleak merge: which FILE? See `threadleak merge --help`")
    found = Fleet()
    unread: List[str] = []
    unread_count = 0
    with progress("reports"):
        for path, why in files_of(options.files, sys.stdin):
            try:
                if why:
                    raise TargetError(why)
                for document in documents(path):
                    found.add(document, path)
            except TargetError as error:
                unread_count += 1
                if len(unread) < UNREAD_KEPT:
                    unread.append(clean(str(error)))
    ranking = found.ranking()
    if options.format == "json":
        shown = json_fleet.document(ranking, unread, unread_count)
    else:
        shown = "\n".join(fleet.lines(ranking, options.limit)) + "\n"
    lack = _sentence(ranking, unread, unread_count)
    return Outcome(shown, LEAKS if ranking.leaked else BLIND if lack else CLEAN, lack)


def _sentence(ranking: Ranking, unread: List[str], unread_count: int) -> Optional[str]:
    """What keeps this from being all."""
    parts = []
    if unread_count:
        what = "1 report is" if unread_count == 1 else f"{unread_count:,} reports are"
        parts.append(f"{what} left out: {_named(unread, unread_count)}")
    if ranking.blind:
        what = "1 report is" if ranking.blind == 1 else f"{ranking.blind:,} reports are"
        whys = list(map(clean, ranking.blind_why))
        parts.append(f"{what} incomplete: {_named(whys, ranking.blind)}")
    if parts:
        return "cannot tell all: " + "; ".join(parts)
    return None if ranking.documents else "cannot tell: there is no report to merge"


def _named(whys: List[str], count: int) -> str:
    """The first of them."""
    more = count - min(len(whys), NAMED)
    return "; ".join(whys[:NAMED]) + (f"; and {more:,} more" if more else "")
