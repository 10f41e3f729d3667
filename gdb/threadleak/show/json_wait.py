# SPDX-License-Identifier: MIT
"""What threads wait for and what they cost, for the JSON report."""

from typing import Any, Dict, List, Optional

from ..judge.cost import Cost
from ..judge.groups import Group, id_ranges
from ..judge.report import Report
from ..judge.verdicts import Verdict
from ..read.wait import Wait
from .json_threads import address


def of_wait(report: Report, verdict: Verdict) -> Optional[Dict[str, Any]]:
    """None: it is not blocked, or that cannot be told."""
    explained = report.explained
    wait = explained.waiting.of(verdict.thread)
    found = explained.of(verdict)
    if wait is None or found is None:
        return None
    return {
        "kind": wait.kind,
        "confidence": wait.confidence,
        "call": wait.call,
        "address": address(wait.word or None),
        "object": _object(report, wait),
        "owner": _owner(report, wait),
        "mutex": address(wait.mutex or None),
        "timeout": wait.timed,
        "fds": list(wait.fds),
        "detail": wait.detail or None,
        "text": found.waits,
        "sentences": found.sentences,
    }


def _object(report: Report, wait: Wait) -> Optional[Dict[str, Any]]:
    if wait.object is None:
        return None
    return {
        "address": address(wait.object),
        "name": report.target.data_name(wait.object),
        "kind": wait.kind,
        "flavour": wait.flavour or None,
        "shared": wait.shared,
    }


def _owner(report: Report, wait: Wait) -> Optional[Dict[str, Any]]:
    """Who holds it, runs it, or is joined."""
    info = report.explained.waiting.owner(wait)
    if info is None and not (wait.owner or wait.owner_tid):
        return None
    id: Any = info.id if info is not None and info.copy is not None else None
    return {
        "id": int(id) if id and id.isdecimal() else id,
        "tid": info.tid if info is not None else wait.owner_tid,
        "pthread": address((info.pthread if info is not None else wait.owner) or None),
    }


def of_cost(cost: Cost, group: Group) -> Dict[str, Any]:
    """A finding."""
    room = cost.room
    return {
        "kind": "cost",
        "text": " ".join(cost.sentences()),
        "count": cost.threads,
        "blind": False,
        "ids": id_ranges(group.verdicts),
        "cost": {
            "address_space": cost.space,
            "resident": cost.resident,
            "resident_is_estimated": cost.estimated,
            "mappings": cost.maps,
            "stack_size": cost.stack_size,
            "stack_used": cost.stack_used,
            "room": room.more if room is not None else None,
            "limit": room.limit.name if room is not None else None,
        },
    }


def costs(report: Report, groups: List[Group]) -> List[Dict[str, Any]]:
    """Of the leaked threads of each group."""
    found = []
    for each in groups:
        cost = report.costs.of([verdict.thread for verdict in each.verdicts if verdict.leaked])
        if cost is not None:
            found.append(of_cost(cost, each))
    return found
