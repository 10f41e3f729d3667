# SPDX-License-Identifier: MIT
"""A recording in the trace-event format of Chrome, as JSON, which ui.perfetto.dev and chrome://tracing open.

One track a thread, whose number is the thread's id, since ids are never reused. Slices are pairs of B and E, so that
they nest however a reader rounds times. The events of a track come in the order of time, one track after the other:
readers sort. Times are microseconds since the beginning. It is written as it is made.
"""

from typing import Any, Dict, Iterator

from ..judge import spans
from ..judge.recording import Recording
from ..judge.report import Report
from ..judge.spans import Arrow, Span, steps
from ..judge.tracks import Track
from .json_text import encode
from .sanitize import clean, shorten
from .times import clock
from .trace_words import TraceWords

NUMBERS = 1 << 31  # of tracks: readers take 32 bits, so that ids from here on are counted instead
PID_MAX = 0x7FFFFFFF
TEXT_WIDTH = 200  # of names that the target gives
RED = "terrible"  # chrome://tracing has names for colours; Perfetto has its own colours


class Trace:
    def __init__(self, report: Report, found: Recording):
        self._found = found
        self._report = report
        self._words = TraceWords(report, found)
        self._pid = min(report.target.pid or 0, PID_MAX)
        self._numbers: Dict[int, int] = {}

    def chunks(self) -> Iterator[str]:
        timeline = self._found.timeline
        yield f'{{"displayTimeUnit":"ms",\n"otherData":{encode(self._about())},\n"traceEvents":[\n'
        process = f'"pid":{self._pid}'
        yield self._meta(process, "process_name", f'"name":{_text(self._report.program or "?")}')
        overwritten = self._found.events.overwritten
        if overwritten:
            name = f"{overwritten:,} earlier events were overwritten"
            yield f',\n{{"ph":"i",{process},"tid":0,"ts":0,"s":"g","name":{_text(name)}}}'
        for track in timeline.tracks:
            yield "".join(f",\n{event}" for event in self._track(track))
        for span in timeline.across:
            yield "".join(f",\n{event}" for event in self._across(span))
        for at, alive, unjoined in timeline.moments:
            counts = f'{{"alive":{alive},"unjoined":{unjoined}}}'
            yield f',\n{{"ph":"C",{process},"ts":{_us(at)},"name":"threads","args":{counts}}}'
        yield "\n]}\n"

    def _about(self) -> Dict[str, Any]:
        events, target = self._found.events, self._report.target
        begun_s = self._found.begun_ns / 1e9
        return {
            "written by": "threadleak trace",
            "program": clean(target.exe or ""),
            "pid": target.pid,
            "kind": target.kind,
            "begun at": clock(begun_s, with_ms=True, with_zone=True),
            "begun at (epoch seconds)": round(begun_s, 6),
            "threads": len(self._found.timeline.tracks),
            "events": events.kept,
            "events overwritten": events.overwritten,
            "events torn": events.torn,
            "notes": [clean(notice.text) for notice in self._report.notices],
        }

    def _number(self, id: int) -> int:
        if 0 < id < NUMBERS:
            return id
        return self._numbers.setdefault(id, NUMBERS + len(self._numbers))

    def _meta(self, head: str, what: str, args: str) -> str:
        return f'{{"ph":"M",{head},"name":"{what}","args":{{{args}}}}}'

    def _track(self, track: Track) -> Iterator[str]:
        number = self._number(track.id)
        head = f'"pid":{self._pid},"tid":{number}'
        yield self._meta(head, "thread_name", f'"name":{_text(self._words.of_track(track))}')
        yield self._meta(head, "thread_sort_index", f'"sort_index":{number}')
        for begins, span in steps(track.spans):
            if begins:
                yield from self._begin(head, track, span)
            else:
                yield from self._end(head, span)
        for at, what in track.points:
            yield f'{{"ph":"i",{head},"ts":{_us(at)},"s":"t","name":{_text(what)}}}'

    def _begin(self, head: str, track: Track, span: Span) -> Iterator[str]:
        at = _us(span.begun)
        name, args, is_red = self._words.of_span(track, span)
        colour = f',"cname":"{RED}"' if is_red else ""
        told = f',"args":{encode(args)}' if args else ""
        yield f'{{"ph":"B",{head},"ts":{at},"name":{_text(name)}{colour}{told}}}'
        if span.enters is not None:
            yield self._arrow("f", head, at, span.enters)
        if span.leaves is not None and span.kind != spans.LIFE:
            yield self._arrow("s", head, at, span.leaves)

    def _end(self, head: str, span: Span) -> Iterator[str]:
        if span.leaves is not None and span.kind == spans.LIFE:
            yield self._arrow("s", head, _us(span.ended - 1), span.leaves)
        yield f'{{"ph":"E",{head},"ts":{_us(span.ended)}}}'

    def _arrow(self, phase: str, head: str, at: str, arrow: Arrow) -> str:
        """Where it arrives, and where it starts, is the slice that is open there. Readers take a name, a category and a
        number for what one arrow has of its own."""
        what, id = arrow
        bound = ',"bp":"e"' if phase == "f" else ""
        return (
            f'{{"ph":"{phase}",{head},"ts":{at},"id":{self._number(id)},"cat":"{what}"'
            f',"name":"{what}"{bound}}}'
        )

    def _across(self, span: Span) -> Iterator[str]:
        """A slice that is on no thread's track."""
        head = f'"pid":{self._pid},"tid":{self._number(span.thread) if span.thread else 0}'
        name, args, _ = self._words.of_span(None, span)
        head += f',"cat":"scope","id":"{span.other:#x}","name":{_text(name)}'
        yield f'{{"ph":"b",{head},"ts":{_us(span.begun)},"args":{encode(args)}}}'
        yield f'{{"ph":"e",{head},"ts":{_us(span.ended)}}}'


def _us(ns: int) -> str:
    return f"{ns // 1000}.{ns % 1000:03d}"


def _text(text: str) -> str:
    text = shorten(clean(text), TEXT_WIDTH)
    is_plain = text.isascii() and '"' not in text and "\\" not in text  # as most are
    return f'"{text}"' if is_plain else encode(text)
