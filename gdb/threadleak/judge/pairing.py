# SPDX-License-Identifier: MIT
"""Events of a ring, paired into the spans of a timeline: a call begins and returns, a scope is opened and ends."""

from typing import Callable, Dict, Iterable, List, NamedTuple, Optional

from ..read.events import Event
from .spans import CREATE, JOIN, MOMENT_NS, SCOPE, Span
from .tracks import Known, Track

FAILED, OPEN = "failed", "not over yet"  # notes of spans
BEFORE = "begun before the trace"
_OF_ITSELF = ("start", "finish")  # who does it is who it happens to


class KnownScope(NamedTuple):
    """What the registry has of a scope."""

    id: int
    name: str
    begun: int
    is_open: bool


class Pairing:
    """Events are added in the order of their times, and then, once, what the registry has."""

    def __init__(self, length: int):
        self.length = length
        self.tracks: Dict[int, Track] = {}
        self.creates: Dict[int, Span] = {}  # by the thread that was created
        self.joins: Dict[int, Span] = {}  # that succeeded, by the thread that was joined
        self.scope_names: Dict[int, str] = {}
        self.loose: List[Span] = []  # scopes on no track
        self._waits: Dict[int, Span] = {}  # joins that are not over, by who waits
        self._scopes: Dict[int, Span] = {}  # that are open
        self._moments: Dict[int, Span] = {}  # by thread: a call whose end no event tells
        self._take: Dict[str, Callable[[int, Event], None]] = {
            "create": self._create,
            "create_failed": self._create_failed,
            "start": self._start,
            "name": self._name,
            "detach": self._detach,
            "finish": self._finish,
            "join_begin": self._join_begin,
            "join_end": self._join_end,
            "join_failed": self._join_failed,
            "scope_begin": self._scope_begin,
            "scope_end": self._scope_end,
        }

    def track(self, id: int) -> Track:
        track = self.tracks.get(id)
        if track is None:
            track = self.tracks[id] = Track(id)
        return track

    def add(self, at: int, event: Event) -> None:
        take = self._take.get(event.kind)
        done_to = event.thread if event.kind in _OF_ITSELF else event.other
        if take is None or not done_to:
            return  # of a later library, or of no thread with a record
        if event.thread:
            self.track(event.thread).seen = at
            before = self._moments.pop(event.thread, None)
            if before is not None:
                # before what comes next begins: two slices that touch would both have the arrow
                before.ended = max(before.begun, min(before.ended, at - 1))
        take(at, event)

    def _span(self, kind: int, at: int, event: Event) -> Span:
        """It ends at once, until more is known."""
        span = Span(kind, at, min(at + MOMENT_NS, self.length), event.thread, event.other)
        if event.thread:
            self.track(event.thread).spans.append(span)
            self._moments[event.thread] = span
        return span

    def _lasting(self, kind: int, at: int, event: Event) -> Span:
        """It goes on, until an event ends it."""
        span = self._span(kind, at, event)
        self._moments.pop(event.thread, None)
        span.ended, span.note = self.length, OPEN
        return span

    def _create(self, at: int, event: Event) -> None:
        child = self.track(event.other)
        child.created = at
        child.creator, child.site, child.scope = event.thread, event.site, event.scope
        self.creates[event.other] = self._span(CREATE, at, event)

    def _create_failed(self, at: int, event: Event) -> None:
        span = self.creates.pop(event.other, None) or self._span(CREATE, at, event)
        span.note = FAILED
        child = self.tracks.get(event.other)
        if child is not None and not child.seen:
            del self.tracks[event.other]

    def _start(self, at: int, event: Event) -> None:
        track = self.track(event.thread)
        if track.began is None:
            track.began, track.tid = at, event.tid

    def _name(self, at: int, event: Event) -> None:
        track = self.track(event.other)
        track.name = event.name
        track.points.append((at, f"named {event.name}"))

    def _detach(self, at: int, event: Event) -> None:
        track = self.track(event.other)
        track.detached = at
        track.points.append((at, "detached"))

    def _finish(self, at: int, event: Event) -> None:
        track = self.track(event.thread)
        if track.finished is None:
            track.finished = at

    def _join_begin(self, at: int, event: Event) -> None:
        self._over(self._waits.pop(event.thread, None), at, FAILED)  # what became of it is lost
        self._waits[event.thread] = self._lasting(JOIN, at, event)

    def _join_end(self, at: int, event: Event) -> None:
        joined = self.track(event.other)
        if joined.joined is None:
            joined.joined, joined.joiner = at, event.thread
            self.joins[event.other] = self._returned(at, event, "")

    def _join_failed(self, at: int, event: Event) -> None:
        self._returned(at, event, FAILED)

    def _returned(self, at: int, event: Event, note: str) -> Span:
        """Of a join that never waited only this is known."""
        span = self._waits.get(event.thread)
        if span is None or span.other != event.other:
            span = self._span(JOIN, at, event)
            span.note = note
            return span
        self._over(self._waits.pop(event.thread), at, note)
        return span

    def _over(self, span: Optional[Span], at: int, note: str) -> None:
        if span is not None:
            span.ended, span.note = max(at, span.begun), note

    def _scope_begin(self, at: int, event: Event) -> None:
        self.scope_names[event.other] = event.name
        if event.other not in self._scopes:
            self._open_scope(at, event.thread, event.other)

    def _scope_end(self, at: int, event: Event) -> None:
        span = self._scopes.pop(event.other, None)
        note = ""
        if span is None:
            span, note = self._open_scope(0, event.thread, event.other), BEFORE
            del self._scopes[event.other]
        self._over(span, at, note)
        span.across = span.across or span.thread != event.thread

    def _open_scope(self, at: int, thread: int, scope: int) -> Span:
        span = self._scopes[scope] = Span(SCOPE, at, self.length, thread, scope, OPEN)
        if thread:
            self.track(thread).spans.append(span)
        else:
            self.loose.append(span)
        return span

    def add_records(self, known: Iterable[Known]) -> None:
        """What began before the events, and goes on."""
        waits = []
        for record in known:
            self.track(record.id).take(record)
            if record.join_begun is not None and record.joiner not in self._waits:
                waits.append(record)
        for record in waits:
            joiner = self.tracks.get(record.joiner)
            if joiner is not None and record.join_begun is not None and joiner.finished is None:
                begun = min(max(0, record.join_begun), self.length)
                span = Span(JOIN, begun, self.length, joiner.id, record.id, OPEN)
                joiner.spans.append(span)
                self._waits[joiner.id] = span
        for span in self._waits.values():
            if span.other in self.tracks:
                self.tracks[span.other].is_awaited = True

    def add_scopes(self, known: Iterable[KnownScope]) -> None:
        for scope in known:
            self.scope_names.setdefault(scope.id, scope.name)
            if scope.is_open and scope.id not in self._scopes and scope.begun <= 0:
                self._open_scope(0, 0, scope.id).note = BEFORE
