# SPDX-License-Identifier: MIT
"""The JSON report, schema threadleak/1: docs/json-schema.json. What is not known is null."""

from typing import Any, Dict, Iterable, List, Optional

from ..escapes import readable
from ..judge.blame import own_frame
from ..judge.finding import Finding
from ..judge.groups import Group, group, id_ranges
from ..judge.report import Report
from ..judge.verdicts import Verdict
from ..read import abi
from ..read.descriptor import Descriptor
from ..read.model import Copy
from ..read.stacks import Stack
from ..read.threads import ThreadInfo
from ..target.base import Frame, Target

SCHEMA = "threadleak/1"
STACK_FRAMES = 256


def parse(text: str) -> Any:
    import json  # by those alone who ask for JSON: it takes long to load

    return json.loads(text)


def encode(value: Any) -> str:
    """On one line, ASCII."""
    import json

    text = json.JSONEncoder().encode(value)
    # half a surrogate pair is no Unicode, and readers refuse it; most look-alikes are halves of real ones
    return json.JSONEncoder().encode(_readable(value)) if "\\udc" in text else text


def _readable(value: Any) -> Any:
    if isinstance(value, str):
        return readable(value)
    if isinstance(value, dict):
        return {key: _readable(each) for key, each in value.items()}
    return list(map(_readable, value)) if isinstance(value, (list, tuple)) else value


def dump(shown: Dict[str, Any]) -> str:
    """A line for each key, and for each element of a list: indented text takes json ten times as long."""
    lines = []
    for key, value in shown.items():
        if isinstance(value, list) and value:
            elements = ",\n  ".join(map(encode, value))
            lines.append(f" {encode(key)}: [\n  {elements}\n ]")
        else:
            lines.append(f" {encode(key)}: {encode(value)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


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
    stacks = _current_stacks(report, samples or verdicts) if with_stacks else {}
    named: Dict[str, Any] = {} if title is None else {"title": title}
    groups = group(verdicts)
    shown = {
        **named,
        **of_report(report),
        "threads": [_thread(report, verdict, stacks) for verdict in verdicts],
        "groups": [_group(report, each) for each in groups],
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


def id_of(thread: ThreadInfo) -> Any:
    return _id(thread.copy, thread.record.id) if thread.copy is not None and thread.record else None


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


def _address(value: Optional[int]) -> Optional[str]:
    return None if value is None else f"{value:#x}"


def _id(copy: Copy, record_id: int) -> Any:
    """A number, but in further copies of the library "2.17"."""
    name = copy.name_of(record_id)
    return record_id if name.isdecimal() else name


def of_frame(frame: Frame) -> Dict[str, Any]:
    return {
        "pc": _address(frame.pc),
        "function": frame.function,
        "module": frame.module,
        "offset": _address(frame.offset),
        "file": frame.file,
        "line": frame.line,
    }


def _thread(report: Report, verdict: Verdict, stacks: Dict[int, Stack]) -> Dict[str, Any]:
    thread = verdict.thread
    shown: Dict[str, Any] = {
        "id": None,
        "tid": thread.tid,
        "pthread": None,
        "name": report.name_of(thread),
        "state": thread.state,
        "class": verdict.class_,
        "leaked": verdict.leaked,
        "confidence": verdict.confidence if verdict.leaked else None,
        "expected_by": verdict.expected_by,
        "main": thread.is_main,
    }
    if thread.record is not None and thread.copy is not None:
        shown.update(_recorded(report, verdict, thread.copy, thread.record))
    if thread.descriptor is not None:
        shown.update(_described(report, verdict, thread.descriptor))
    stack = stacks.get(thread.kernel.tid) if thread.kernel is not None else None
    shown["stack"] = [of_frame(frame) for frame in stack.frames] if stack and stack.frames else None
    shown["stack_end"] = stack.end or None if stack else None
    shown["wait"] = _wait(report, verdict) if stack is not None else None
    shown["why"] = report.evidence.why(verdict)
    shown["fix"] = report.evidence.fix(verdict)
    return shown


def _wait(report: Report, verdict: Verdict) -> Optional[Dict[str, Any]]:
    from .json_wait import of_wait  # by those alone who ask for stacks

    return of_wait(report, verdict)


def _recorded(report: Report, verdict: Verdict, copy: Copy, record: abi.Record) -> Dict[str, Any]:
    chain = copy.scope_chain(record.scope)
    stack = report.stacks.creation(copy, record.site)
    age_ns = report.at.now_ns - record.created_ns
    is_main = record.state & abi.MAIN
    return {
        "id": _id(copy, record.id),
        "pthread": _address(record.pthread or None),
        "scope": chain[0].name if chain else None,
        "creator": _id(copy, record.creator) if record.creator else None,
        "start": None if is_main else of_frame(report.stacks.start(copy, record)),
        "callable": None if is_main else report.stacks.callable(verdict.thread),
        "detached": bool(record.state & abi.DETACHED),
        "created_at": copy.epoch_s(record.created_ns),
        "finished_at": copy.epoch_s(record.finished_ns),
        "age_s": round(age_ns / 1e9, 3) if report.at.live else None,
        "creation_stack": [of_frame(frame) for frame in stack.frames],
        "creation_stack_complete": stack.complete,
        "own_frame": own_frame(stack.frames),
        "fingerprint": None if is_main else _fingerprint(report, verdict),
    }


def _described(report: Report, verdict: Verdict, descriptor: Descriptor) -> Dict[str, Any]:
    """What glibc's own descriptor tells."""
    kind, copy = verdict.thread.kind, verdict.thread.copy
    told: Dict[str, Any] = {
        "pthread": _address(descriptor.pthread),
        "argument": None if verdict.thread.is_main else _address(descriptor.argument),
        "result": _address(descriptor.result),
        "stack_size": descriptor.stack_size or None,
        "guard_size": descriptor.guard_size if descriptor.stack else None,
    }
    if copy is None and kind is not None:
        told["start"] = of_frame(report.stacks.start(None, kind))
        told["callable"] = report.stacks.callable(verdict.thread)
        told["detached"] = descriptor.detached
        told["fingerprint"] = _fingerprint(report, verdict)
    return told


def _fingerprint(report: Report, verdict: Verdict) -> Optional[str]:
    return next(iter(report.judge.values.value(verdict.thread, "fingerprint")), None)


def _current_stacks(report: Report, verdicts: Iterable[Verdict]) -> Dict[int, Stack]:
    """By tid, of those that are alive."""
    alive = [verdict.thread.kernel for verdict in verdicts if verdict.thread.kernel is not None]
    stacks = report.stacks.current(alive, STACK_FRAMES)
    return {thread.tid: stack for thread, stack in zip(alive, stacks)}


def _group(report: Report, each: Group) -> Dict[str, Any]:
    kind, copy = each.verdicts[0].thread.kind, each.verdicts[0].thread.copy
    shown: Dict[str, Any] = {
        "threads": len(each.verdicts),
        "leaked": each.leaked,
        "by_class": each.by_class(),
        "ids": id_ranges(each.verdicts),
        "start": None,
        "creation_stack": [],
        "own_frame": None,
        "fix": report.evidence.fix(each.verdicts[0]),
    }
    if kind is not None and not each.key.main:
        shown["start"] = of_frame(report.stacks.start(copy, kind))
        shown["fingerprint"] = _fingerprint(report, each.verdicts[0])
    if kind is not None and copy is not None and not each.key.main:
        stack = report.stacks.creation(copy, kind.site)
        oldest, newest = each.created_ns()
        shown.update(
            creation_stack=[of_frame(frame) for frame in stack.frames],
            own_frame=own_frame(stack.frames),
            oldest_at=copy.epoch_s(oldest),
            newest_at=copy.epoch_s(newest),
        )
    return shown


def line(name: str, text: str) -> str:
    """A document as one line of several, with what the command line calls its target."""
    return encode({"name": name, **(parse(text) if text else {"error": None})}) + "\n"
