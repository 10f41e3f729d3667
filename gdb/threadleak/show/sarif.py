# SPDX-License-Identifier: MIT
"""SARIF 2.1.0 (docs.oasis-open.org/sarif), for code scanning: one run, whatever was checked, since GitHub takes no two
runs of one tool in a file. The threads are those of the JSON documents of the cases."""

from typing import Any, Dict, Iterable, List, Optional, Tuple

from .. import VERSION
from ..judge.classes import STUCK
from ..judge.report import Report
from ..judge.verdicts import Verdict
from . import json
from .cases import BLIND, FAILED, Case
from .json_text import dump
from .sarif_places import ROOT, Places, folder_uri, message
from .sarif_results import results
from .sarif_rules import rules
from .source_root import source_root

STUCK_MAX = 64  # whose stacks are read
SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def document(cases: List[Case], root: Optional[str] = None) -> str:
    """`root`: of the sources; where it is not given, the checkout of the CI server."""
    places = Places(source_root(root))
    run: Dict[str, Any] = {
        "tool": {
            "driver": {
                "name": "threadleak",
                "version": VERSION,
                "semanticVersion": VERSION,
                "rules": rules(),
            }
        },
        "invocations": [_invocation(cases)],
        "columnKind": "unicodeCodePoints",
        "results": results(cases, places, any(case.has_baseline for case in cases)),
    }
    if places.root is not None:
        run["originalUriBaseIds"] = {ROOT: {"uri": folder_uri(places.root)}}
    return dump({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})


def of_verdicts(report: Report, verdicts: List[Verdict]) -> Dict[str, Any]:
    """What a case shows. One thread of a result speaks for the others, and of those that are stuck each for itself."""
    firsts = {_made(each): each for each in verdicts[::-1]}
    stuck = [each for each in verdicts if each.class_ == STUCK][:STUCK_MAX]
    return json.of_verdicts(report, verdicts, True, samples=[*firsts.values(), *stuck])


def _made(verdict: Verdict) -> Tuple[object, ...]:
    """At least as fine as the results are: its scope and its name tell no threads apart there."""
    thread, decision = verdict.thread, verdict.decision
    made = (
        None
        if thread.kind is None
        else (thread.kind.site, thread.kind.start_module, thread.kind.start)
    )
    said = (decision.class_, decision.leaked, decision.confidence, decision.expected_by)
    return (*said, thread.copy, made)


def is_readable(shown: Any) -> bool:
    """Whether it is a report as show/json.py writes them: whoever may write files can write anything."""
    try:
        document([Case("", FAILED, shown=shown, has_baseline=True)])
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return False
    return True


def _invocation(cases: List[Case]) -> Dict[str, Any]:
    """Where it cannot be told of one of them, the run did not succeed: no result is then no good news."""
    notifications = [each for case in cases for each in _notifications(case)]
    return {
        "executionSuccessful": all(each["level"] != "error" for each in notifications),
        "toolExecutionNotifications": notifications,
    }


def _notifications(case: Case) -> Iterable[Dict[str, Any]]:
    shown = case.shown or {}
    if case.outcome == BLIND:
        yield _notification("error", f"{case.name}: cannot tell: {case.message}")
    elif case.outcome == FAILED and not shown.get("threads"):
        yield _notification("error", f"{case.name}: {case.message}")
    for finding in shown.get("findings", ()):
        if finding["blind"] and case.outcome != BLIND:
            yield _notification("warning", f"{case.name}: {finding['text']}")


def _notification(level: str, text: str) -> Dict[str, Any]:
    return {"level": level, "message": message(text)}
