# SPDX-License-Identifier: MIT
"""`threadleak watch`: looks at processes again and again, and warns of what rises in every look."""

import argparse
import resource
import select
import sys
import time
from errno import ENOENT, ESRCH
from typing import Dict, List, Set

from ..judge.alarms import Alarm
from ..judge.report import BLIND, CLEAN, LEAKS
from ..judge.rule_set import load_all
from ..judge.streaks import LOOKS
from ..show import watch as show
from ..show.sanitize import clean
from ..show.stacks import counted
from ..show.style import of_stdout
from ..target import processes
from ..target.base import TargetError
from .alarm_command import AlarmCommand
from .command_line import Outcome, Parser, UsageError, add_alias
from .interrupt import Interrupt
from .watch_notes import Notes
from .watched import Watched
from .words import count, length_of_time, pid

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
    parser.add_argument("pids", nargs="*", type=pid, metavar="PID", help=argparse.SUPPRESS)
    group.add_argument(
        "--name", metavar="GLOB", help="those with such a name, also those that begin meanwhile"
    )
    between = group.add_argument(
        "--every",
        type=length_of_time,
        default=30.0,
        metavar="TIME",
        help="between two looks: 500ms, 30s (default), 10m, 2h, 1d",
    )
    add_alias(group, "--interval", between)
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
        "--rules",
        action="append",
        default=[],
        metavar="FILE",
        help="rules that say which threads are expected: no alarm where all are; may be repeated",
    )
    group.add_argument(
        "--exec",
        metavar="CMD",
        help="have the shell run CMD, once for each place: THREADLEAK_TEXT, _PID, _SITE, ... are in its environment",
    )
    group.add_argument("--format", choices=("text", "json"), default="text", metavar="text|json")
    return parser


def run(session: None, options: argparse.Namespace) -> Outcome:
    if bool(options.pids) == (options.name is not None):
        raise UsageError(
            "threadleak watch: give PIDs, or --name GLOB; see `threadleak watch --help`"
        )
    looks = int(options.span / options.every * (1 + 1e-9)) + 1
    if looks < LOOKS:
        few = counted(looks, "look")
        raise UsageError(
            f"threadleak watch: {few} cannot show growth: --for has to be {LOOKS - 1} times --every"
        )
    return _Watch(options, looks).run()


class _Watch:
    def __init__(self, options: argparse.Namespace, looks: int):
        self._options = options
        self._wanted = looks
        self._taken = 0
        self._rules = load_all(options.rules)
        self._watched: Dict[int, Watched] = {}
        self._ever = 0
        self._alarms = 0
        self._told: Set[object] = set()
        self._notes = Notes(options.format == "json")
        self._interrupt = Interrupt()
        self._told_enough = False  # at least one process had enough looks
        self._command = AlarmCommand(options.exec, resource.getrlimit(resource.RLIMIT_NOFILE))

    def run(self) -> Outcome:
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limits[1], limits[1]))  # each takes a few
        for pid in dict.fromkeys(self._options.pids):
            self._begin(pid)
        self._tell_plan()
        due = time.monotonic()
        while self._look():
            due = max(due + self._options.every, time.monotonic())
            self._wait(due)
            if self._interrupt.came:
                self._notes.add(
                    self._notes.unknown, f"interrupted after {counted(self._taken, 'look')}"
                )
                break
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
            try:
                is_there = each.look()
            except OSError as error:
                is_there = False
                if error.errno not in (ENOENT, ESRCH):  # too many open files
                    why = f"process {each.pid} cannot be read: {error.strerror}"
                    self._notes.add(self._notes.unknown, why)
            if not is_there:
                self._gone(each)
                continue
            self._notes.of_look(each.pid, each.remark, each.blind)
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
                self._notes.add(self._notes.unknown, str(error))

    def _gone(self, each: Watched) -> None:
        del self._watched[each.pid]
        if self._options.name is None:
            ending = f"process {each.pid} has ended, after {counted(each.looks, 'look')}"
            self._notes.add(self._notes.unknown, ending)
        self._end(each)

    def _end(self, each: Watched) -> None:
        found = each.rising_in_all(self._wanted)
        if found is None and self._options.name is None:
            few = f"{counted(each.looks, 'look')} {'is' if each.looks == 1 else 'are'} too few"
            self._notes.add(self._notes.unknown, f"process {each.pid}: {few}")
        self._told_enough = self._told_enough or found is not None
        self._tell(found or [])
        if each.blind:
            self._notes.add(self._notes.unknown, f"process {each.pid}: {each.blind}")
        each.counting.close()

    def _wait(self, due: float) -> None:
        """Until the next look is due, or none is, since all processes have ended."""
        poll = select.poll()
        poll.register(self._interrupt.fd, select.POLLIN)
        running = set()
        for each in self._watched.values():
            if each.counting.ends is not None:
                poll.register(each.counting.ends, select.POLLIN)
            running.add(each.counting.ends)
        while running or self._options.name is not None:
            left = due - time.monotonic()
            if left <= 0:
                return
            for fd, _ in poll.poll(min(left, WAIT_S) * 1000):
                if fd == self._interrupt.fd:
                    return
                poll.unregister(fd)
                running.discard(fd)

    # ---- what is told ------------------------------------------------------------------------------

    def _tell_plan(self) -> None:
        """Nothing else may be said for as long as --for."""
        options = self._options
        if not self._watched and options.name is None:
            return
        named = [(each.name, each.pid) for each in self._watched.values()]
        plan = show.Plan(named, options.name, options.every, options.span, options.until_alarm)
        stream = sys.stderr if options.format == "json" else sys.stdout
        stream.write(show.first_line(plan))
        stream.flush()

    def _tell(self, alarms: List[Alarm]) -> None:
        """Each once."""
        for alarm in alarms:
            rule = alarm.expected_by
            key = (alarm.kind, alarm.pid, alarm.what, show.where_of(alarm), rule)
            if key in self._told:
                continue
            self._told.add(key)
            if rule:
                self._notes.add(
                    self._notes.remarks, f"{show.sentence(alarm)}: expected by {clean(rule)}"
                )
                continue
            self._alarms += 1
            is_json = self._options.format == "json"
            sys.stdout.write(show.alarm_line(alarm, time.time(), of_stdout(), is_json))
            sys.stdout.flush()
            self._command.run(alarm)

    def _outcome(self) -> Outcome:
        if self._options.name is not None and not self._told_enough:
            name = self._options.name
            why = f"no process with a name like {name!r} was there long enough"
            self._notes.add(self._notes.unknown, why)
        for sentence in self._command.finish():
            self._notes.add(self._notes.remarks, sentence)
        self._notes.tell_more()
        status = LEAKS if self._alarms else BLIND if self._notes.unknown.number else CLEAN
        told = (self._notes.unknown.told(), self._notes.remarks.told())
        sums = show.Sum(self._ever, self._taken, self._alarms, *told)
        error = f"cannot tell: {'; '.join(told[0])}" if status == BLIND else None
        return Outcome(show.last_line(sums, status, self._options.format == "json"), status, error)
