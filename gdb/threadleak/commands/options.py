# SPDX-License-Identifier: MIT
"""Options that several subcommands share, and what they ask for."""

import argparse
from typing import Any, Optional, Sequence

from ..judge import classes
from ..judge.crowd import THRESHOLD
from ..judge.report import Report
from ..judge.verdicts import ALWAYS, AUTO, NEVER, Settings, Verdict
from .command_line import STDOUT, Parser
from .words import address, count

# formats of `run` not to be mixed with what the program writes
DOCUMENTS = ("json", "junit", "tap", "sarif", "html")
ALONE = ("pprof", "html")  # formats of one target


def add_judging(parser: Parser) -> None:
    group = parser.add_argument_group("how to judge")
    group.add_argument(
        "--at-end",
        action="store_true",
        help="as at the end of the process: what is alive and not expected has outlived",
    )
    add_allow(group)
    group.add_argument(
        "--settle-ms",
        type=count,
        default=500,
        metavar="N",
        help="a thread that finished less than N ms ago may still be joined (default 500)",
    )
    group.add_argument(
        "--waits",
        choices=(AUTO, ALWAYS, NEVER),
        default=AUTO,
        metavar="WHEN",
        help="look for deadlocks: always, never or auto, which leaves out processes with more than 1,000"
        " threads that run on; a check where nothing else fails looks there too",
    )
    group.add_argument(
        "--crowd",
        type=count,
        metavar="N",
        help="N threads of one site blocked at one place are a crowd (0: none are): looked for if this is said,"
        f" or this class is asked for, or stacks, or all threads, are shown; {THRESHOLD} unless told",
    )
    add_expected(group)


def add_allow(group: Any) -> None:
    group.add_argument(
        "--allow", choices=("detached",), metavar="detached", help="detached threads may outlive"
    )


def add_expected(group: Any) -> None:
    """What says that threads are expected."""
    group.add_argument(
        "--rules",
        action="append",
        default=[],
        metavar="FILE",
        help="rules that say which threads are expected; may be repeated",
    )
    group.add_argument(
        "--no-builtin", action="store_true", help="without the rules for well-known libraries"
    )
    group.add_argument("--baseline", metavar="FILE", help="leaks that are known, and expected")


def add_limit(group: Any, shown: int, what: str) -> None:
    help = f"show N {what} (0: all; default {shown})"
    group.add_argument("--limit", type=count, default=shown, metavar="N", help=help)


def add_output(parser: Parser, formats: Sequence[str] = ("text", "json")) -> Any:
    """The group of options."""
    group = parser.add_argument_group("input and output")
    if formats:
        group.add_argument("--format", choices=formats, default="text", metavar="|".join(formats))
    add_file(group, "-o", "--output")
    group.add_argument(
        "--registry",
        type=address,
        metavar="ADDR",
        help="where the registry is, if it is not found",
    )
    return group


def add_file(group: Any, *names: str) -> None:
    """Where output goes that else goes to standard output, which is None."""
    help = "write to FILE instead; - is standard output"
    group.add_argument(*names, type=_file, metavar="FILE", help=help)


def _file(word: str) -> Optional[str]:
    return None if word == STDOUT else word


def add_source_root(group: Any, formats: str) -> None:
    help = f"folder of the sources, for --format {formats} (default: the CI server's checkout)"
    group.add_argument("--source-root", metavar="DIR", help=help)


def page(report: Report, verdicts: Sequence[Verdict], opened: Sequence[Verdict] = ()) -> str:
    """The report as HTML: all threads, those of the command first in view."""
    from ..show import html  # by those alone who ask for it

    return html.document(report, verdicts, opened)


def settings(options: argparse.Namespace) -> Settings:
    strict = getattr(options, "strict", False)
    asked = [*(getattr(options, "class", None) or ()), *(getattr(options, "fail_on", None) or ())]
    is_page = getattr(options, "format", "") == "html"
    shown = getattr(options, "stacks", False) or getattr(options, "all", False) or is_page
    return Settings(
        *(options.at_end, options.allow == "detached", options.settle_ms),
        strict=strict,
        crowd=THRESHOLD if options.crowd is None else options.crowd,
        seek_crowds=options.crowd is not None or shown or classes.CROWD in asked,
        waits=options.waits,
    )
