# SPDX-License-Identifier: MIT
"""What `watch` says: a line for each alarm, as text or as JSON, and one at the end."""

from typing import List, NamedTuple, Sequence

from ..judge.alarms import GROWTH, Alarm
from .json import encode, of_frame
from .places import place
from .sanitize import clean
from .style import PLAIN, Style

SCHEMA = "threadleak-watch/1"
_WHAT = {
    "created": "threads created at",
    "started": "threads that began in",
    "untracked": "untracked threads",
    "all": "threads",
}


class Sum(NamedTuple):
    processes: int
    looks: int
    alarms: int
    unknown: Sequence[str]  # sentences: of what it cannot be told
    remarks: Sequence[str]


def sentence(alarm: Alarm, style: Style = PLAIN) -> str:
    """server, process 4711: threads created at handle (server.c:42) rose in each of 21 looks, from 12 to 412"""
    who = f"{clean(alarm.process)}, process {alarm.pid}"
    where = where_of(alarm, style)
    if alarm.kind == GROWTH:
        what = f"{_WHAT[alarm.what]} {where}" if where else _WHAT[alarm.what]
        looks = f"each of {alarm.looks:,} looks"
        return f"{who}: {what} rose in {looks}, from {alarm.before:,} to {alarm.threads:,}"
    return f"{who}: {alarm.threads:,} threads are blocked at one place, {where}"


def where_of(alarm: Alarm, style: Style = PLAIN) -> str:
    if alarm.frame is not None:
        return place(alarm.frame, style)
    return "a place that is not known" if alarm.what in ("created", "started") else ""


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
        "before": alarm.before,
        "threads": alarm.threads,
        "looks": alarm.looks,
    }
    return encode(shown) + "\n"


def last_lines(sums: Sum, status: int, is_json: bool) -> str:
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
    alarms = "1 alarm" if sums.alarms == 1 else f"{sums.alarms:,} alarms"
    looks = "1 look" if sums.looks == 1 else f"{sums.looks:,} looks"
    lines: List[str] = [f"note: {clean(each)}" for each in (*sums.remarks, *sums.unknown)]
    return "\n".join([*lines, f"threadleak watch: {alarms} in {looks} at {processes}"]) + "\n"
