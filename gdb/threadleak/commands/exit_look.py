# SPDX-License-Identifier: MIT
"""A look at a process that is held at its exit: a report on stderr, and a core file, if threads leaked."""

import os
import sys
from contextlib import suppress
from typing import Callable, Optional, Set

from ..judge.report import Report
from ..judge.rule_set import RuleSet
from ..judge.verdicts import AUTO, Settings
from ..show import text
from ..target.base import TargetError
from .list import ordered
from .session import Session
from .snapshot import write
from .targets import Named, Opened

WRITTEN = "process {} at its exit: written to {}"


def core_path(pid: int) -> str:
    return f"threadleak.{pid}.core"


class ExitLook:
    def __init__(self, rules: RuleSet, say: Callable[[str], None]):
        self._rules = rules
        self._say = say

    def look(self, pid: int) -> None:
        with Opened(Named(str(pid), pid=pid)) as opened:
            session = Session(opened.again, lambda: None)
            try:
                report = session.judge(None, Settings(at_end=True, waits=AUTO), self._rules)
                if report.leaked:
                    self._leaked(report, pid)
                elif any(notice.blind for notice in report.notices):
                    raise TargetError("; ".join(each.text for each in report.notices if each.blind))
            except TargetError as error:
                self._say(f"cannot tell whether threads of process {pid} leaked: {error}")

    def _leaked(self, report: Report, pid: int) -> None:
        verdicts = ordered(report, report.leaked, "group")
        report.read_states(verdicts)
        path = core_path(pid)
        explain = ""  # without a core file nothing is left to explain
        try:
            write(report.target, path)
            explain = f"threadleak explain {path} {{}}"
            last = f"threadleak: {WRITTEN.format(pid, path)}"
        except TargetError as error:
            last = f"threadleak: no core file of process {pid}: {error}"
        sys.stderr.write("\n".join([*text.listing(report, verdicts, explain=explain), last]) + "\n")
        sys.stderr.flush()


class CoreOfLeaky:
    """Of a process whose own check has found leaks: when its exit begins, since it may crash or hang on the way; it
    is deleted if destructors ended those threads. `found`: how many leaked, -1: cannot tell; None: it is not known
    for good yet. `written`: of which processes there is one."""

    def __init__(self, found: Callable[[int], Optional[int]], say: Callable[[str], None]):
        self._found = found
        self._say = say
        self.written: Set[int] = set()
        self._untold: Set[int] = set()  # those of them that nothing was said of

    def look(self, pid: int) -> None:
        found = self._found(pid)
        try:
            if found is None or (found > 0 and pid not in self._untold):
                with Opened(Named(str(pid), pid=pid)) as opened:
                    write(opened.again(), core_path(pid))
                self.written.add(pid)
                self._untold.add(pid)
            if found is not None:
                self._settle(pid, found)
        except TargetError as error:
            self._say(f"no core file of process {pid}: {error}")

    def _settle(self, pid: int, found: Optional[int]) -> None:
        if pid not in self._untold:
            return
        self._untold.remove(pid)
        if found == 0:
            self.written.discard(pid)
            with suppress(OSError):
                os.unlink(core_path(pid))
        else:
            self._say(WRITTEN.format(pid, core_path(pid)))

    def end(self) -> None:
        """Those that died on the way keep it."""
        for pid in list(self._untold):
            self._settle(pid, self._found(pid))
