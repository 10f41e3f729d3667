# SPDX-License-Identifier: MIT
"""What a thread was started in: its start routine, or what a std::thread runs, since all of these have one."""

from ..judge.names import brief
from ..judge.report import Report
from ..judge.verdicts import Verdict
from .places import function, place
from .sanitize import clean
from .style import PLAIN, Style

WIDTH = 40
NAME_WIDTH = 80


def started_in(report: Report, verdict: Verdict) -> str:
    """The name alone, in a table."""
    thread = verdict.thread
    if thread.kind is None:
        return "-"
    name = report.stacks.callable(thread)
    if name is None:
        return brief(function(report.stacks.start(thread.copy, thread.kind)), WIDTH)
    return brief(clean(name), WIDTH)


def start_place(report: Report, verdict: Verdict, style: Style = PLAIN, full: bool = False) -> str:
    """serve (server.c:12); of a std::thread: serve()::{lambda()#1}, through execute_native_thread_routine (libstdc++.so.6+0x...)"""
    thread = verdict.thread
    if thread.kind is None:
        return ""
    start = place(report.stacks.start(thread.copy, thread.kind), style, full)
    name = report.stacks.callable(thread)
    if name is None:
        return start
    name = clean(name) if full else brief(clean(name), NAME_WIDTH)
    return f"{style.paint('function', name)}, through {start}"
