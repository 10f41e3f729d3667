# SPDX-License-Identifier: MIT
"""`threadleak run --timeout`: what still runs is shown, each process with its deadlocks and the stacks of all its
threads, is written to a core file, and is ended."""

import argparse
import os
import signal
import time
from contextlib import suppress
from typing import Any, Container, Dict, List, NamedTuple, Optional, Sequence

from ..judge.classes import STUCK
from ..judge.report import Report
from ..judge.verdicts import Verdict
from ..show import json
from ..show import text as shown_as
from ..show.sanitize import clean, shorten
from ..target.base import TargetError
from ..target.family import (
    Member,
    command_line,
    family,
    have_in_environment,
    is_engine,
    is_keeper,
    is_there,
    program_of,
)
from ..target.procfs import thread_count
from . import stacks
from .execution import attempt
from .exit_look import core_path
from .session import Session
from .snapshot import write
from .targets import Named, Opened

GRACE_S = 3  # between SIGABRT and SIGKILL
STEP_S = 0.05
LINE_WIDTH = 80


class Hanging(NamedTuple):
    """A process that was looked at."""

    pid: int
    path: str
    command: str
    text: str  # its deadlocks and all its threads, or why they cannot be shown
    report: Optional[Dict[str, Any]]  # on the threads that nothing can wake, if there are some
    leaked: int  # of those, that is all but the expected ones


def still_there(pid: int, mark: str) -> List[Member]:
    """The process and what it started, and whatever has `mark` in its environment: the pids of what told of
    itself may be other processes' by now."""
    members = family([pid, *have_in_environment(os.fsencode(mark))])
    engines = [each for each in members if is_engine(each.pid)]
    ours = {each.pid for each in engines} | {
        each.parent for each in engines if is_keeper(each.parent)
    }
    return [each for each in members if each.pid not in ours]


def look(
    members: List[Member], written: Container[int], judging: Sequence[str] = ()
) -> List[Hanging]:
    """Whoever only waits for another one, a shell say, has nothing to show. `written`: has a core file already, of
    the beginning of its exit, which stays. `judging`: options on what is expected."""
    parents = {each.parent for each in members}
    shown = [each for each in members if each.pid not in parents or thread_count(each.pid) > 1]
    return [_look(each, each.pid not in written, judging) for each in shown if is_there(each)]


def _look(one: Member, writes: bool, judging: Sequence[str]) -> Hanging:
    command = command_line(one.pid)
    name = f"process {one.pid} `{clean(shorten(command, LINE_WIDTH))}`"
    options = stacks.parser(True).parse_args(judging)
    with Opened(Named(str(one.pid), pid=one.pid)) as opened:
        session = Session(opened.again, lambda: None)
        found = Deadlocked(session, options)
        outcome = attempt(lambda: stacks.run(session, options), options)
        text = found.text + (outcome.text or f"threadleak: {outcome.error}\n")
    last = _written(one.pid) if writes else ""
    told = f"threadleak: {name} still runs:\n{text}{last}"
    return Hanging(one.pid, program_of(one.pid), command, told, found.document, found.leaked)


class Deadlocked:
    """The threads that nothing can wake: what `check` says of them."""

    def __init__(self, session: Session, options: argparse.Namespace):
        self.text = ""
        self.document: Optional[Dict[str, Any]] = None
        self.leaked = 0
        with suppress(TargetError):  # which the look at the stacks meets too, and tells
            report = session.report(options)
            found = [each for each in report.verdicts if each.class_ == STUCK]
            if found:
                self._tell(report, found)
                self.leaked = sum(each.leaked for each in found)

    def _tell(self, report: Report, found: List[Verdict]) -> None:
        lines = [*shown_as.findings(report, found), *shown_as.fixes(report, found)]
        self.text = "\n".join([*lines, "", ""])
        report.read_states(found)
        self.document = json.of_verdicts(report, found, True, title=report.program or "process")
        self.document["text"] = self.text


def _written(pid: int) -> str:
    """All of it at one moment, else it proves no deadlock; what may not be stopped, for a debugger has it say, as it is."""
    core = core_path(pid)
    named = Named(str(pid), pid=pid)
    try:
        try:
            target = named.open(stop=True)
        except TargetError:
            target = named.open()
        try:
            write(target, core)
        finally:
            target.close()
    except TargetError as error:
        return f"threadleak: no core file of process {pid}: {error}\n"
    return f"threadleak: process {pid} still ran: written to {core}\n"


def end(pid: int, mark: str) -> None:
    """SIGABRT, so that whoever may dump core does; SIGKILL for those that do not mind, and for what came since."""
    members = still_there(pid, mark)
    _send(members, signal.SIGABRT)
    until = time.monotonic() + GRACE_S
    while any(map(is_there, members)) and time.monotonic() < until:
        time.sleep(STEP_S)
    _send(still_there(pid, mark), signal.SIGKILL)


def _send(members: List[Member], number: int) -> None:
    for each in members:
        if is_there(each):
            with suppress(OSError):
                os.kill(each.pid, number)
