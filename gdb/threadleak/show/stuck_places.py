# SPDX-License-Identifier: MIT
"""Where in the user's own code threads stand that nothing can wake."""

from typing import List

from ..judge.finding import Finding
from ..judge.ids import label
from ..judge.report import Report
from ..judge.verdicts import Verdict
from ..target.base import TargetError
from .places import own_place
from .sanitize import clean
from .style import PLAIN, Style

THREADS = 8
FRAMES = 64


def stuck_places(report: Report, found: Finding, style: Style = PLAIN) -> List[str]:
    """A line for each of its first threads, which are those of the cycle; none where their stacks cannot be read."""
    pairs = [(each, each.kernel) for each in found.threads[:THREADS] if each.kernel is not None]
    try:
        stacks = report.stacks.current([kernel for _, kernel in pairs], FRAMES)
    except TargetError:
        return []
    return [
        f"  {clean(label(info, report.name_of(info)))} waits in {own_place(stack.frames, style)}"
        for (info, _), stack in zip(pairs, stacks)
        if stack.frames
    ]


def stuck_places_of(report: Report, verdict: Verdict, style: Style = PLAIN) -> List[str]:
    """Of whatever this thread is stuck in."""
    kernel = verdict.thread.kernel
    for found in report.findings:
        tids = (each.kernel.tid for each in found.threads if each.kernel is not None)
        if kernel is not None and kernel.tid in tids:
            return stuck_places(report, found, style)
    return []
