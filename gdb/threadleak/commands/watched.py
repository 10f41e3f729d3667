# SPDX-License-Identifier: MIT
"""A process that is looked at again and again, for what is alarming in it."""

from collections import Counter
from contextlib import suppress
from typing import Callable, Dict, Iterator, List, Optional, Tuple, TypeVar

from ..judge.alarms import BLOCKED, GROWTH, Alarm
from ..judge.classes import UNTRACKED
from ..judge.crowd import blocked
from ..judge.groups import Group, group
from ..judge.report import Report
from ..judge.rule_set import RuleSet
from ..judge.spread import ALIKE, MAKER, SITE, Key, Place, Sums, site_key
from ..judge.streaks import LOOKS, Streak, Streaks
from ..judge.told_apart import Chain
from ..judge.unseen import blinding
from ..judge.verdicts import Settings
from ..read.counts import Counts
from ..target import procfs
from ..target.base import Frame, TargetError
from .counting import Counting
from .session import Session
from .targets import Named, Opened

T = TypeVar("T")
CREATED, STARTED, ALL = SITE, "started", "all"
CALLERS = 3  # of a function by which several make threads, that are named
STOPPED = "it is stopped, by a signal or a debugger, so nothing changes: this look does not count"


class Watched:
    """With a registry by creation site; without one by start routine, as glibc's lists tell; and where nothing tells,
    as the kernel counts, so that it is blind for those that have finished."""

    def __init__(self, pid: int, threshold: int, rules: RuleSet):
        self.pid = pid
        self.counting = Counting(pid, by_lists=False)  # the look by start routine has them
        self.blind = ""  # why it is
        self.remark = ""  # what the user should know of how it is looked at
        self._threshold = threshold
        self._rules = rules
        self._streaks: Streaks[Key] = Streaks()
        self._kind = ""
        self._crowds: List[Alarm] = []
        self._expected: Dict[Key, str] = {}  # by which rule
        self._frames: Dict[Key, Optional[Frame]] = {}
        self._sums = Sums()

    @property
    def looks(self) -> int:
        return self._streaks.looks

    @property
    def name(self) -> str:
        return self.counting.name

    def look(self) -> bool:
        """False: it has ended."""
        self._crowds = []
        if procfs.is_stopped(self.pid):
            self.remark = STOPPED
            return True
        if not self.counting.look():
            return False
        samples = self.counting.samples
        numbers = self._numbers(samples.last)
        if len(samples.all) == 1:  # another program, too
            self._streaks = Streaks()
        self._streaks.add(numbers)
        self._expect()
        return True

    def _numbers(self, counts: Counts) -> Dict[Key, int]:
        """What is compared with the look before."""
        self.blind = self.remark = ""
        if counts.created is not None:
            if self._threshold and counts.alive >= self._threshold:
                try:
                    self._judge(self._by_start)
                except TargetError as error:
                    self.blind = f"where its threads are blocked cannot be told: {error}"
            self.blind = self.blind or "; ".join(self.counting.doubts())
            self._begin(CREATED)
            self._sums = Sums()
            for place, each in counts.sites.items():
                number = each.alive + each.unjoined
                if number:
                    self._sums.add(place, self.counting.names(place), number)
            return {**self._sums.numbers, (UNTRACKED,): counts.untracked or 0}
        try:
            by_start = self._judge(self._by_start)
        except TargetError as error:
            self._begin(ALL)
            self.blind = f"its finished threads cannot be seen: {error}"
            return {(ALL,): counts.alive}
        self._begin(STARTED)
        return by_start

    def _begin(self, kind: str) -> None:
        """Numbers of one kind are not compared with those of another."""
        if kind != self._kind:
            self._kind, self._streaks = kind, Streaks()

    def _judge(self, use: Callable[[Report], T]) -> T:
        """Finds what is blocked, too."""
        self._crowds = []
        settings = Settings(seek_crowds=False)
        with Opened(Named(str(self.pid), pid=self.pid)) as opened:
            report = Session(opened.again).judge(None, settings, self._rules)
            for crowd in blocked(report.judge, report.verdicts, self._threshold):
                number = len(crowd.verdicts)
                self._crowds.append(self._alarm(BLOCKED, "", [crowd.place], None, number))
            return use(report)

    def _by_start(self, report: Report) -> Dict[Key, int]:
        self.blind = "; ".join(blinding(report.notices))
        if not report.registry.copies and not report.registry.unusable:
            self.remark = "no library in it: by what glibc's own lists of threads tell"
        numbers: "Counter[Key]" = Counter()
        for each in _groups(report):
            thread = each.verdicts[0].thread
            key: Key = (UNTRACKED,) if thread.kind is None else (STARTED, each.key.start)
            numbers[key] += len(each.verdicts)
            if thread.kind is not None:  # anew: another program may have taken the place
                self._frames[key] = report.stacks.start(thread.copy, thread.kind)
        return numbers

    def _expect(self) -> None:
        """Of what rises: whether the rules that were given expect all its threads. That holds on where it can no longer
        be told, since the process has ended."""
        rising = self._streaks.rising(LOOKS)
        if rising and self._rules.given:
            with suppress(TargetError):
                self._expected.update(self._judge(self._rules_of))

    def _rules_of(self, report: Report) -> Dict[Key, str]:
        """The rule that expects all threads of a place; empty where some are not expected."""
        found: Dict[Key, str] = {}
        for each in _groups(report):
            key: Key = (CREATED, each.key.copy, each.key.site)
            if not each.key.copy:
                is_known = self._kind == STARTED and each.verdicts[0].thread.kind is not None
                key = (STARTED, each.key.start) if is_known else (UNTRACKED,)
            rules = [verdict.expected_by or "" for verdict in each.verdicts]
            found[key] = rules[0] if all([*rules, found.get(key, "?")]) else ""
        return found

    # ---- alarms ------------------------------------------------------------------------------------

    def blocked(self) -> List[Alarm]:
        """As the last look saw it."""
        return self._crowds

    def rising(self, looks: int) -> List[Alarm]:
        """What rose in each of the last `looks`."""
        risen = dict(self._streaks.rising(looks))
        told = self._sums.told(risen, [key for key, rule in self._expected.items() if rule])
        return [self._growth(key, risen[key])._replace(looks=looks) for key in told]

    def rising_in_all(self, looks: int) -> Optional[List[Alarm]]:
        """Where there were fewer than `looks`: in all of them. None: they are too few to tell."""
        enough = max(LOOKS, -(-looks // 2))
        return self.rising(min(looks, self.looks)) if self.looks >= enough else None

    def _alarm(
        self, kind: str, what: str, chain: Chain, before: Optional[int], threads: int
    ) -> Alarm:
        return Alarm(kind, what, self.pid, self.name, chain, before, threads)

    def _growth(self, key: Key, streak: Streak) -> Alarm:
        if key[0] not in (SITE, ALIKE, MAKER):
            start = self._frames.get(key)
            chain = [] if start is None else [start]
            alarm = self._alarm(GROWTH, str(key[0]), chain, streak.first, streak.last)
            return alarm._replace(expected_by=self._expected.get(key, ""))
        sites = self._sums.sites(key)
        rules = [self._expected.get(site_key(each), "") for each in sites]
        alarm = self._alarm(
            GROWTH, CREATED, self.counting.chain_at(sites[0]), streak.first, streak.last
        )._replace(expected_by=rules[0] if all(rules) else "")
        if key[0] != MAKER:
            return alarm._replace(creation_stack=self.counting.creation(sites[0]))
        return alarm._replace(chain=alarm.chain[:1], callers=self._callers(sites))

    def _callers(self, sites: List[Place]) -> List[Tuple[Chain, int]]:
        """Those that had most threads made."""
        numbers: Dict[Chain, int] = {}
        for each in sites:
            chain = tuple(self.counting.chain_at(each)[1:])
            numbers[chain] = numbers.get(chain, 0) + self._sums.numbers[site_key(each)]
        most = sorted(numbers.items(), key=lambda each: -each[1])
        return [each for each in most if each[0]][:CALLERS]


def _groups(report: Report) -> Iterator[Group]:
    """Of all threads but the main one."""
    return (each for each in group(report.verdicts) if not each.key.main)
