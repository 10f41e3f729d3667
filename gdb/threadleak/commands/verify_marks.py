# SPDX-License-Identifier: MIT
"""What `threadleak verify` has marked in the registry, so that later checks need no engine.

A rule marks the threads that it expects, and the site where it speaks of creation alone, unless a thread of that site
is stuck. A mark says how it was at this look: the check at exit looks again. What may expect a number of
threads only (a rule with `max`, a line of a baseline) has a counted mark: so many threads of the process have it at
most, so that no check, whichever threads it is about, finds more of them marked than that. The engine itself does not
go by counted marks: whenever it looks, it counts anew. Those of rules that go by a thread's stack are counted ones, too,
without a number: the engine looks at the stack anew. The rules of one call are not those of the next: no marks.
"""

from typing import TYPE_CHECKING, Dict, Iterable, List, Sequence, Set, Tuple

from ..escapes import encoded
from ..judge.classes import STUCK, UNJOINED
from ..judge.rules import Rule
from ..judge.verdicts import Verdict
from ..read import abi
from ..read.model import Copy, text_of
from ..read.threads import ThreadInfo
from .verify_lines import escaped

if TYPE_CHECKING:
    from ..judge.baseline import Baseline, Key

TEXT_MAX = 239  # bytes of threadleak_rule.text


class Marks:
    def __init__(self, copy: Copy) -> None:
        self._copy = copy
        self._numbers: Dict[str, int] = {}
        self._rules: List[str] = []
        self._marks: List[str] = []
        self._sites: Set[Tuple[int, int]] = set()
        self._counts: Dict[str, int] = {}  # text of a counted mark -> threads that have it
        self._indices: Dict[str, Set[int]] = {}  # ... -> where it is in the registry, if at all

    def lines(self) -> List[str]:
        return self._rules + self._marks

    def of_rules(self, verdicts: Sequence[Verdict], of_call: List[Rule]) -> None:
        stuck = [each.thread for each in verdicts if each.class_ == STUCK]
        not_alike = {_place(thread) for thread in stuck}
        for thread in stuck:
            if thread.kind is not None and thread.kind.expected:
                self._marks.append(f"expected {self._copy.records.ids[thread.index]} 0")
        for verdict in verdicts:
            rule = verdict.decision.rule
            if rule is None or verdict.thread.kind is None or rule in of_call:
                continue
            flags = abi.RULE_UNJOINED if rule.covers_unjoined else 0
            if rule.max is not None:
                self._count(verdict, rule.told, flags, rule.max)
                continue
            if rule.is_of_moment:
                flags |= abi.RULE_COUNTED
            self._mark(verdict, rule.told, flags)
            if rule.is_of_creation and _place(verdict.thread) not in not_alike:
                self._mark_site(verdict, rule.told, flags)

    def of_baseline(self, baseline: "Baseline", known: Iterable[Tuple[Verdict, "Key"]]) -> None:
        for verdict, key in known:
            most = baseline.entries[key].threads
            told = f"baseline {baseline.path}: {key.class_} {key.fingerprint} {most}"
            flags = abi.RULE_UNJOINED if key.class_ == UNJOINED else 0
            self._count(verdict, told, flags, most)

    def _number(self, told: str, flags: int) -> int:
        number = self._numbers.get(told)
        if number is None:
            number = self._numbers[told] = len(self._numbers) + 1
            self._rules.append(f"rule {number} {flags} {escaped(told)}")
        return number

    def _mark(self, verdict: Verdict, told: str, flags: int) -> None:
        id = self._copy.records.ids[verdict.thread.index]
        self._marks.append(f"expected {id} {self._number(told, flags)}")

    def _mark_site(self, verdict: Verdict, told: str, flags: int) -> None:
        site, start = place = _place(verdict.thread)
        if self._copy.site(site) is not None and place not in self._sites:
            self._sites.add(place)
            self._marks.append(f"site {site} {self._number(told, flags)} {start}")

    def _count(self, verdict: Verdict, told: str, flags: int, most: int) -> None:
        if len(encoded(told)) > TEXT_MAX:
            return  # in the registry it could not be told from another
        if told not in self._counts:
            self._find(told)
        kind = verdict.thread.kind
        if kind is None or kind.expected in self._indices[told]:
            return
        if self._counts[told] < most:
            self._counts[told] += 1
            self._mark(verdict, told, flags | abi.RULE_COUNTED)

    def _find(self, told: str) -> None:
        text, records = text_of(encoded(told)), self._copy.records
        found = {
            at
            for at, mark in enumerate(self._copy.marks)
            if mark is not None and mark.counted and mark.text == text
        }
        marks = zip(records.ids, records.column("expected"))
        self._indices[told] = found
        self._counts[told] = sum(bool(id) and mark in found for id, mark in marks)


def _place(thread: ThreadInfo) -> Tuple[int, int]:
    kind = thread.kind
    return (kind.site, kind.start) if kind is not None else (0, 0)
