# SPDX-License-Identifier: MIT
"""`stacks` as JSON: the document of json.py, with the key "stacks"."""

from collections import Counter
from typing import Any, Dict, Iterable, List, Optional

from ..judge.classes import ALL
from ..judge.groups import id_ranges
from ..judge.report import Report
from ..judge.same_stack import Group, names
from ..target.base import Target
from . import json
from .json_text import dump
from .json_threads import of_frame


def document(target: Target, report: Optional[Report], why: str, groups: Iterable[Group]) -> str:
    """Without a report: `why` there is none."""
    shown = json.of_report(report) if report is not None else json.empty()
    if report is None:
        shown["target"] = json.of_target(target)
        shown["findings"] = [{"kind": "no_registry", "text": why, "count": 1, "blind": True}]
    shown["stacks"] = [_group(each, names(target, report, each)) for each in groups]
    return dump(shown)


def _group(each: Group, some_names: List[str]) -> Dict[str, Any]:
    verdicts = each.verdicts()
    classes = Counter(verdict.class_ for verdict in verdicts)
    return {
        "threads": len(each.seen),
        "states": each.states(),
        "tids": [seen.thread.tid for seen in each.seen],
        "names": some_names,
        "ids": id_ranges(verdicts) or None,
        "leaked": sum(verdict.leaked for verdict in verdicts),
        "by_class": {class_: classes[class_] for class_ in ALL if classes[class_]},
        "frames": [of_frame(frame) for frame in each.stack.frames],
        "end": each.stack.end or None,
    }
