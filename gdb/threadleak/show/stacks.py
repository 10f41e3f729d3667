# SPDX-License-Identifier: MIT
"""Threads by what they do now: a block of lines for each group."""

from collections import Counter
from typing import Dict, Iterable, List, Optional, Sequence

from ..judge.groups import id_ranges, ranges
from ..judge.names import brief
from ..judge.report import Report
from ..judge.same_stack import Group, names, place_of, runs
from ..read.abi import MAIN
from ..target.base import Frame, Target
from . import text
from .places import NAME_WIDTH, function, own_place, place
from .sanitize import clean
from .style import PLAIN, Style

TIDS_WIDTH = 60
SITES_SHOWN = 3
FOLDED_WIDTH = 60


def title(groups: Sequence[Group]) -> str:
    """10,001 threads, 3 different stacks"""
    threads = counted(sum(len(each.seen) for each in groups), "thread")
    return f"{threads}, {counted(len(groups), 'stack' if len(groups) == 1 else 'different stack')}"


def counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def block(
    target: Target, report: Optional[Report], group: Group, full: bool, style: Style = PLAIN
) -> List[str]:
    rows = [("tids", ranges((each.thread.tid for each in group.seen), TIDS_WIDTH))]
    rows.append(("names", ", ".join(map(clean, names(target, report, group)))))
    if report is not None:
        rows += _recorded(report, group, style)
    leaked = any(verdict.leaked for verdict in group.verdicts())
    lines = [style.paint("highlight" if leaked else "title", _heading(group))]
    lines += ["  " + line for line in text.table([("", "")] + [row for row in rows if row[1]])[1:]]
    return lines + _frames(group, full, style)


def _heading(group: Group) -> str:
    """9,998 threads blocked in sem_wait, from worker (pool.c:20)"""
    states = group.states()
    what = ", ".join(f"{count:,} {state}" for state, count in states.items())
    head = counted(len(group.seen), "thread")
    head += f" {next(iter(states))}" if len(states) == 1 else f" ({what})"
    at = place_of(group.stack)
    if at.own is None:
        return head
    if at.waits_in is None:
        return f"{head} in {place(at.own)}"
    return f"{head} in {brief(function(at.waits_in), NAME_WIDTH)}, from {place(at.own)}"


def _recorded(report: Report, group: Group, style: Style) -> List["tuple[str, str]"]:
    """What the registry knows of them."""
    verdicts = group.verdicts()
    firsts = {verdict.decision: verdict for verdict in reversed(verdicts)}
    decisions = Counter(verdict.decision for verdict in verdicts)
    classes: Dict[str, int] = {}
    for decision, count in decisions.items():
        class_ = text.class_of(firsts[decision])
        classes[class_] = classes.get(class_, 0) + count
    made = Counter((verdict.thread.copy, verdict.thread.kind) for verdict in verdicts)
    sites: Dict[str, int] = {}
    for (copy, kind), count in made.items():
        if kind is not None and copy is not None and not kind.state & MAIN:
            at = own_place(report.stacks.walk(copy, kind.site), style)
            sites[at] = sites.get(at, 0) + count
    said = ", ".join(f"{count:,} {class_}" for class_, count in classes.items())
    ids = id_ranges(verdicts, TIDS_WIDTH)
    return [("ids", ids), ("class", said), ("created at", _counted(sites) if sites else "")]


def _counted(sites: Dict[str, int]) -> str:
    if len(sites) == 1:
        return next(iter(sites))
    most = sorted(sites.items(), key=lambda item: -item[1])
    rest = len(most) - SITES_SHOWN
    shown = ", ".join(f"{place}: {count:,}" for place, count in most[:SITES_SHOWN])
    return shown + (f", and {rest:,} more places" if rest > 0 else "")


def _frames(group: Group, full: bool, style: Style) -> List[str]:
    lines = []
    for first, end, empty in runs(group.stack.frames):
        frames = group.stack.frames[first:end]
        if empty and not full:
            lines.append(f"   #{first}-#{end - 1} {_folded(frames)}")
            continue
        lines += [
            f"   #{first + at:<2} {place(frame, style, full=full)}"
            for at, frame in enumerate(frames)
        ]
    if group.stack.end:
        lines.append(f"      ({group.stack.end})")
    return lines


def _folded(frames: Iterable[Frame]) -> str:
    frames = list(frames)
    names = "(" + ", ".join(function(frame) for frame in frames) + ")"
    if len(names) <= FOLDED_WIDTH:
        return names
    return f"({len(frames)} library frames: --full)"
