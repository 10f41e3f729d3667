# SPDX-License-Identifier: MIT
"""A look at a process that is held at its exit: a report on stderr, and a core file, if threads leaked."""

import sys
from typing import Callable

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
            explain = f"threadleak explain {path} --id {{}}"
            last = f"threadleak: {WRITTEN.format(pid, path)}"
        except TargetError as error:
            last = f"threadleak: no core file of process {pid}: {error}"
        sys.stderr.write("\n".join([*text.listing(report, verdicts, explain=explain), last]) + "\n")
        sys.stderr.flush()


class CoreOfLeaky:
    """Of a process whose check, which came before, found leaks."""

    def __init__(self, has_leaked: Callable[[int], bool], say: Callable[[str], None]):
        self._has_leaked = has_leaked
        self._say = say

    def look(self, pid: int) -> None:
        if not self._has_leaked(pid):
            return
        path = core_path(pid)
        try:
            with Opened(Named(str(pid), pid=pid)) as opened:
                write(opened.again(), path)
            self._say(WRITTEN.format(pid, path))
        except TargetError as error:
            self._say(f"no core file of process {pid}: {error}")
