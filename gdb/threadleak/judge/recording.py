# SPDX-License-Identifier: MIT
"""The timeline of a process that has been looked at."""

from typing import Iterator, List, NamedTuple, Optional

from ..read import abi
from ..read.events import JOIN_BEGIN, Events
from ..read.model import Copy
from ..read.threads import FINISHED, ENDING, ThreadInfo
from .pairing import KnownScope
from .report import Report
from .timeline import Timeline, timeline
from .tracks import Known


class Recording(NamedTuple):
    begun_ns: int  # since 1970
    events: Events
    timeline: Timeline

    @property
    def copy(self) -> Copy:
        return self.events.copy


def recording(report: Report, found: Events) -> Recording:
    """From the first event that was not overwritten, which else is the start of the process, until now."""
    header = found.copy.header
    epoch_ns = header.start_realtime_ns - header.start_monotonic_ns
    # a join that is over tells when it began, which may be long before
    times = [event.time_ns for event in found.events if event.kind != JOIN_BEGIN]
    begun = min(times, default=header.start_realtime_ns)
    length = max([report.at.now_ns + epoch_ns, *times[-1:]]) - begun
    since = begun - epoch_ns
    drawn = timeline(
        ((max(0, event.time_ns - begun), event) for event in found.events),
        list(_known(report, found.copy, since)),
        _scopes(found.copy, since),
        length,
        bool(found.overwritten),
        header.next_id,
    )
    return Recording(begun, found, drawn)


def _known(report: Report, copy: Copy, since: int) -> Iterator[Known]:
    for verdict in report.verdicts:
        thread = verdict.thread
        if thread.copy is copy and thread.record is not None:
            yield _of_record(report, copy, thread, thread.record, since)


def _of_record(
    report: Report, copy: Copy, thread: ThreadInfo, record: abi.Record, since: int
) -> Known:
    def at(ns: int) -> Optional[int]:
        return ns - since if ns else None

    scope = copy.scopes[record.scope] if record.scope < len(copy.scopes) else None
    return Known(
        record.id,
        thread.state not in (FINISHED, ENDING),
        not (thread.is_main or record.state & abi.DETACHED),
        at(record.created_ns),
        at(record.finished_ns),
        record.tid,
        record.creator,
        record.site,
        scope.id if scope is not None else 0,
        report.name_of(thread) or "",
        record.joiner,
        at(record.join_begun_ns),
    )


def _scopes(copy: Copy, since: int) -> List[KnownScope]:
    return [
        KnownScope(scope.id, scope.name, scope.begun_ns - since, not scope.ended)
        for scope in copy.scopes
        if scope is not None
    ]
