# SPDX-License-Identifier: MIT
"""A report that is made when a process begins to exit, and held back: destructors may still end and join the
threads that it is about. The library tells which are left (helper/runtime/held.h), and those are reported.

A destructor may hang or crash instead, on what a leaked thread uses. Then what is held is all that will be known:
it is printed when the process is gone, or when the exit has gone on for some seconds, and says just that, since
nobody knows whether the threads would have been joined.
"""

import os
import select
from contextlib import suppress
from typing import TYPE_CHECKING, List, Optional, Set, Tuple

from ..judge.verdicts import Verdict
from ..target.base import TargetError
from ..target.pidfd import pidfd
from . import verify_report

if TYPE_CHECKING:
    from ..judge.report import Report
    from .verify import Check

HANGS_MS = 3000  # the exit has gone on for so long
HANGS = ", whose exit has gone on for 3 s"
DIED = ", which ended before its exit was over"


class Held:
    def __init__(self, check: "Check", report: "Report"):
        self._check = check
        self._report = report
        self._found = verify_report.found(check.request, report)
        self._left: List[Tuple[int, int]] = []
        self._lines: List[str] = []  # the report if all are left, to people,
        self._full = ""  # and in the format that is asked for
        if self._found.leaks:
            self._lines = verify_report.lines(self._found, self._found.leaked)
            self._full = verify_report.text(self._found, self._found.leaked, self._lines)
        self._printed: Optional[Set[int]] = None  # threads that a report of a hang named

    def run(self) -> None:
        """What is said now is not printed."""
        verify_report.answer(self._check.answer, self._found, self._found.leaked)
        if not self._found.leaks:
            return
        with suppress(OSError):
            os.setsid()  # what ends the process may be meant for its whole group
        process = pidfd(self._check.request.pid)
        poll = select.poll()
        poll.register(self._check.request.ask, select.POLLIN)
        if process is not None:
            poll.register(process, select.POLLIN)
        patience: Optional[int] = HANGS_MS
        pending = b""
        while True:
            ready = [file for file, _ in poll.poll(patience)]
            if not ready:
                patience = None
                self._hangs()
            elif self._check.request.ask in ready:
                data = os.read(self._check.request.ask, 4096)
                *lines, pending = (pending + data).split(b"\n")
                if any(self._is_over(line) for line in lines):
                    return
                if not data:
                    # Closed by the process itself, whose end is still to be seen, or by that end.
                    poll.unregister(self._check.request.ask)
                    if process is None:
                        break
            else:
                break
        self._died()

    def _is_over(self, line: bytes) -> bool:
        """After the last word."""
        word, _, rest = line.decode("ascii", "replace").partition(" ")
        if word == "left":
            first, _, last = rest.partition("-")
            self._left.append((int(first), int(last)))
        elif word == "report":
            self._end()
        return word in ("report", "drop")

    def _end(self) -> None:
        leaked = [each for each in self._found.leaked if self._is_left(each)]
        if self._found.is_announced(leaked):
            verify_report.answer(self._check.answer, self._found, leaked)
            return
        is_full = len(leaked) == len(self._found.leaked)
        verify_report.show(
            self._check.request, self._full if is_full else verify_report.text(self._found, leaked)
        )
        verify_report.answer(self._check.answer, self._found, leaked)

    def _is_left(self, verdict: Verdict) -> bool:
        id = self._id(verdict)
        return any(first <= id <= last for first, last in self._left)

    def _id(self, verdict: Verdict) -> int:
        return self._report.registry.copies[0].records.ids[verdict.thread.index]

    def _hangs(self) -> None:
        """To people alone: a document is the last word."""
        try:
            ids = self._check.ids_now()
        except TargetError:  # it ends just now
            return
        leaked = [each for each in self._found.leaked if self._id(each) in ids]
        if leaked:
            self._printed = set(map(self._id, leaked))
            lines = verify_report.lines(self._found, leaked)
            hangs = verify_report.unsure(self._found, leaked, HANGS, lines)
            verify_report.say(self._check.request, hangs.to_people())

    def _died(self) -> None:
        request, leaked = self._check.request, self._found.leaked
        died = verify_report.unsure(self._found, leaked, DIED, self._lines)
        if request.format == "text" and self._printed == set(map(self._id, leaked)):
            verify_report.show(request, died.headline + "\n")  # the rest was said
        else:
            verify_report.show(request, died.text(request, self._full))
