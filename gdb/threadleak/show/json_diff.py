# SPDX-License-Identifier: MIT
"""`diff` as JSON: the document of json.py, with the key "diff"."""

from typing import Any, Dict

from ..judge.blame import own_frame
from ..judge.growth import Change, Growth
from ..judge.side import Seen, Side
from . import json
from .json_text import dump
from .json_threads import of_frame


def document(growth: Growth) -> str:
    return dump({**json.empty(), "diff": _diff(growth)})


def _diff(growth: Growth) -> Dict[str, Any]:
    return {
        "before": _side(growth.before),
        "after": _side(growth.after),
        "same_process": growth.same_process,
        "seconds": None if growth.seconds is None else round(growth.seconds, 3),
        "growth": growth.total,
        "new": [_changed(each) for each in growth.new] if growth.same_process else None,
        "gone": [_changed(each) for each in growth.gone] if growth.same_process else None,
        "sites": [_change(each) for each in growth.changes],
    }


def _side(side: Side) -> Dict[str, Any]:
    return {
        "name": side.name,
        "pid": side.pid,
        "started_at": side.started_at,
        "read_at": side.read_at,
        "threads": len(side.threads),
    }


def _changed(seen: Seen) -> Dict[str, Any]:
    id = int(seen.id) if seen.id is not None and seen.id.isdecimal() else seen.id
    return {"id": id, "tid": seen.tid, "created_at": seen.created_at, "class": seen.class_}


def _change(change: Change) -> Dict[str, Any]:
    site = change.site
    return {
        "kind": site.what or "created",
        "before": change.before,
        "after": change.after,
        "growth": change.growth,
        "start": None if site.start is None else of_frame(site.start),
        "creation_stack": [of_frame(frame) for frame in site.frames],
        "own_frame": own_frame(list(site.frames)),
    }
