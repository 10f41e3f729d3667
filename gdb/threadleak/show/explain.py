# SPDX-License-Identifier: MIT
"""One thread, told in full."""

from typing import List, Optional, Tuple

from ..judge.durations import duration
from ..judge.groups import id_ranges
from ..judge.ids import named
from ..judge.notices import no_registry
from ..judge.report import Report
from ..judge.verdicts import Verdict
from ..read import abi
from ..read.descriptor import Descriptor
from ..read.model import Copy
from ..read.threads import ENDING, FINISHED
from . import text
from .ancestry import ancestry
from .groups import costs
from .places import stack_lines
from .sanitize import clean
from .started import start_place
from .stuck_places import stuck_places_of
from .style import PLAIN, Style
from .times import clock

_CANCELED = (1 << 64) - 1  # PTHREAD_CANCELED of pthread.h


def block(report: Report, verdict: Verdict, style: Style = PLAIN) -> List[str]:
    thread = verdict.thread
    mark = "leaked, " if verdict.leaked else ""
    sure = f" ({verdict.confidence})" if verdict.leaked else ""
    name = named(thread.handle or "-", clean(report.name_of(thread) or ""))
    title = f"{name}: {mark}{text.class_of(verdict).rstrip('?')}{sure}"
    lines = [style.paint("highlight" if verdict.leaked else "title", title)]
    lines += [f"  {clean(line)}" for line in report.evidence.why(verdict)]
    lines += [f"  {line}" for line in stuck_places_of(report, verdict, style)]
    if verdict.expected_by:
        lines.append(f"  expected by: {clean(verdict.expected_by)}")
    explained = report.explained.of(verdict)
    lines += [f"  {clean(line)}" for line in explained.all()] if explained else []
    lines += costs(report, [verdict])
    lines += ["", *_facts(report, verdict, style)]
    lines += _creation(report, verdict, style)
    if not report.registry.copies:
        lines += ["", f"note: {no_registry()}"]
    made_by = ancestry(report, verdict, style)
    lines += ["", *made_by] if made_by else []
    lines += _stack(report, verdict, style)
    lines += _siblings(report, verdict)
    fix = None if verdict.expected_by else report.evidence.fix(verdict)
    return lines + (["", f"fix: {fix}"] if fix else [])


def _facts(report: Report, verdict: Verdict, style: Style) -> List[str]:
    thread, record, copy = verdict.thread, verdict.thread.record, verdict.thread.copy
    state = thread.state
    number = report.target.number_of(thread.kernel) if thread.kernel is not None else None
    if number is not None:
        state += f", GDB's thread {number} (`thread {number}`)"
    rows = [("state", state)]
    rows.append(("tid", str(thread.tid or "-")))
    if thread.pthread is not None or record is not None:
        rows.append(("pthread_t", f"{thread.pthread:#x}" if thread.pthread else "-"))
    if thread.kind is not None and not thread.is_main:
        start = start_place(report, verdict, style, full=True)
        rows.append(("started in", f"{start}, argument {thread.argument or 0:#x}"))
    rows += _described(thread.descriptor)
    if record is not None and copy is not None:
        rows.append(("kind", _kind(record)))
        chain = copy.scope_chain(record.scope)
        if chain:
            rows.append(("scope", " in ".join(clean(scope.name) or "-" for scope in chain)))
        created = _time(copy, record.created_ns, with_zone=True)
        rows += [("created", created), ("finished", _finished(copy, record))]
    return ["  " + line for line in text.table([("", "")] + [row for row in rows if row[1]])[1:]]


def _described(descriptor: Optional[Descriptor]) -> List[Tuple[str, str]]:
    """What glibc's own descriptor tells besides."""
    if descriptor is None:
        return []
    rows = [("joinable", "no, it is detached" if descriptor.detached else "yes")]
    if descriptor.result is not None:
        cancelled = ", PTHREAD_CANCELED" if descriptor.result == _CANCELED else ""
        rows.append(("result", f"{descriptor.result:#x}{cancelled}"))
    if descriptor.stack:
        by = ", given by the program" if descriptor.own_stack else ""
        guard = f", {descriptor.guard_size:,} of them guard" if descriptor.guard_size else ""
        end = descriptor.stack + descriptor.stack_size
        where = f"{descriptor.stack:#x}-{end:#x}"
        rows.append(("stack", f"{where}, {descriptor.stack_size:,} bytes{guard}{by}"))
    return rows


def _kind(record: abi.Record) -> str:
    words = ["C11 thread" if record.state & abi.C11 else "POSIX thread"]
    if record.state & abi.BORN_DETACHED:
        words.append("created detached")
    elif record.state & abi.DETACHED:
        words.append("detached later")
    else:
        words.append("joinable")
    return ", ".join(words)


def _time(copy: Copy, ns: int, with_zone: bool = False) -> str:
    """Wall clock, and how long after the library was loaded."""
    when = clock(copy.epoch_s(ns), with_ms=True, with_zone=with_zone)
    return (
        f"{when}, {duration(ns - copy.header.start_monotonic_ns)} after the start" if when else ""
    )


def _finished(copy: Copy, record: abi.Record) -> str:
    if not record.finished_ns:
        return ""
    return f"{_time(copy, record.finished_ns)}, lived {duration(record.finished_ns - record.created_ns)}"


def _creation(report: Report, verdict: Verdict, style: Style) -> List[str]:
    record, copy = verdict.thread.record, verdict.thread.copy
    if record is None or copy is None or verdict.thread.is_main:
        return []
    stack = report.stacks.creation(copy, record.site)
    return ["", "created at:", *stack_lines(stack.frames, stack.end, style)]


def _stack(report: Report, verdict: Verdict, style: Style) -> List[str]:
    thread = verdict.thread
    if thread.kernel is not None and thread.state not in (FINISHED, ENDING):
        (stack,) = report.stacks.current([thread.kernel], text.STACK_FRAMES)
        return ["", "stack now:", *stack_lines(stack.frames, stack.end, style, mark_own=False)]
    lines = ["", "It has no stack to show: it has finished."]
    if report.target.kind == "core":
        lines.append(
            "In a core with such threads GDB may take another thread's thread-local variables for"
            " those of the selected one: compare $fs_base with the pthread_t."
        )
    return lines


def _siblings(report: Report, verdict: Verdict) -> List[str]:
    record, copy = verdict.thread.record, verdict.thread.copy
    if record is None or copy is None or verdict.thread.is_main:
        return []
    site = copy.site(record.site)
    if site is None:
        return []
    same = [
        other
        for other in report.verdicts
        if other is not verdict
        and other.thread.copy is copy
        and other.thread.kind is not None
        and other.thread.kind.site == record.site
    ]
    lines = ["", f"{site.created:,} created here so far, {len(same) + 1:,} still known"]
    if same:
        lines[-1] += f"; the others: ids {id_ranges(same, text.IDS_WIDTH)}"
    return lines
