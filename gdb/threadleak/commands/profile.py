# SPDX-License-Identifier: MIT
"""`--format pprof` of the commands that have it."""

import argparse
import time
from typing import Any, Iterable, Iterator, List, Optional, Sequence

from .. import VERSION, packages
from ..judge import profile
from ..judge.report import BLIND, CLEAN, Report
from ..judge.same_stack import Seen
from ..judge.verdicts import Verdict
from ..read.stacks import STACK_FRAMES
from ..target.base import CurrentStack, Target
from .command_line import Outcome, Parser, UsageError

FORMAT = "pprof"
CREATION, BLOCKED = "creation", "blocked"


def add_by(parser: Parser) -> None:
    group: Any = parser.add_argument_group("of --format pprof")
    group.add_argument(
        "--by",
        choices=(CREATION, BLOCKED),
        metavar=f"{CREATION}|{BLOCKED}",
        help="stacks that created the threads (default), or those where they are blocked now",
    )


def check(name: str, options: argparse.Namespace) -> None:
    """Before anything is read. UsageError if the profile cannot be written."""
    if options.format != FORMAT:
        if getattr(options, "by", None) is not None:
            raise UsageError(f"threadleak {name}: --by belongs to --format {FORMAT}")
        return
    try:
        packages.load("google.protobuf")
    except ImportError:
        what = f"threadleak {name}: --format {FORMAT}"
        raise UsageError(packages.wanted(what, "protobuf", "python3-protobuf")) from None


def outcome(report: Report, verdicts: List[Verdict], options: argparse.Namespace) -> Outcome:
    """All threads that were selected, leaked or not: pprof has its own ways to pick (-tagfocus)."""
    status = report.status(report.leaked)
    whole = report.selected is None
    if options.by == BLOCKED:
        seen = profile.seen_of(verdicts)
        found = report.target.current_stacks([each.thread for each in seen], STACK_FRAMES)
        samples = list(profile.by_place(report.target, report, seen, found))
    else:
        samples = list(profile.by_creation(report, verdicts, whole))
    said = _said(report, "where they are now" if options.by == BLOCKED else "who created them")
    return Outcome("", status, data=_document(report.target, report, samples, said))


def of_stacks(
    target: Target,
    report: Optional[Report],
    why: str,
    seen: Sequence[Seen],
    found: Sequence[CurrentStack],
) -> Outcome:
    samples = list(profile.by_place(target, report, seen, found))
    status = BLIND if target.limits() or not any(each.frames for each in found) else CLEAN
    said = [why] if report is None else _said(report, "where they are now")
    return Outcome("", status, data=_document(target, report, samples, said))


def _said(report: Report, by: str) -> Iterator[str]:
    leaked = sum(verdict.leaked for verdict in report.verdicts)
    yield f"{leaked:,} leaked threads of {report.threads:,}; stacks: {by}"
    yield from (notice.text for notice in report.notices)


def _document(
    target: Target,
    report: Optional[Report],
    samples: List[profile.Sample],
    said: Iterable[str],
) -> bytes:
    from ..show import pprof

    what = target.core if target.kind == "core" else f"process {target.pid}"
    head = [f"threadleak {VERSION}: {target.exe or 'an unknown program'}, {what}"]
    program = profile.program_of(samples, target.exe)
    return pprof.document(samples, program, _time(report), [*head, *said])


def _time(report: Optional[Report]) -> float:
    """Of a core the latest that is known of it."""
    copies = report.registry.copies if report is not None else []
    told = copies[0].epoch_s(report.at.now_ns) if copies and report is not None else None
    return told if told is not None else time.time()
