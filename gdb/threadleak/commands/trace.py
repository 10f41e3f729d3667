# SPDX-License-Identifier: MIT
"""`threadleak trace`"""

import argparse
from typing import Iterator, Union

from ..judge.durations import duration
from ..judge.recording import Recording, recording
from ..judge.report import Report
from ..new_file import open_new
from ..read.events import events_of
from ..show.stacks import counted
from ..show.trace import Trace
from ..target.base import TargetError
from .command_line import ONE, STDOUT, Outcome, Parser, UsageError
from .options import add_judging
from .session import Session
from .words import address

NAME = "trace"
BUFFER = 1 << 18


def parser(shell: bool = False) -> Parser:
    parser = Parser(
        NAME,
        "Write a timeline of all threads, which ui.perfetto.dev and chrome://tracing open.",
        "[OPTION]...",
        "threadleak trace -o server.json" + (" 4242" if shell else ""),
        ONE if shell else "",
    )
    add_judging(parser)
    group = parser.add_argument_group("input and output")
    group.add_argument(
        *("-o", "--output"),
        dest="file",
        metavar="FILE",
        help="default: threadleak.PID.trace.json; - is standard output",
    )
    group.add_argument(
        "--keep",
        action="store_true",
        help="a FILE that is there stays as it is: write FILE-2, FILE-3, ... (before the extension)",
    )
    group.add_argument(
        "--registry", type=address, metavar="ADDR", help="where the registry is, if it is not found"
    )
    return parser


def run(session: Session, options: argparse.Namespace) -> Outcome:
    report = session.report(options)
    found = record(report)
    note = "; ".join(notes(report, found)) or None
    chunks = Trace(report, found).chunks()
    if options.file == STDOUT:
        return Outcome("".join(chunks), report.status(()), note=note)
    path = options.file or f"threadleak.{report.target.pid}.trace.json"
    try:
        place: Union[int, str] = path
        if options.keep:
            place, path = open_new(path)
        with open(place, "w", encoding="ascii", buffering=BUFFER) as file:
            file.writelines(chunks)
    except OSError as failure:
        raise UsageError(f"{path} cannot be written: {failure.strerror}") from None
    return Outcome(_told(path, found), report.status(()), note=note)


def record(report: Report) -> Recording:
    """TargetError: the process has nothing to make one of."""
    copies = report.registry.copies
    if not copies:
        raise TargetError(f"a trace needs the events in a registry, and {report.registry.why_none}")
    found = events_of(report.registry, report.target)
    if found is None:
        older = all(copy.header.events is None for copy in copies)
        raise TargetError(
            "the library in this process is older than the events that a trace is made of: start it"
            " with this version's"
            if older
            else "this process keeps no events: start it without the option events=0"
        )
    if not found.is_timed:
        raise TargetError("the process stopped before it could tell when its events were")
    return recording(report, found)


def notes(report: Report, found: Recording) -> Iterator[str]:
    """What is not in it."""
    events, timeline = found.events, found.timeline
    if events.overwritten:
        begun = sum(bool(track.begin_note) for track in timeline.tracks)
        yield (
            f"{counted(events.overwritten, 'earlier event')} overwritten: the trace covers the last"
            f" {duration(timeline.length)}, and {counted(begun, 'thread')} began before"
            f" (events={events.size * 4} keeps more)"
        )
    if events.torn:
        yield f"{counted(events.torn, 'event')} could not be read: still being written"
    yield from (notice.text for notice in report.notices if notice.blind)


def _told(path: str, found: Recording) -> str:
    timeline = found.timeline
    return (
        f"threadleak: written to {path}: {counted(len(timeline.tracks), 'thread')} in"
        f" {duration(timeline.length)}; ui.perfetto.dev and chrome://tracing open it\n"
    )
