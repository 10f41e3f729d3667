# SPDX-License-Identifier: MIT
"""One verdict a thread: its class, whether it leaked, and how sure that is.

Sentences are not made here but in evidence.py, for the threads that are shown.
"""

from typing import Container, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple

from ..read import abi
from ..read.model import Copy, Registry, Scope
from ..read.stacks import Stacks
from ..read.threads import ENDING, FINISHED, JOINING, JUST_FINISHED, ThreadInfo
from .classes import ALIVE, LEAKED, OUTLIVED, PROOF, STUCK, SUSPICION, UNJOINED, UNTRACKED
from .declared import Declared
from .rule_set import Match, RuleSet
from .rules import Rule
from .values import Values


class Occasion(NamedTuple):
    """What the process itself checks, as sentences say it."""

    over: str  # of a thread that is alive: " although the test `X` is over"
    until: str  # when it should have ended: "before its scope ends"


AUTO, ALWAYS, NEVER = "auto", "always", "never"


class Settings(NamedTuple):
    at_end: bool = False  # judge as at the end of the process
    allow_detached: bool = False
    settle_ms: int = 500
    occasion: Optional[Occasion] = None
    strict: bool = False  # untracked threads count
    crowd: int = 0  # threads that make one; 0: none do
    seek_crowds: bool = True  # which takes the stacks of all threads of a site that has so many
    waits: str = NEVER  # when to look for threads that are stuck: AUTO, ALWAYS or NEVER


class Decision:
    """What a verdict says. Threads of one kind in one state share it."""

    __slots__ = ("class_", "leaked", "confidence", "expected_by", "waiting", "rule", "untold")

    def __init__(self, class_: str, confidence: str = SUSPICION, waiting: str = ""):
        self.class_ = class_
        self.leaked = class_ in LEAKED and not waiting
        self.confidence = confidence
        self.expected_by: Optional[str] = None
        self.waiting = waiting  # why an unjoined thread is not counted yet
        self.rule: Optional[Rule] = None  # that expects it
        self.untold: Optional[
            Rule
        ] = None  # that would, if the thread is idle, which cannot be told

    def expect(self, why: str, rule: Optional[Rule] = None) -> None:
        self.leaked = False
        self.expected_by = why
        self.rule = rule

    def leave_open(self, rule: Rule) -> None:
        self.leaked = False
        self.untold = rule


class Verdict:
    __slots__ = ("thread", "decision")

    def __init__(self, thread: ThreadInfo, decision: Decision):
        self.thread = thread
        self.decision = decision

    @property
    def class_(self) -> str:
        return self.decision.class_

    @property
    def leaked(self) -> bool:
        return self.decision.leaked

    @property
    def confidence(self) -> str:
        return self.decision.confidence

    @property
    def expected_by(self) -> Optional[str]:
        return self.decision.expected_by

    @property
    def waiting(self) -> str:
        return self.decision.waiting


class Moment(NamedTuple):
    """When, and at which point in the life of the process, the look was taken."""

    now_ns: int  # the latest at which the process is known to have run
    live: bool  # else a core, which does not tell when the process died
    exiting: bool
    main_finished: bool
    lost_facts: bool  # so that no unjoined thread is surely one
    settings: Settings
    registered: bool  # there is a registry; else glibc's lists have to do

    @property
    def ended(self) -> bool:
        return self.exiting or self.main_finished or self.settings.at_end


def moment(
    registry: Registry,
    now_ns: Optional[int],
    settings: Settings,
    exiting: bool = False,
    main_finished: bool = False,
) -> Moment:
    exiting = exiting or any(copy.header.flags & abi.EXITING for copy in registry.copies)
    main_finished = main_finished or any(copy.main_finished() for copy in registry.copies)
    lost_facts = any(copy.header.lost_facts for copy in registry.copies)
    live = now_ns is not None
    now_ns = max([now_ns or 0, *(copy.latest_ns() for copy in registry.copies)])
    registered = bool(registry.copies)
    return Moment(now_ns, live, exiting, main_finished, lost_facts, settings, registered)


class Judge:
    def __init__(self, at: Moment, stacks: Stacks, rules: RuleSet):
        self.at = at
        self.stacks = stacks
        self.rules = rules
        self.values = Values(stacks)
        self.declared = Declared(stacks.target)
        self._decisions: Dict[Tuple[object, ...], Decision] = {}
        self._scopes: Dict[Tuple[int, int], Optional[Scope]] = {}

    def ended_scope(self, copy: Copy, index: int) -> Optional[Scope]:
        """The innermost scope around `index`, or it, that ended."""
        key = (copy.number, index)
        if key not in self._scopes:
            ended = (scope for scope in copy.scope_chain(index) if scope.ended)
            self._scopes[key] = next(ended, None)
        return self._scopes[key]

    def judge_all(
        self, threads: Iterable[ThreadInfo], stuck: Container[int] = frozenset()
    ) -> List[Verdict]:
        """What is the same for many threads is decided once. `stuck`: the tids of those that are."""
        decisions = self._decisions
        waits: Dict[int, str] = {}
        copy: Optional[Copy] = None
        verdicts = []
        for thread in threads:  # those of a copy follow each other
            if thread.copy is not copy:
                copy = thread.copy
                waits = self._waits(copy) if copy is not None else {}
            wait = waits.get(thread.index, "") or thread.unsettled
            if stuck and thread.kernel is not None and thread.kernel.tid in stuck:
                wait = STUCK
            key = (thread.kind, thread.state, thread.is_main, thread.untracked, wait)
            decision = decisions.get(key)
            if decision is None:
                decision = self._decide(thread, wait, key)
            verdicts.append(Verdict(thread, decision))
        return verdicts

    def _waits(self, copy: Copy) -> Dict[int, str]:
        """Index of a record -> why its thread, if it finished, may yet be joined."""
        records, at = copy.records, self.at
        since = max(0, at.now_ns - at.settings.settle_ms * 1_000_000)
        ends, joins = records.column("finished_ns"), records.column("join_begun_ns")
        waits = {index: JUST_FINISHED for index, ns in enumerate(ends) if ns > since}
        waits.update((index, JOINING) for index, ns in enumerate(joins) if ns)
        return waits

    def _decide(self, thread: ThreadInfo, wait: str, key: Tuple[object, ...]) -> Decision:
        decision = self._classify(thread, wait)
        mark = self._mark(thread, decision.class_) if wait != STUCK else None
        if mark is not None:
            decision.expect(mark)
        found = Match(None, True)
        if mark is None and (not thread.is_main or wait == STUCK):
            counts = decision.leaked or (decision.class_ == UNTRACKED and self.at.settings.strict)
            found = self._match(thread, decision.class_, counts)
        of_rule = (*key, found.rule, found.untold)
        if of_rule in self._decisions:
            decision = self._decisions[of_rule]
        elif found.rule is not None:
            decision.expect(found.rule.told, found.rule)
        elif found.untold is not None and decision.leaked:
            decision.leave_open(found.untold)
        self._decisions[of_rule] = decision
        if found.shared:
            self._decisions[key] = decision
        return decision

    def _declared(self, thread: ThreadInfo) -> Iterator[Rule]:
        if thread.kind is not None and thread.copy is not None:
            yield from self.declared.rules(thread.copy, thread.kind)

    def rule_for(self, thread: ThreadInfo, class_: str) -> Optional[Rule]:
        """That expects it as one of that class."""
        return self._match(thread, class_, True).rule

    def _match(self, thread: ThreadInfo, class_: str, counts: bool) -> Match:
        kind, copy = thread.kind, thread.copy
        number = copy.number if copy is not None else None
        created: Tuple[object, ...] = ()
        if kind is not None:
            created = (kind.state & abi.DETACHED, kind.site, kind.start, kind.start_module)
        values, declared = self.values.of(thread), self._declared(thread)
        return self.rules.match((number, *created), class_, values, counts, declared)

    def _mark(self, thread: ThreadInfo, class_: str) -> Optional[str]:
        """Why the process itself holds that the thread is expected. Counted marks serve the library alone: here
        what they stand for is counted anew, among the threads of this look."""
        kind, copy = thread.kind, thread.copy
        if kind is None or copy is None or thread.is_main:
            return None
        mark = copy.mark(kind.expected)
        if mark is None or mark.counted:
            return None
        return mark.text if mark.unjoined or class_ != UNJOINED else None

    def _classify(self, thread: ThreadInfo, wait: str) -> Decision:
        kind, copy = thread.kind, thread.copy
        if wait == STUCK:
            return Decision(STUCK, PROOF)
        if thread.is_main:
            return Decision(ALIVE)
        if kind is None or (thread.untracked and thread.state != FINISHED):
            return Decision(UNTRACKED)
        scope_ended = bool(copy and kind.scope and self.ended_scope(copy, kind.scope) is not None)
        at = self.at
        sure = PROOF if scope_ended or at.ended else SUSPICION
        if thread.state == FINISHED or thread.state == ENDING:
            return self._unjoined(thread.state, wait, sure)
        if not (scope_ended or at.exiting or at.settings.at_end):
            return Decision(ALIVE)
        decision = Decision(OUTLIVED, sure)
        if at.settings.allow_detached and kind.state & abi.DETACHED:
            decision.expect("--allow detached")
        return decision

    def _unjoined(self, state: str, wait: str, sure: str) -> Decision:
        at = self.at
        if wait == JOINING:
            return Decision(UNJOINED, waiting=JOINING)
        if not (at.exiting or at.settings.at_end):
            if state == ENDING or (wait and at.live):
                return Decision(UNJOINED, waiting=JUST_FINISHED)
            if wait:
                # a core does not tell when the process died: the thread may have finished long before
                sure = SUSPICION
        return Decision(UNJOINED, SUSPICION if at.lost_facts else sure)
