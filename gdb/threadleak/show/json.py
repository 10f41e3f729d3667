# SPDX-License-Identifier: MIT
"""The JSON report, schema threadleak/1: docs/json-schema.json. What is not known is null."""

from typing import Any, Dict, Iterable, List, Optional

from ..judge.finding import Finding
from ..judge.groups import group
from ..judge.report import Report
from ..judge.verdicts import Verdict
from ..read.model import Copy
from ..target.base import Target
from .json_text import dump, parse
from .json_threads import current_stacks, id_of, of_group, of_thread

SCHEMA = "threadleak/1"


def document(
    report: Report,
    verdicts: Iterable[Verdict],
    with_stacks: bool,
    title: Optional[str] = None,
    with_costs: bool = False,
) -> str:
    """One object, ASCII, newline at its end: what of_verdicts gives."""
    return dump(of_verdicts(report, verdicts, with_stacks, title, with_costs))


def of_verdicts(
    report: Report,
    verdicts: Iterable[Verdict],
    with_stacks: bool,
    title: Optional[str] = None,
    with_costs: bool = False,
    samples: Optional[List[Verdict]] = None,
) -> Dict[str, Any]:
    """`with_stacks`: and what the threads wait for. `title`: of the test that
    was checked. `samples`: the threads whose stacks are enough."""
    verdicts = list(verdicts)
    stacks = current_stacks(report, samples or verdicts) if with_stacks else {}
    named: Dict[str, Any] = {} if title is None else {"title": title}
    groups = group(verdicts)
    shown = {
        **named,
        **of_report(report),
        "threads": [of_thread(report, verdict, stacks) for verdict in verdicts],
        "groups": [of_group(report, each) for each in groups],
    }
    if with_costs:
        from .json_wait import costs

        shown["findings"] += costs(report, groups)
    return shown


def unsure(document: str, sentence: str, text: str) -> str:
    """A document, with a text for people, where it cannot be told after all whether these threads leaked."""
    shown: Dict[str, Any] = parse(document)
    for each in shown["threads"]:
        each.update(leaked=None, confidence=None)
    for each in shown["groups"]:
        each.update(leaked=None)
    shown.pop("brief", None)  # would claim that they leaked
    return dump({**shown, "summary": None, "error": sentence, "text": text})


def failure(sentence: str) -> str:
    """The document of a target that could not be read."""
    return dump({**empty(), "error": sentence})


def empty() -> Dict[str, Any]:
    return {
        "schema": SCHEMA,
        "target": None,
        "registry": {"found": False, "version": None, "dropped": None, "untracked": None},
        "summary": None,
        "threads": [],
        "groups": [],
        "findings": [],
        "error": None,
    }


def of_target(target: Target) -> Dict[str, Any]:
    return {
        "kind": target.kind,
        "pid": target.pid,
        "exe": target.exe,
        "core": target.core,
        "host": target.host,
    }


def of_report(report: Report) -> Dict[str, Any]:
    """All but the threads."""
    notices = report.notices
    return {
        **empty(),
        "target": of_target(report.target),
        "registry": _registry(report),
        "summary": {
            "threads": report.threads,
            "leaked": len(report.leaked),
            "by_class": report.by_class(),
        },
        "findings": [
            {"kind": each.kind, "text": each.text, "count": each.number, "blind": each.blind}
            for each in notices
        ]
        + [_finding(each) for each in report.findings],
    }


def _finding(found: Finding) -> Dict[str, Any]:
    return {
        "kind": found.kind,
        "text": found.text,
        "count": len(found.threads),
        "blind": False,
        "confidence": found.confidence,
        "threads": [{"id": id_of(each), "tid": each.tid} for each in found.threads],
        "members": found.members,
        "fix": found.fix or None,
    }


def _registry(report: Report) -> Dict[str, Any]:
    untracked = report.by_class().get("untracked", 0)
    return of_copies(report.registry.copies, report.at.now_ns, untracked)


def of_copies(
    copies: List[Copy], now_ns: Optional[int], untracked: Optional[int] = None
) -> Dict[str, Any]:
    """Of the registry; `now_ns`: when it was read."""
    if not copies:
        return {"found": False, "version": None, "dropped": None, "untracked": untracked}
    header = copies[0].header
    return {
        "found": True,
        "version": f"{header.abi_major}.{header.abi_minor}",
        "started_at": round(header.start_realtime_ns / 1e9, 3),
        "read_at": None if now_ns is None else copies[0].epoch_s(now_ns),
        "dropped": sum(copy.dropped.get("records", 0) for copy in copies),
        "untracked": untracked,
    }
