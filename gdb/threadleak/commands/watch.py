# SPDX-License-Identifier: MIT
"""`threadleak watch`: looks at processes again and again, and warns of what rises in every look."""

import argparse
import re
import select
import sys
import time
from typing import Dict, List, Optional, Set

from ..judge.alarms import Alarm
from ..judge.report import BLIND, CLEAN, LEAKS
from ..judge.rule_set import load_all
from ..judge.streaks import LOOKS
from ..show import watch as show
from ..show.style import of_stdout
from ..target import processes
from ..target.base import TargetError
from .alarm_command import AlarmCommand
from .options import Outcome, Parser, UsageError, count, length_of_time
from .watched import Watched

NAME = "watch"
THRESHOLD = 10_000  # as LeakProf has it, of goroutines
WAIT_S = 3600.0  # at once, at most


def parser() -> Parser:
    parser = Parser(
        NAME,
        "Look at processes again and again: which places made more threads in every look?",
        "[OPTION]... PID...",
        "threadleak watch --every 30s --for 10m 4711\n"
        "threadleak watch --name 'worker*' --exec 'logger \"$THREADLEAK_TEXT\"'",
    )
    parser.description = (
        "An alarm is a place whose threads became more in every look, or at which many are blocked.\n"
        "No process is stopped. Exit status: 3 after an alarm, 2 if it cannot be told, else 0."
    )
    group = parser.add_argument_group("which processes, and when")
    parser.add_argument("pids", nargs="*", metavar="PID", help=argparse.SUPPRESS)
    group.add_argument(
        "--name", metavar="GLOB", help="those with such a name, also those that begin meanwhile"
    )
    group.add_argument(
        "--every",
        type=length_of_time,
        default=30.0,
        metavar="TIME",
        help="between two looks: 500ms, 30s (default), 10m, 2h, 1d",
    )
    group.add_argument(
        "--for",
        type=length_of_time,
        default=600.0,
        dest="span",
        metavar="TIME",
        help="how long (default 10m)",
    )
    group.add_argument(
        "--until-alarm",
        action="store_true",
        help="end with the first alarm, and not before; --for is then how long a place has to rise",
    )
    group = parser.add_argument_group("what is alarming and what is done then")
    group.add_argument(
        "--threshold",
        type=count,
        default=THRESHOLD,
        metavar="N",
        help="N threads blocked at one place (0: none; default %(default)s)",
    )
    group.add_argument(
        "--exec",
        metavar="CMD",
        help="have the shell run CMD, once for each place: THREADLEAK_TEXT, _PID, _SITE, ... are in its environment",
    )
    group.add_argument("--format", choices=("text", "json"), default="text", metavar="text|json")
    return parser


def run(session: None, options: argparse.Namespace) -> Outcome:
    for word in options.pids:
        if not re.fullmatch("[0-9]{1,9}", word) or not int(word):
            raise UsageError(f"threadleak watch: {word!r} is no PID")
    if bool(options.pids) == (options.name is not None):
        raise UsageError(
            "threadleak watch: give PIDs, or --name GLOB; see `threadleak watch --help`"
        )
    looks = int(options.span / options.every * (1 + 1e-9)) + 1
    if looks < LOOKS:
        raise UsageError(
            f"threadleak watch: {looks} looks show no growth: --for has to be {LOOKS - 1} times --every"
        )
    return _Watch(options, looks).run()


class _Watch:
    def __init__(self, options: argparse.Namespace, looks: int):
        self._options = options
        self._wanted = looks
        self._taken = 0
        self._rules = load_all()
        self._watched: Dict[int, Watched] = {}
        self._ever = 0
        self._alarms: Set[object] = set()
        self._remarks: Dict[str, None] = {}
        self._unknown: Dict[str, None] = {}
        self._told_enough = False  # at least one process had enough looks
        self._command = AlarmCommand(options.exec)

    def run(self) -> Outcome:
        for word in dict.fromkeys(self._options.pids):
            self._begin(int(word))
        due = time.monotonic()
        try:
            while self._look():
                due = max(due + self._options.every, time.monotonic())
                self._wait(due)
        except KeyboardInterrupt:
            self._unknown["it was interrupted"] = None
        for each in list(self._watched.values()):
            self._end(each)
        return self._outcome()

    # ---- looks -------------------------------------------------------------------------------------

    def _look(self) -> bool:
        """Whether there is another one to come."""
        if self._options.name is not None:
            for pid in processes.find(self._options.name):
                if pid not in self._watched:
                    self._begin(pid)
        self._taken += 1
        for each in list(self._watched.values()):
            if not each.look():
                self._gone(each)
                continue
            self._tell(each.blocked())
            self._tell(each.rising(self._wanted))
        if self._options.until_alarm and self._alarms:
            return False
        if not self._watched and self._options.name is None:
            return False
        return self._options.until_alarm or self._taken < self._wanted

    def _begin(self, pid: int) -> None:
        try:
            self._watched[pid] = Watched(pid, self._options.threshold, self._rules)
            self._ever += 1
        except TargetError as error:
            if self._options.name is None:  # else it has ended since it was found
                self._unknown[str(error)] = None

    def _gone(self, each: Watched) -> None:
        del self._watched[each.pid]
        if self._options.name is None:
            ending = f"process {each.pid} has ended, after {each.looks:,} looks"
            self._unknown[ending] = None
        self._end(each)

    def _end(self, each: Watched) -> None:
        found = each.rising_in_all(self._wanted)
        if found is None and self._options.name is None:
            self._unknown[f"process {each.pid}: {each.looks:,} looks are too few"] = None
        self._told_enough = self._told_enough or found is not None
        self._tell(found or [])
        who = f"process {each.pid}: "
        if each.blind:
            self._unknown[who + each.blind] = None
        if each.remark:
            self._remarks[who + each.remark] = None

    def _wait(self, due: float) -> None:
        """Until the next look is due, or none is, since all processes have ended."""
        ends = {each.pid: each.counting.ends for each in self._watched.values()}
        while True:
            left = due - time.monotonic()
            if left <= 0 or (not ends and self._options.name is None):
                return
            fds = [fd for fd in ends.values() if fd is not None]
            ended = select.select(fds, [], [], min(left, WAIT_S))[0]
            ends = {pid: fd for pid, fd in ends.items() if fd not in ended}

    # ---- what is told ------------------------------------------------------------------------------

    def _tell(self, alarms: List[Alarm]) -> None:
        """Each once."""
        for alarm in alarms:
            key = (alarm.kind, alarm.pid, alarm.what, show.where_of(alarm))
            if key in self._alarms:
                continue
            self._alarms.add(key)
            is_json = self._options.format == "json"
            sys.stdout.write(show.alarm_line(alarm, time.time(), of_stdout(), is_json))
            sys.stdout.flush()
            self._command.run(alarm)

    def _outcome(self) -> Outcome:
        if self._options.name is not None and not self._told_enough:
            name = self._options.name
            self._unknown[f"no process with a name like {name!r} was there long enough"] = None
        for sentence in self._command.finish():
            self._remarks[sentence] = None
        status = LEAKS if self._alarms else BLIND if self._unknown else CLEAN
        sums = show.Sum(
            self._ever, self._taken, len(self._alarms), list(self._unknown), list(self._remarks)
        )
        error: Optional[str] = None
        if status == BLIND:
            error = f"cannot tell: {'; '.join(self._unknown)}"
        return Outcome(show.last_lines(sums, status, self._options.format == "json"), status, error)
