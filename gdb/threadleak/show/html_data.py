# SPDX-License-Identifier: MIT
"""What the threads of a report's HTML page share: each text, frame, stack and list of sentences once, by number. A text
is a string, or the numbers of those that make it up.

What threads made alike have in common is a `kind`, whatever their scopes are: each may have one of its own.
"""

from typing import Any, Dict, Generic, Hashable, List, Sequence, Tuple, TypeVar, Union

from ..judge.blame import is_wrapper, own_frame
from ..judge.report import Report
from ..judge.told_apart import told_apart
from ..judge.verdicts import Verdict
from ..read import abi
from ..read.stacks import Stack
from ..read.threads import ThreadInfo
from ..target.base import Frame
from .places import chain, function, in_module
from .sanitize import clean
from .started import started_in

T = TypeVar("T", bound=Hashable)


class Pool(Generic[T]):
    """Each value once, by number."""

    def __init__(self) -> None:
        self.values: List[T] = []
        self._numbers: Dict[T, int] = {}

    def of(self, value: T) -> int:
        number = self._numbers.get(value)
        if number is None:
            number = self._numbers[value] = len(self.values)
            self.values.append(value)
        return number


class Data:
    """What the rows are made of. `verdicts`: a row each."""

    def __init__(self, report: Report, verdicts: Sequence[Verdict]):
        self.report = report
        self.verdicts = verdicts
        self.texts: Pool[Union[str, Tuple[int, ...]]] = Pool()
        self.frames: Pool[Tuple[int, ...]] = Pool()
        self.stacks: Pool[Tuple[Any, ...]] = Pool()
        self.lists: Pool[Tuple[int, ...]] = Pool()
        self.kinds: Pool[Tuple[Any, ...]] = Pool()
        self.rows = {id(verdict.thread): row for row, verdict in enumerate(verdicts)}
        self._cleaned: Dict[str, int] = {}
        self._made: Dict[Any, int] = {}  # stacks, by what they were made from
        self._origins: Dict[Any, Tuple[Any, ...]] = {}
        self._scopes: Dict[Tuple[int, int], int] = {}
        self._sites = _sites(report, verdicts)

    def text(self, raw: str) -> int:
        number = self._cleaned.get(raw)
        if number is None:
            number = self._cleaned[raw] = self.texts.of(clean(raw))
        return number

    def sentence(self, raw: str) -> int:
        """The first name that is quoted in it is not there once more, be it one of ten thousand scopes."""
        head, _, rest = raw.partition("`")
        name, quote, tail = rest.partition("`")
        if not quote or name not in self._cleaned:
            return self.text(raw)
        return self.texts.of((self.text(head + "`"), self._cleaned[name], self.text(quote + tail)))

    def list(self, sentences: Sequence[str]) -> int:
        return self.lists.of(tuple(map(self.sentence, sentences)))

    def link(self, info: ThreadInfo) -> str:
        """To its row; "" if it has none, or cannot be named."""
        if id(info) not in self.rows or info.handle is None:
            return ""
        return f'<a href="#thread-{info.handle}">thread {info.handle}</a> '

    def stack(self, key: Hashable, stack: Stack, mark_own: bool) -> int:
        if key not in self._made:
            own = own_frame(stack.frames) if mark_own else None
            frames = tuple(map(self._frame, stack.frames))
            self._made[key] = self.stacks.of(
                (self.text(stack.end), -1 if own is None else own, frames)
            )
        return self._made[key]

    def _frame(self, frame: Frame) -> int:
        place = f"{frame.file}:{frame.line}" if frame.line else frame.file or ""
        name, where = self.text(function(frame)), self.text(place or in_module(frame) or "")
        return self.frames.of((name, where, int(is_wrapper(frame))))

    def creation(self, verdict: Verdict) -> int:
        """-1: not known."""
        kind, copy = verdict.thread.kind, verdict.thread.copy
        if kind is None or copy is None or verdict.thread.is_main:
            return -1
        key = (copy.number, kind.site)
        if key in self._made:
            return self._made[key]
        stack = self.report.stacks.creation(copy, kind.site)
        return self.stack(key, stack, True) if stack.frames else -1

    def kind(self, verdict: Verdict) -> int:
        thread, decision = verdict.thread, verdict.decision
        # one start routine for all std::threads: where no site tells them apart, what they run does
        runs = self.report.stacks.callable(thread) if thread.copy is None else None
        key = (thread.copy, thread.kind, thread.is_main, decision, thread.state, runs)
        if key not in self._origins:
            self._origins[key] = (
                self.text(verdict.class_),
                int(verdict.leaked),
                self.text(verdict.confidence if verdict.leaked else ""),
                self.text(verdict.waiting),
                self.text(verdict.expected_by or ""),
                self.text(thread.state),
                self.text("main" if thread.is_main else started_in(self.report, verdict)),
                self.text(self._created_at(verdict)),
                self.creation(verdict),
                self.text(_how(verdict)),
                self.text(self.report.evidence.fix(verdict) or ""),
            )
        return self.kinds.of(self._origins[key])

    def scope(self, verdict: Verdict) -> int:
        copy, kind = verdict.thread.copy, verdict.thread.kind
        if copy is None or kind is None or not kind.scope:
            return self.text("-")
        key = (copy.number, kind.scope)
        if key not in self._scopes:
            names = [self.text(scope.name or "-") for scope in copy.scope_chain(kind.scope)]
            parts = [part for name in names for part in (self.text(" in "), name)][1:]
            self._scopes[key] = (
                self.texts.of(tuple(parts)) if parts[1:] else (parts or [self.text("-")])[0]
            )
        return self._scopes[key]

    def _created_at(self, verdict: Verdict) -> str:
        thread = verdict.thread
        if thread.kind is None or thread.copy is None or thread.is_main:
            return "-"
        return self._sites[thread.copy.number, thread.kind.site]


def _sites(report: Report, verdicts: Sequence[Verdict]) -> Dict[Tuple[int, int], str]:
    """What the places are called that created the threads."""
    kinds = {(each.thread.copy, each.thread.kind) for each in verdicts if not each.thread.is_main}
    sites = {
        (copy.number, kind.site): report.stacks.walk(copy, kind.site)
        for copy, kind in kinds
        if copy is not None and kind is not None
    }
    return dict(zip(sites, map(chain, told_apart(sites.values()))))


KIND = (
    *("class", "leaked", "confidence", "waiting", "expected", "state", "start", "created"),
    *("creation", "how", "fix"),
)


def _how(verdict: Verdict) -> str:
    thread = verdict.thread
    if thread.is_main:
        return "main thread"
    if thread.copy is not None and thread.kind is not None:
        state = thread.kind.state
        if not state & abi.DETACHED:
            return "joinable"
        return "created detached" if state & abi.BORN_DETACHED else "detached later"
    if thread.descriptor is not None:
        return "detached" if thread.descriptor.detached else "joinable"
    return ""
