# SPDX-License-Identifier: MIT
"""The history of a process as text: how many threads there were over time, and which places made them more."""

from typing import Callable, List, NamedTuple, Optional, Sequence

from ..judge.durations import duration
from ..judge.history import Course, Point, Rise
from ..judge.told_apart import Chain
from . import chart, time_axis
from .chart import ASCII, UTF8, Column
from .places import chain
from .sanitize import clean
from .style import Style
from .text import right_aligned, table
from .times import clock

MOST_WIDTH, LEAST_WIDTH = 120, 40
ALIVE_HEIGHT, UNJOINED_HEIGHT = 9, 5
TICK_WIDTH = 14  # of the axis, at least, between two labels
TITLES = ("GREW", "ALIVE", "UNJOINED", "CREATED", "PEAK", "CREATED AT")

ChainOf = Callable[[Rise], Chain]  # what the place is called among the others


class Subject(NamedTuple):
    """Whose history it is."""

    name: str
    pid: Optional[int]
    ends: str  # "now", or "end" where it runs no more
    notes: Sequence[str]
    part: str = ""  # which threads of it, where these are not all


class Look(NamedTuple):
    """How it is shown."""

    width: int
    utf8: bool
    limit: int  # of sites
    style: Style


class Seen(NamedTuple):
    subject: Subject
    course: Course
    rises: Sequence[Rise]
    at: ChainOf


def lines(seen: Seen, look: Look) -> List[str]:
    subject, course = seen.subject, seen.course
    shown = [look.style.paint("title", f"threadleak history: {title(seen)}"), sums(course)]
    shown += [f"note: {clean(note)}" for note in subject.notes]
    shown += ["", *_charts(subject, course, look)]
    return shown + ["", *_table(seen, look)]


def title(seen: Seen) -> str:
    """server, process 4711, 2 h 14 min up to 2026-11-29 07:35:12 +0000"""
    subject, course = seen.subject, seen.course
    span = duration(int((course.end_s - course.begun_s) * 1e9))
    until = clock(course.end_s, with_zone=True)
    part = f", {clean(subject.part)}" if subject.part else ""
    return f"{clean(subject.name)}, process {subject.pid}{part}, {span} up to {until}"


def sums(course: Course) -> str:
    end = course.points[-1] if course.points else course.before
    before = course.before
    made, joined = end.created - before.created, end.joined - before.joined
    parts = [
        f"{end.alive:,} alive ({end.alive - before.alive:+,}), at most {course.peak:,}",
        f"{end.unjoined:,} unjoined ({end.unjoined - before.unjoined:+,})",
        f"{made:,} created",
        f"{joined:,} joined",
    ]
    return "; ".join(parts)


# ---- charts ----------------------------------------------------------------------------------------


def columns(points: Sequence[Point], course: Course, number: int, field: str) -> List[Column]:
    """The points that lie in each of `number` equal parts of the time; `field`: alive, which has peaks, or unjoined."""
    span = (course.end_s - course.begun_s) / number
    value: int = getattr(course.before, field)
    found = []
    at = 0
    for index in range(number):
        end = course.begun_s + (index + 1) * span
        peak = value if not index else 0
        while at < len(points) and (points[at].begun_s < end or index == number - 1):
            value = getattr(points[at], field)
            peak = max(peak, value, points[at].peak if field == "alive" else 0)
            if points[at].time_s > end and index < number - 1:
                break  # it reaches into the next one
            at += 1
        found.append(Column(value, max(peak, value)))
    return found


def _charts(subject: Subject, course: Course, look: Look) -> List[str]:
    charset = UTF8 if look.utf8 else ASCII
    width = max(LEAST_WIDTH, min(look.width, MOST_WIDTH))
    peak = max([course.peak, *(point.unjoined for point in course.points)])
    margin = len(chart.count(chart.ceiling(peak))) + 1
    room = width - margin - 1
    alive = columns(course.points, course, room, "alive")
    unjoined = columns(course.points, course, room, "unjoined")
    shown_axis = _axis(subject, course, room, margin, charset, look.style)
    peaks = f" ({charset.peak} peak)" if any(each.peak > each.value for each in alive) else ""
    shown = [f"alive{peaks}"]
    shown += chart.area(alive, ALIVE_HEIGHT, margin, charset, "address", look.style)
    if not any(each.peak for each in unjoined):
        return [*shown, *shown_axis, "unjoined: none in this time"]
    shown += ["unjoined"]
    shown += chart.area(unjoined, UNJOINED_HEIGHT, margin, charset, "highlight", look.style)
    return [*shown, *shown_axis]


def _axis(
    subject: Subject, course: Course, room: int, margin: int, charset: chart.Charset, style: Style
) -> List[str]:
    axis = time_axis.axis(course.begun_s, course.end_s, room // TICK_WIDTH)
    span = course.end_s - course.begun_s
    at = [min(room - 1, int((each.time_s - course.begun_s) / span * room)) for each in axis.ticks]
    agos = [(column, tick.ago) for column, tick in zip(at, axis.ticks)]
    clocks = [(column, tick.clock) for column, tick in zip(at, axis.ticks)]
    return [
        chart.floor(at, room, margin, charset, style),
        chart.labels(agos, subject.ends, room, margin),
        chart.labels(clocks, axis.end_clock, room, margin),
    ]


# ---- sites -----------------------------------------------------------------------------------------


def _table(seen: Seen, look: Look) -> List[str]:
    grown = [rise for rise in seen.rises if rise.growth is None or rise.growth > 0]
    if not grown:
        return ["no place has more threads than when this began"]
    shown = grown[: look.limit or None]
    rows: List[Sequence[str]] = [
        TITLES,
        *(_row(rise, seen.at(rise), look.style) for rise in shown),
    ]
    found = table(right_aligned(rows), look.style)
    if len(grown) > len(shown):
        found.append(f"... and {len(grown) - len(shown):,} more places")
    return found


def _row(rise: Rise, made_at: Chain, style: Style) -> Sequence[str]:
    counts = (*map(rise.sum, ("alive", "unjoined", "created")), rise.peak)
    growth = "?" if rise.growth is None else f"{rise.growth:+,}"
    return (growth, *(f"{each:,}" for each in counts), chain(made_at, style))
