# SPDX-License-Identifier: MIT
"""The threads of a report for its HTML page: columns of numbers, each text, frame, stack and list of sentences once.

What threads made alike have in common is a `kind`. Of ten thousand equal threads a row then holds little but id, tid
and times.
"""

from typing import Any, Dict, Generic, Hashable, List, Optional, Sequence, Tuple, TypeVar

from ..judge.blame import is_wrapper, own_frame
from ..judge.report import Report
from ..judge.told_apart import told_apart
from ..judge.verdicts import Verdict
from ..read import abi
from ..read.stacks import Stack
from ..read.threads import ENDING, FINISHED, ThreadInfo
from ..target.base import Frame, TargetError
from . import text
from .ancestry import ancestry
from .json import STACK_FRAMES
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
        self.texts: Pool[str] = Pool()
        self.frames: Pool[Tuple[int, ...]] = Pool()
        self.stacks: Pool[Tuple[Any, ...]] = Pool()
        self.lists: Pool[Tuple[int, ...]] = Pool()
        self.kinds: Pool[Tuple[Any, ...]] = Pool()
        self.rows = {id(verdict.thread): row for row, verdict in enumerate(verdicts)}
        self._cleaned: Dict[str, int] = {}
        self._made: Dict[Any, int] = {}  # stacks, by what they were made from
        self._origins: Dict[Any, Tuple[Any, ...]] = {}
        self._sites = _sites(report, verdicts)

    def text(self, raw: str) -> int:
        number = self._cleaned.get(raw)
        if number is None:
            number = self._cleaned[raw] = self.texts.of(clean(raw))
        return number

    def list(self, sentences: Sequence[str]) -> int:
        return self.lists.of(tuple(map(self.text, sentences)))

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
                self.text(_scope(verdict)),
                self.text("main" if thread.is_main else started_in(self.report, verdict)),
                self.text(self._created_at(verdict)),
                self.creation(verdict),
                self.text(_how(verdict)),
                self.text(self.report.evidence.fix(verdict) or ""),
            )
        return self.kinds.of(self._origins[key])

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
    *("class", "leaked", "confidence", "waiting", "expected", "state", "scope", "start", "created"),
    *("creation", "how", "fix"),
)


def _scope(verdict: Verdict) -> str:
    thread = verdict.thread
    if thread.kind is None or thread.copy is None:
        return "-"
    chain = thread.copy.scope_chain(thread.kind.scope)
    return " in ".join(scope.name or "-" for scope in chain) if chain else "-"


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


def threads(data: Data) -> Dict[str, Any]:
    """The columns, and what their numbers stand for. Times are milliseconds after `started`, in the seconds that
    Python and JavaScript have in common."""
    report = data.report
    told = _Told(data)
    copies = report.registry.copies
    columns: Dict[str, List[Any]] = {name: [] for name in ("id", *_Told.COLUMNS)}
    for verdict in data.verdicts:
        columns["id"].append(_number(verdict.thread.handle))
        for name, value in zip(_Told.COLUMNS, told.of(verdict)):
            columns[name].append(value)
    return {
        "started": copies[0].epoch_s(1) if copies else None,
        "now": _ms(report.at.now_ns) if copies else None,
        "live": report.at.live,
        "kindFields": KIND,
        "columns": columns,
        "kinds": data.kinds.values,
        "lists": data.lists.values,
        "stacks": data.stacks.values,
        "frames": data.frames.values,
        "texts": data.texts.values,
    }


def _number(handle: Optional[str]) -> Any:
    return int(handle) if handle is not None and handle.isdecimal() else handle


def _ms(ns: int) -> Optional[int]:
    return ns // 1_000_000 if ns else None


class _Told:
    """What differs between threads made alike."""

    COLUMNS = ("tid", "name", "kind", "why", "stack", "made", "began", "ended", "pthread", "arg")

    def __init__(self, data: Data):
        self._data = data
        self._report = report = data.report
        self._explained: Any = report.explained
        waiting = self._explained.waiting
        every = list(data.verdicts)
        if not waiting.is_whole:
            every.sort(key=lambda verdict: not verdict.leaked)
            every = every[: text.EQUAL_ROWS]
        self._explains = None if waiting.is_whole else {id(verdict) for verdict in every}
        report.read_states(data.verdicts, len(data.verdicts) if waiting.is_whole else 64)
        self._stacks, self._why_none = self._current()
        self._ancestry: Dict[Any, int] = {}

    def of(self, verdict: Verdict) -> Tuple[Any, ...]:
        data, thread = self._data, verdict.thread
        record = thread.record
        began = ended = None
        if record is not None and thread.copy is not None:
            began = _ms(record.created_ns)
            ended = _ms(record.finished_ns)
        stack = -1
        if thread.kernel is not None and thread.state not in (FINISHED, ENDING):
            found = self._stacks.get(thread.kernel.tid)
            stack = data.stack(("now", id(found)), found, False) if found is not None else -1
        return (
            *(thread.tid or 0, data.text(self._report.name_of(thread) or "")),
            *(data.kind(verdict), self._why(verdict), stack, self._made_by(verdict)),
            *(began, ended),
            f"{thread.pthread:x}" if thread.pthread else "",
            f"{thread.argument:x}" if thread.argument else 0,
        )

    def _why(self, verdict: Verdict) -> int:
        said = self._report.evidence.why(verdict)
        if self._explains is None or id(verdict) in self._explains:
            found = self._explained.of(verdict)
            if found is not None:
                said = said + found.all()
        return self._data.list(said)

    def _made_by(self, verdict: Verdict) -> int:
        record, copy = verdict.thread.record, verdict.thread.copy
        if record is None or copy is None:
            return -1
        key = (copy.number, record.creator, record.site)
        if key not in self._ancestry:
            lines = ancestry(self._report, verdict)[1:]
            self._ancestry[key] = self._data.list([line.strip() for line in lines])
        return self._ancestry[key]

    def _current(self) -> Tuple[Dict[int, Stack], str]:
        alive = [each.thread.kernel for each in self._data.verdicts if each.thread.kernel]
        try:
            stacks = self._report.stacks.current(alive, STACK_FRAMES)
        except TargetError as error:
            return {}, str(error)
        return {thread.tid: stack for thread, stack in zip(alive, stacks)}, ""
