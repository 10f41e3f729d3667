# SPDX-License-Identifier: MIT
"""Labels of an axis of time that ends now, or when a process died: so long ago, and what the clock said."""

import time
from typing import List, NamedTuple

MINUTE, HOUR, DAY = 60, 3600, 86400
STEPS = (
    *(1, 2, 5, 10, 15, 30),
    *(each * MINUTE for each in (1, 2, 5, 10, 15, 30)),
    *(each * HOUR for each in (1, 2, 3, 6, 12)),
    *(each * DAY for each in (1, 2, 5, 10, 30, 100, 365)),
)


class Tick(NamedTuple):
    time_s: float
    ago: str
    clock: str


class Axis(NamedTuple):
    ticks: List[Tick]
    end_clock: str


def axis(begun_s: float, end_s: float, most: int) -> Axis:
    """At most so many ticks, from the end backwards, which is labelled otherwise."""
    span = max(0.0, end_s - begun_s)
    step = next((each for each in STEPS if span / each <= most), STEPS[-1])
    form = _format(span, step)
    agos = range(step, step * most + 1, step) if span else ()
    ticks = [
        Tick(end_s - each, ago(each), clock(end_s - each, form)) for each in agos if each <= span
    ]
    return Axis(ticks, clock(end_s, form))


def _format(span_s: float, step_s: int) -> str:
    if step_s % DAY == 0:
        return "%m-%d"
    if span_s > DAY:
        return "%m-%d %H:%M"
    return "%H:%M" if step_s % MINUTE == 0 else "%H:%M:%S"


def clock(time_s: float, form: str) -> str:
    """In the time zone of whoever reads; empty where it is no time at all, as in damaged memory."""
    try:
        return time.strftime(form, time.localtime(time_s))
    except (OverflowError, ValueError, OSError):
        return ""


def ago(seconds: int) -> str:
    """-45s, -10m, -2h, -2h30m, -3d"""
    left, parts = seconds, []
    for unit, name in ((DAY, "d"), (HOUR, "h"), (MINUTE, "m"), (1, "s")):
        if left >= unit:
            parts.append(f"{left // unit}{name}")
            left %= unit
    return "-" + "".join(parts[:2])
