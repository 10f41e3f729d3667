# SPDX-License-Identifier: MIT
"""What stands on the tracks and slices of a trace, and in their details."""

from typing import Any, Dict, Optional, Tuple

from ..judge import spans, tracks
from ..judge.blame import first_own
from ..judge.names import brief
from ..judge.recording import Recording
from ..judge.report import Report
from ..judge.spans import Span
from ..judge.tracks import Track
from ..judge.verdicts import Verdict
from .places import NAME_WIDTH, function, place
from .sanitize import clean, shorten

_LEFT = {
    tracks.UNJOINED: "unjoined",
    tracks.JOINED: "not joined yet",
    tracks.JOINING: "not joined yet",
}
_ENDS = {
    tracks.ALIVE: "it has not ended",
    tracks.JOINING: "it is being joined",
    tracks.UNJOINED: "nobody joined it",
    tracks.DETACHED: "nobody has to join it: it is detached, or the main thread",
    tracks.GONE: "it was detached, or joined by a call whose event is lost",
    tracks.UNSEEN: "the kernel has it no more, and its end was not seen",
}
NAME_MOST = 80


class TraceWords:
    def __init__(self, report: Report, found: Recording):
        self._report = report
        self._found = found
        self._places: Dict[int, str] = {}
        self._verdicts: Dict[int, Verdict] = {
            verdict.thread.record.id: verdict
            for verdict in report.verdicts
            if verdict.thread.copy is found.copy and verdict.thread.record is not None
        }

    def of_track(self, track: Track) -> str:
        return f"#{track.id} {_short(track.name)}".rstrip()

    def of_span(self, track: Optional[Track], span: Span) -> Tuple[str, Dict[str, Any], bool]:
        """(name, details, whether it is red)"""
        note: Dict[str, Any] = {"note": span.note} if span.note else {}
        if span.kind == spans.LIFE and track is not None:
            return self._life(track)
        if span.kind == spans.LEFT and track is not None:
            return _LEFT.get(track.end, "not given back yet"), {}, track.end == tracks.UNJOINED
        if span.kind == spans.CREATE:
            return f"create #{span.other}", note, False
        if span.kind == spans.JOIN:
            return f"join #{span.other}", note, False
        if span.kind == spans.WOKEN:
            return f"#{span.other} has finished", {}, False
        name = _short(self._found.timeline.scopes.get(span.other, "")) or f"{span.other}"
        told: Dict[str, Any] = {"scope": span.other, **note}
        if track is None and span.thread:
            told["opened by"] = f"#{span.thread}"
        return f"scope {name}", told, False

    def _life(self, track: Track) -> Tuple[str, Dict[str, Any], bool]:
        verdict = self._verdict(track)
        title = self._start(track) or _short(track.name) or f"#{track.id}"
        told: Dict[str, Any] = {
            "id": track.id,
            "tid": track.tid or None,
            "name": _short(track.name),
        }
        if track.creator:
            told["created by"] = f"#{track.creator}"
        if track.site:
            told["created at"] = self._site(track.site)
        if track.scope:
            told["scope"] = _short(self._found.timeline.scopes.get(track.scope, f"{track.scope}"))
        told["begin"] = track.begin_note or None
        told["end"] = self._ending(track)
        leaked = verdict is not None and verdict.leaked
        if verdict is not None:
            told["class"] = verdict.class_
            told["leaked"] = leaked
            told["expected by"] = verdict.expected_by and clean(verdict.expected_by)
        if verdict is not None and leaked:
            title += f" ({verdict.class_})"
            told["confidence"] = verdict.confidence
            told["fix"] = clean(self._report.evidence.fix(verdict) or "") or None
        told = {key: value for key, value in told.items() if value is not None}
        return title, told, leaked and track.finished is None  # else what is left of it is red

    def _verdict(self, track: Track) -> Optional[Verdict]:
        """None if it has none, or has gone on since the registry was read."""
        verdict = self._verdicts.get(track.id)
        known = track.known
        if verdict is None or known is None or track.end in (tracks.JOINED, tracks.GONE):
            return None
        return None if known.alive and track.finished is not None else verdict

    def _ending(self, track: Track) -> str:
        if track.end == tracks.JOINED:
            by = f"#{track.joiner}" if track.joiner else "a thread without a record"
            told = f"joined by {by}"
        else:
            told = _ENDS[track.end]
        return f"{told}; when it finished: {track.end_note}" if track.end_note else told

    def _start(self, track: Track) -> str:
        verdict = self._verdicts.get(track.id)
        thread = verdict.thread if verdict is not None else None
        if thread is None or thread.kind is None or thread.is_main:
            return "main" if thread is not None and thread.is_main else ""
        callable = self._report.stacks.callable(thread)
        frame = self._report.stacks.start(thread.copy, thread.kind)
        return brief(clean(callable) if callable else function(frame), NAME_WIDTH)

    def _site(self, site: int) -> str:
        if site not in self._places:
            frame = first_own(self._report.stacks.walk(self._found.copy, site))
            self._places[site] = place(frame) if frame is not None else "not known"
        return self._places[site]


def _short(name: str) -> str:
    return shorten(clean(name), NAME_MOST)
