# SPDX-License-Identifier: MIT
"""Whether whoever created a thread that nobody joined may still join it: where the function that did so has returned,
or its thread is gone, nobody does from there.
"""

from typing import TYPE_CHECKING, Optional

from ..read import abi
from ..read.threads import ThreadInfo
from ..target.base import Frame, TargetError, base_name
from .blame import first_own
from .verdicts import Verdict

if TYPE_CHECKING:
    from .report import Report

_FRAMES = 256


def creator_sentence(report: "Report", verdict: Verdict) -> Optional[str]:
    """None: that cannot be told."""
    thread, record = verdict.thread, verdict.thread.record
    if record is None or thread.copy is None or not record.creator:
        return None
    maker = _info(report, verdict, record.creator)
    name = f"Thread {thread.copy.name_of(record.creator)}"
    if maker is None or maker.kernel is None:
        return f"{name}, which created it, has ended without joining it."
    frame = first_own(report.stacks.walk(thread.copy, record.site))
    if frame is None or not frame.function:
        return None
    try:
        (stack,) = report.stacks.current([maker.kernel], _FRAMES)
    except TargetError:
        return None
    at = next((each for each in stack.frames if each.function == frame.function), None)
    if at is not None:
        return f"{name} is in {_place(at)} now, which created it, or in a later call of that, and may yet join it."
    if not stack.complete or not all(each.function for each in stack.frames):
        return None
    return f"{_place(frame)}, where {name[0].lower()}{name[1:]} created it, has returned without joining it."


def _info(report: "Report", verdict: Verdict, id: int) -> Optional[ThreadInfo]:
    """The thread that created it, if anything is known of it now."""
    copy = verdict.thread.copy
    for other in report.verdicts:
        info = other.thread
        if info.copy is copy and info.copy is not None and info.copy.records.ids[info.index] == id:
            return info
    # a main thread that exited is no thread; nor has one without a record an id
    main = verdict.thread.copy.record(id) if verdict.thread.copy is not None else None
    if main is not None and main.state & abi.MAIN:
        return next((each.thread for each in report.verdicts if each.thread.is_main), None)
    return None


def _place(frame: Frame) -> str:
    """start_workers (pool.cc:41)"""
    if frame.file and frame.line:
        return f"{frame.function} ({base_name(frame.file)}:{frame.line})"
    return frame.function or f"{frame.pc:#x}"
