# SPDX-License-Identifier: MIT
"""What `watch` says: what it is going to do, a line for each alarm, as text or as JSON, and one at the end."""

import re
from typing import NamedTuple, Optional, Sequence, Tuple

from ..judge.alarms import GROWTH, Alarm
from ..judge.durations import duration
from .json_text import encode
from .json_threads import of_frame
from .places import chain
from .sanitize import clean
from .stacks import counted
from .style import PLAIN, Style

SCHEMA = "threadleak-watch/1"
PROCESSES = 4  # that the first line names
_WHAT = {
    "created": "threads created at",
    "started": "threads that began in",
    "untracked": "untracked threads",
    "all": "threads",
}


class Plan(NamedTuple):
    """What is going to be looked at, and when."""

    processes: Sequence[Tuple[str, int]]  # name and PID
    glob: Optional[str]  # instead of these
    every_s: float
    span_s: float
    until_alarm: bool


class Sum(NamedTuple):
    processes: int
    looks: int
    alarms: int
    unknown: Sequence[str]  # sentences: of what it cannot be told
    remarks: Sequence[str]


def first_line(plan: Plan) -> str:
    """threadleak watch: looks at srv (4711) every 30 s for 10 min"""
    shown = [f"{clean(name)} ({pid})" for name, pid in plan.processes[:PROCESSES]]
    more = len(plan.processes) - len(shown)
    who = ", ".join(shown) + (f" and {more:,} more" if more else "")
    if plan.glob is not None:
        who = f"what has a name like {clean(repr(plan.glob))}"
    span = _span(plan.span_s)
    how_long = f"until there is an alarm, a rise of {span}" if plan.until_alarm else f"for {span}"
    return f"threadleak watch: looks at {who} every {_span(plan.every_s)} {how_long}\n"


def _span(seconds: float) -> str:
    """500 ms, 30 s, 10 min, 1 min 30 s"""
    return re.sub(" 0 (s|min)$", "", duration(round(seconds * 1e9))).replace(".0 s", " s")


def note(text: str) -> str:
    return f"note: {clean(text)}\n"


def sentence(alarm: Alarm, style: Style = PLAIN) -> str:
    """server, process 4711: threads created at handle (server.c:42) rose in each of 21 looks, from 12 to 412"""
    who = f"{clean(alarm.process)}, process {alarm.pid}"
    where = where_of(alarm, style)
    if alarm.kind == GROWTH:
        what = f"{_WHAT[alarm.what]} {where}" if where else _WHAT[alarm.what]
        looks = f"each of {alarm.looks:,} looks"
        rise = f"from {alarm.before:,} to {alarm.threads:,}"
        return f"{who}: {what} rose in {looks}, {rise}{_callers(alarm, style)}"
    return f"{who}: {alarm.threads:,} threads are blocked at one place, {where}"


def _callers(alarm: Alarm, style: Style) -> str:
    """(most called by handle (server.c:42): 14, poll (server.c:61): 12)"""
    shown = [f"{chain(each, style)}: {number:,}" for each, number in alarm.callers]
    return f" (most called by {', '.join(shown)})" if shown else ""


def where_of(alarm: Alarm, style: Style = PLAIN) -> str:
    unknown = "a place that is not known" if alarm.what in ("created", "started") else ""
    return chain(alarm.chain, style, unknown) if alarm.chain or unknown else ""


def alarm_line(alarm: Alarm, time: float, style: Style, is_json: bool) -> str:
    if not is_json:
        return style.paint("highlight", "alarm") + f": {sentence(alarm, style)}\n"
    shown = {
        "schema": SCHEMA,
        "time": round(time, 3),
        "kind": alarm.kind,
        "what": alarm.what or None,
        "pid": alarm.pid,
        "process": alarm.process,
        "frame": None if alarm.frame is None else of_frame(alarm.frame),
        "callers": [of_frame(each) for each in alarm.chain[1:]],
        "creation_stack": [of_frame(each) for each in alarm.creation_stack],
        "most_by": [
            {"threads": number, "callers": [of_frame(frame) for frame in each]}
            for each, number in alarm.callers
        ],
        "before": alarm.before,
        "threads": alarm.threads,
        "looks": alarm.looks,
    }
    return encode(shown) + "\n"


def last_line(sums: Sum, status: int, is_json: bool) -> str:
    if is_json:
        shown = {
            "schema": SCHEMA,
            "status": status,
            "processes": sums.processes,
            "looks": sums.looks,
            "alarms": sums.alarms,
            "unknown": list(sums.unknown),
            "remarks": list(sums.remarks),
        }
        return encode(shown) + "\n"
    processes = "1 process" if sums.processes == 1 else f"{sums.processes:,} processes"
    found = f"{counted(sums.alarms, 'alarm')} in {counted(sums.looks, 'look')} at {processes}"
    return f"threadleak watch: {found}\n"
