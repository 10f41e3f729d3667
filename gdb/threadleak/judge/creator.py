# SPDX-License-Identifier: MIT
"""Whether whoever created a thread that nobody joined may still join it: where the function that did so has returned,
or its thread is gone, nobody does from there.
"""

from typing import TYPE_CHECKING, Optional

from ..read import abi
from ..read.model import Copy
from ..read.threads import FINISHED, ThreadInfo
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
    if _has_ended(report, thread.copy, record.creator, maker):
        return f"{name}, which created it, has ended without joining it."
    if maker is None or maker.kernel is None:
        return None
    frame = first_own(report.stacks.walk(thread.copy, record.site))
    if frame is None or not frame.function:
        return None
    try:
        (stack,) = report.stacks.current([maker.kernel], _FRAMES)
    except TargetError:
        return None
    at = next((each for each in stack.frames if each.function == frame.function), None)
    if at is not None:
        if report.at.exiting:  # it does not come back from exit()
            return None
        return f"{name} is in {_place(at)} now, which created it, or in a later call of that, and may yet join it."
    if not stack.complete or not all(each.function for each in stack.frames):
        return None
    return f"{_place(frame)}, where {name[0].lower()}{name[1:]} created it, has returned without joining it."


def _has_ended(report: "Report", copy: Copy, id: int, maker: Optional[ThreadInfo]) -> bool:
    """Known to have: a thread without one of the kernel's need not."""
    if maker is not None:
        return maker.state == FINISHED
    record = copy.record(id)
    if record is None:
        return (
            not report.registry.anomalies
        )  # they are recycled after the end, unless it could not be read
    return bool(record.state & abi.FINISHED)


def _info(report: "Report", verdict: Verdict, id: int) -> Optional[ThreadInfo]:
    """The thread that created it, if it is one of the process now: a check of a part of it looks at all for that."""
    copy = verdict.thread.copy
    every = report.look.whole
    for info in every:
        if info.copy is copy and info.copy is not None and info.copy.records.ids[info.index] == id:
            return info
    # the kernel's main thread may not have been matched with its record
    made_by = copy.record(id) if copy is not None else None
    if made_by is not None and made_by.state & abi.MAIN:
        return next((info for info in every if info.is_main), None)
    return None


def _place(frame: Frame) -> str:
    """start_workers (pool.cc:41)"""
    if frame.file and frame.line:
        return f"{frame.function} ({base_name(frame.file)}:{frame.line})"
    return frame.function or f"{frame.pc:#x}"
