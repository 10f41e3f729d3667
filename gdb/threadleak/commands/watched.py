# SPDX-License-Identifier: MIT
"""A process that is looked at again and again, for what is alarming in it."""

from collections import Counter
from typing import Dict, List, Optional, Tuple

from ..judge.alarms import BLOCKED, GROWTH, Alarm
from ..judge.classes import UNTRACKED
from ..judge.crowd import blocked
from ..judge.groups import group
from ..judge.report import Report
from ..judge.rule_set import RuleSet
from ..judge.streaks import LOOKS, Streaks
from ..judge.verdicts import Settings
from ..read.counts import Counts
from ..target.base import Frame, TargetError
from .counting import Counting
from .session import Session
from .targets import Named, Opened

Key = Tuple[object, ...]  # what the threads have in common that one number is of
CREATED, STARTED, ALL = "created", "started", "all"


class Watched:
    """With a registry by creation site; without one by start routine, as glibc's lists tell; and where nothing tells,
    as the kernel counts, so that it is blind for those that have finished."""

    def __init__(self, pid: int, threshold: int, rules: RuleSet):
        self.pid = pid
        self.counting = Counting(pid)
        self.blind = ""  # why it is
        self.remark = ""  # what the user should know of how it is looked at
        self._threshold = threshold
        self._rules = rules
        self._streaks: Streaks[Key] = Streaks()
        self._kind = ""
        self._crowds: List[Alarm] = []
        self._frames: Dict[Key, Optional[Frame]] = {}

    @property
    def looks(self) -> int:
        return self._streaks.looks

    @property
    def name(self) -> str:
        return self.counting.name

    def look(self) -> bool:
        """False: it has ended."""
        self._crowds = []
        if not self.counting.look():
            return False
        samples = self.counting.samples
        numbers = self._numbers(samples.last)
        if len(samples.all) == 1:  # another program, too
            self._streaks = Streaks()
        self._streaks.add(numbers)
        return True

    def _numbers(self, counts: Counts) -> Dict[Key, int]:
        """What is compared with the look before."""
        self.blind = self.remark = ""
        is_seen = counts.created or not counts.untracked  # else the calls go past the library
        if counts.unjoined is not None and is_seen:
            if self._threshold and counts.alive >= self._threshold:
                if self._judge() is None:
                    self.blind = f"where its threads are blocked cannot be told: {self.blind}"
            self.blind = self.blind or "; ".join(self.counting.doubts())
            self._begin(CREATED)
            found: Dict[Key, int] = {
                (CREATED, *place): each.alive + each.unjoined
                for place, each in counts.sites.items()
            }
            return {**found, (UNTRACKED,): max(0, counts.untracked or 0)}
        by_start = self._judge()
        if by_start is None:
            self._begin(ALL)
            self.blind = f"its finished threads cannot be seen: {self.blind}"
            return {(ALL,): counts.alive}
        self._begin(STARTED)
        self.remark = "no library in it: by what glibc's own lists of threads tell"
        return by_start

    def _begin(self, kind: str) -> None:
        """Numbers of one kind are not compared with those of another."""
        if kind != self._kind:
            self._kind, self._streaks = kind, Streaks()

    def _judge(self) -> Optional[Dict[Key, int]]:
        """Finds what is blocked, and counts by start routine. None, and a reason to be blind: that cannot be told."""
        settings = Settings(seek_crowds=False)
        try:
            with Opened(Named(str(self.pid), pid=self.pid)) as opened:
                report = Session(opened.again).judge(None, settings, self._rules)
                for crowd in blocked(report.judge, report.verdicts, self._threshold):
                    number = len(crowd.verdicts)
                    self._crowds.append(self._alarm(BLOCKED, "", crowd.place, None, number))
                return self._by_start(report)
        except TargetError as error:
            self.blind = str(error)
            return None

    def _by_start(self, report: Report) -> Dict[Key, int]:
        numbers: "Counter[Key]" = Counter()
        for each in group(report.verdicts):
            thread = each.verdicts[0].thread
            key: Key = (UNTRACKED,) if thread.kind is None else (STARTED, each.key.start)
            if each.key.main:
                continue
            numbers[key] += len(each.verdicts)
            if thread.kind is not None:  # anew: another program may have taken the place
                self._frames[key] = report.stacks.start(thread.copy, thread.kind)
        return numbers

    # ---- alarms ------------------------------------------------------------------------------------

    def blocked(self) -> List[Alarm]:
        """As the last look saw it."""
        return self._crowds

    def rising(self, looks: int) -> List[Alarm]:
        """What rose in each of the last `looks`."""
        found = []
        for key, streak in self._streaks.rising(looks):
            alarm = self._alarm(GROWTH, str(key[0]), self._frame(key), streak.first, streak.last)
            found.append(alarm._replace(looks=looks))
        return found

    def rising_in_all(self, looks: int) -> Optional[List[Alarm]]:
        """Where there were fewer than `looks`: in all of them. None: they are too few to tell."""
        enough = max(LOOKS, -(-looks // 2))
        return self.rising(min(looks, self.looks)) if self.looks >= enough else None

    def _alarm(
        self, kind: str, what: str, frame: Optional[Frame], before: Optional[int], threads: int
    ) -> Alarm:
        return Alarm(kind, what, self.pid, self.name, frame, before, threads)

    def _frame(self, key: Key) -> Optional[Frame]:
        if key[0] != CREATED:
            return self._frames.get(key)
        return self.counting.frame_at((int(str(key[1])), int(str(key[2]))))
