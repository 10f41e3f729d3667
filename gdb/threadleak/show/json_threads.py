# SPDX-License-Identifier: MIT
"""Threads, groups of them and their frames, for the JSON report."""

from typing import Any, Dict, Iterable, Optional

from ..judge.blame import own_frame
from ..judge.groups import Group, id_ranges
from ..judge.report import Report
from ..judge.verdicts import Verdict
from ..read import abi
from ..read.descriptor import Descriptor
from ..read.model import Copy
from ..read.stacks import STACK_FRAMES, Stack
from ..read.threads import ThreadInfo
from ..target.base import Frame


def address(value: Optional[int]) -> Optional[str]:
    return None if value is None else f"{value:#x}"


def _id(copy: Copy, record_id: int) -> Any:
    """A number, but in further copies of the library "2.17"."""
    name = copy.name_of(record_id)
    return record_id if name.isdecimal() else name


def of_frame(frame: Frame) -> Dict[str, Any]:
    return {
        "pc": address(frame.pc),
        "function": frame.function,
        "module": frame.module,
        "offset": address(frame.offset),
        "file": frame.file,
        "line": frame.line,
    }


def id_of(thread: ThreadInfo) -> Any:
    return _id(thread.copy, thread.record.id) if thread.copy is not None and thread.record else None


def of_thread(report: Report, verdict: Verdict, stacks: Dict[int, Stack]) -> Dict[str, Any]:
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
        "pthread": address(record.pthread or None),
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
        "pthread": address(descriptor.pthread),
        "argument": None if verdict.thread.is_main else address(descriptor.argument),
        "result": address(descriptor.result),
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


def current_stacks(report: Report, verdicts: Iterable[Verdict]) -> Dict[int, Stack]:
    """By tid, of those that are alive."""
    alive = [verdict.thread.kernel for verdict in verdicts if verdict.thread.kernel is not None]
    stacks = report.stacks.current(alive, STACK_FRAMES)
    return {thread.tid: stack for thread, stack in zip(alive, stacks)}


def of_group(report: Report, each: Group) -> Dict[str, Any]:
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
