# SPDX-License-Identifier: MIT
"""One verdict a thread: its class, whether it leaked, and how sure that is.

Sentences are not made here but in evidence.py, for the threads that are shown.
"""

from typing import Dict, List, NamedTuple, Optional, Tuple

from ..read import abi
from ..read.model import Copy, Registry, Scope, text_of
from ..read.stacks import Stacks
from ..read.threads import ENDING, FINISHED, ThreadInfo
from .classes import ALIVE, LEAKED, OUTLIVED, PROOF, SUSPICION, UNJOINED, UNTRACKED
from .rules import Rule, first_match


class Settings(NamedTuple):
    at_end: bool = False  # judge as at the end of the process
    allow_detached: bool = False
    settle_ms: int = 500


class Verdict:
    __slots__ = ("thread", "class_", "leaked", "confidence", "expected_by", "waiting")

    def __init__(self, thread: ThreadInfo, class_: str, confidence: str = SUSPICION):
        self.thread = thread
        self.class_ = class_
        self.confidence = confidence
        self.leaked = class_ in LEAKED
        self.expected_by: Optional[str] = None
        self.waiting = ""  # why an unjoined thread is not counted yet


JOINING, JUST_FINISHED = "joining", "just finished"  # Verdict.waiting


class Moment(NamedTuple):
    """When, and at which point in the life of the process, the look was taken."""

    now_ns: int
    exact: bool  # else the process was stopped at that time or later
    exiting: bool
    main_finished: bool
    settings: Settings

    @property
    def ended(self) -> bool:
        return self.exiting or self.main_finished or self.settings.at_end


def moment(registry: Registry, now_ns: Optional[int], settings: Settings) -> Moment:
    exiting = any(copy.header.flags & abi.EXITING for copy in registry.copies)
    main_finished = any(
        record.state & abi.MAIN and record.state & abi.FINISHED
        for copy in registry.copies
        for record in copy.records
    )
    exact = now_ns is not None
    if now_ns is None:
        now_ns = max(copy.latest_ns() for copy in registry.copies)
    return Moment(now_ns, exact, exiting, main_finished, settings)


class Judge:
    def __init__(self, at: Moment, stacks: Stacks, rules: List[Rule]):
        self.at = at
        self.stacks = stacks
        self.rules = rules
        self._scopes: Dict[Tuple[int, int], Optional[Scope]] = {}
        self._values: Dict[Tuple[str, int, int, int], Tuple[str, ...]] = {}

    def ended_scope(self, copy: Copy, index: int) -> Optional[Scope]:
        """The innermost scope around `index`, or it, that ended."""
        key = (copy.number, index)
        if key not in self._scopes:
            ended = (scope for scope in copy.scope_chain(index) if scope.ended)
            self._scopes[key] = next(ended, None)
        return self._scopes[key]

    def judge(self, thread: ThreadInfo) -> Verdict:
        verdict = self._classify(thread)
        if self.rules and not thread.is_main:
            rule = first_match(self.rules, verdict.class_, lambda field: self.value(thread, field))
            if rule is not None:
                verdict.expected_by = str(rule)
                verdict.leaked = False
        return verdict

    def _classify(self, thread: ThreadInfo) -> Verdict:
        record, copy = thread.record, thread.copy
        if thread.is_main:
            return Verdict(thread, ALIVE)
        if record is None or copy is None:
            return Verdict(thread, UNTRACKED)
        scope_ended = record.scope and self.ended_scope(copy, record.scope) is not None
        at = self.at
        sure = PROOF if scope_ended or at.ended else SUSPICION
        if thread.state == FINISHED or thread.state == ENDING:
            return self._unjoined(thread, record, sure)
        if not (scope_ended or at.exiting or at.settings.at_end):
            return Verdict(thread, ALIVE)
        verdict = Verdict(thread, OUTLIVED, sure)
        if at.settings.allow_detached and record.state & abi.DETACHED:
            verdict.leaked = False
            verdict.expected_by = "--allow detached"
        return verdict

    def _unjoined(self, thread: ThreadInfo, record: abi.Record, sure: str) -> Verdict:
        at = self.at
        verdict = Verdict(thread, UNJOINED, sure)
        age = at.now_ns - record.finished_ns if record.finished_ns else None
        recent = age is not None and age < at.settings.settle_ms * 1_000_000
        if record.join_begun_ns:
            verdict.waiting = JOINING
        elif not (at.exiting or at.settings.at_end):
            if thread.state == ENDING or (recent and at.exact):
                verdict.waiting = JUST_FINISHED
            elif recent:
                # a core does not tell when the process died: the thread may have finished long before
                verdict.confidence = SUSPICION
        if verdict.waiting:
            verdict.leaked = False
            verdict.confidence = SUSPICION
        return verdict

    def value(self, thread: ThreadInfo, field: str) -> Tuple[str, ...]:
        """What a rule's glob is compared with."""
        record, copy = thread.record, thread.copy
        if record is None or copy is None:
            if field != "name" or thread.kernel is None:
                return ()
            name = self.stacks.target.thread_name(thread.kernel)
            return (name,) if name else ()
        if field == "name":
            return (text_of(record.name),)
        if field in ("site", "scope"):
            key = (field, copy.number, getattr(record, field), 0)
        else:
            key = (field, copy.number, record.start, record.start_module)
        if key not in self._values:
            self._values[key] = self._make_value(copy, record, field)
        return self._values[key]

    def _make_value(self, copy: Copy, record: abi.Record, field: str) -> Tuple[str, ...]:
        if field == "scope":
            return tuple(scope.name for scope in copy.scope_chain(record.scope))
        if field == "site":
            frames = self.stacks.creation(copy, record.site).frames
            return tuple(frame.function for frame in frames if frame.function)
        start = self.stacks.start(copy, record)
        if field == "start":
            return (start.function,) if start.function else ()
        return (start.module, start.module.rsplit("/", 1)[-1]) if start.module else ()
