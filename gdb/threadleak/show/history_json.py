# SPDX-License-Identifier: MIT
"""`history` as JSON: the document of json.py, with the key "history"."""

from typing import Any, Dict, List, Optional, Sequence

from ..judge.history import Point, Rise, sum_points
from ..read.model import Copy
from ..target.base import Target
from . import json
from .history import Seen
from .json_text import dump
from .json_threads import of_frame

_COUNTS = ("alive", "unjoined", "peak", "created", "finished", "joined")


def document(
    target: Target, copies: List[Copy], seen: Seen, level: str, untracked: Optional[int] = None
) -> str:
    course = seen.course
    shown = {
        "level": level,
        "begun": round(course.begun_s, 6),
        "end": round(course.end_s, 6),
        "whole": course.whole,
        "before": {"alive": course.before.alive, "unjoined": course.before.unjoined},
        "peak": course.peak,
        "points": _points(course.points),
        "sites": [_site(rise, seen, level) for rise in seen.rises],
        "notes": list(seen.subject.notes),
    }
    whole = {
        **json.empty(),
        "target": json.of_target(target),
        "registry": json.of_copies(copies, target.now_ns(), untracked),
        "history": shown,
    }
    return dump(whole)


def _points(points: Sequence[Point]) -> List[Dict[str, Any]]:
    """Those in which something happened, and the last: in between it stays as it was."""
    kept = []
    before = None
    for point in points:
        state = (point.alive, point.unjoined, point.created, point.finished, point.joined)
        if state != before or point.peak > point.alive or point is points[-1]:
            times = {"begun": round(point.begun_s, 6), "end": round(point.time_s, 6)}
            counts = {field: getattr(point, field) for field in _COUNTS}
            kept.append({**times, **counts})
        before = state
    return kept


def _site(rise: Rise, seen: Seen, level: str) -> Dict[str, Any]:
    own, *callers = seen.at(rise) or (None,)
    return {
        "growth": rise.growth,
        "alive": rise.sum("alive"),
        "unjoined": rise.sum("unjoined"),
        "peak": rise.peak,
        "created": rise.sum("created"),
        "finished": rise.sum("finished"),
        "joined": rise.sum("joined"),
        "own_frame": None if own is None else of_frame(own),
        "callers": [of_frame(frame) for frame in callers],
        "points": _points(sum_points(rise.sites, level)),
    }
