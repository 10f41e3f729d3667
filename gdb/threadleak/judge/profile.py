# SPDX-License-Identifier: MIT
"""Threads as samples of a profile: where they were made, or where they are now; how many, and the room that their
stacks take; and labels to sort them by.
"""

from collections import Counter
from contextlib import suppress
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from ..read import wait as kinds
from ..read.model import Copy
from ..read.stacks import Stacks
from ..read.threads import FINISHED, ThreadInfo
from ..read.wait import Wait
from ..read.waits import DEPTH, Waits
from ..target.base import CurrentStack, Target, TargetError
from .explained import known_glibc
from .report import Report
from .same_stack import Seen
from .spots import Extent, Places, Spot
from .verdicts import NEVER, Verdict

TYPES = (("alive", "count"), ("unjoined", "count"), ("created", "count"), ("stack", "bytes"))
OBJECTS = 1000  # that threads wait for and that are told apart; the kinds of all others are labels without a name

Labels = Tuple[Tuple[str, str], ...]


class Sample(NamedTuple):
    """Of a thread, or of several: what is counted (TYPES). Equal stacks, and equal labels, are one object."""

    stack: Tuple[Spot, ...]
    labels: Labels
    values: Tuple[int, ...]


class _Threads:
    """What is said of threads, and counted of each."""

    def __init__(self, report: Report, verdicts: Sequence[Verdict]):
        self._report = report
        self._objects: Dict[int, str] = {}
        self._starts: Dict[Tuple[object, ...], str] = {}
        self._waits: Dict[int, Wait] = {}
        self._labels: Dict[Tuple[object, ...], Labels] = {}
        self._sizes = report.costs.stack_sizes([each.thread for each in verdicts])
        if report.settings.waits != NEVER:
            self._read_waits([each.thread for each in verdicts if each.thread.kernel is not None])
        report.read_states(verdicts, len(verdicts))

    def _read_waits(self, infos: List[ThreadInfo]) -> None:
        report = self._report
        kernels = [info.kernel for info in infos if info.kernel is not None]
        with suppress(TargetError):  # stacks first: what that reads need not be read again
            report.target.current_stacks(kernels, DEPTH)
        waits = Waits(report.target, report.stacks, known_glibc(report.target)).of(infos)
        self._waits = {id(info): wait for info, wait in zip(infos, waits) if wait is not None}

    def values(self, thread: ThreadInfo, created: bool) -> Tuple[int, ...]:
        finished = thread.state == FINISHED
        return (not finished, finished, created, self._sizes.get(thread.pthread or 0, 0))

    def labels(self, verdict: Verdict) -> Labels:
        """Equal ones are one object."""
        thread = verdict.thread
        name, wait = self._report.name_of(thread) or "", self._waits.get(id(thread))
        waits_for = self._wait(wait) if wait is not None else ""
        key = (id(thread.kind), id(verdict.decision), thread.state, name, waits_for)
        known = self._labels.get(key)
        if known is None:
            known = self._labels[key] = self._make(verdict, name, waits_for)
        return known

    def _make(self, verdict: Verdict, name: str, waits_for: str) -> Labels:
        return _labels(
            ("name", name),
            ("state", verdict.thread.state),
            ("class", verdict.class_),
            ("scope", _scope(verdict.thread)),
            ("start", self._start(verdict.thread)),
            ("waits-for", waits_for),
            ("expected-by", verdict.expected_by or ""),
        )

    def _start(self, thread: ThreadInfo) -> str:
        kind, copy = thread.kind, thread.copy
        if kind is None or thread.is_main:
            return ""
        key = (copy, kind.start, kind.start_module)
        if key not in self._starts:
            self._starts[key] = self._report.stacks.start(copy, kind).function or ""
        return self._starts[key]

    def _wait(self, wait: Wait) -> str:
        """mutex cache.lock; read; without addresses, of which each process has others."""
        if wait.kind in _BY_CALL:
            return wait.call
        if wait.object is None:
            return wait.kind
        if wait.object not in self._objects:
            known = len(self._objects) < OBJECTS
            name = self._report.target.data_name(wait.object) if known else None
            if not known:
                return wait.kind
            self._objects[wait.object] = f"{wait.kind} {name}" if name else wait.kind
        return self._objects[wait.object]


def _scope(thread: ThreadInfo) -> str:
    """The innermost."""
    kind, copy = thread.kind, thread.copy
    if kind is None or copy is None or not 0 < kind.scope < len(copy.scopes):
        return ""
    scope = copy.scopes[kind.scope]
    return scope.name if scope is not None else ""


_BY_CALL = {
    *(kinds.DESCRIPTORS, kinds.TIME, kinds.SIGNAL, kinds.CHILD, kinds.MESSAGE),
    *(kinds.SEMAPHORE_SET, kinds.IO_URING, kinds.SYSTEM_CALL),
}


def _labels(*pairs: Tuple[str, str]) -> Labels:
    return tuple(pair for pair in pairs if pair[1])


def by_creation(report: Report, verdicts: Sequence[Verdict], whole: bool) -> Iterator[Sample]:
    """`whole`: these are all threads of the process, so that what else was created at each site has ended."""
    places, threads = Places(report.target, report.stacks), _Threads(report, verdicts)
    counted = _counts_creations(report)
    kept: "Counter[int]" = Counter()
    for verdict in verdicts:
        thread = verdict.thread
        created = _is_created(thread) and thread.copy is counted
        if created and thread.kind is not None:
            kept[thread.kind.site] += 1
        values = threads.values(thread, created)
        yield Sample(places.creation(thread), threads.labels(verdict), values)
    gone = _labels(("state", FINISHED))
    for index, site in enumerate(counted.sites if counted is not None and whole else ()):
        ended = site.created - kept[index] if site is not None else 0
        if ended > 0:
            stack = places.site(counted, index) or places.remark("no creation stack was kept")
            yield Sample(stack, gone, (0, 0, ended, 0))


def _is_created(thread: ThreadInfo) -> bool:
    return thread.copy is not None and not thread.is_main


def _counts_creations(report: Report) -> Optional[Copy]:
    """Several copies of the library see the same creations: the one that saw the most."""
    copies = report.registry.copies
    sums = [sum(site.created for site in copy.sites if site) for copy in copies]
    return copies[sums.index(max(sums))] if copies else None


def by_place(
    target: Target,
    report: Optional[Report],
    seen: Sequence[Seen],
    found: Sequence[CurrentStack],
) -> Iterator[Sample]:
    """Where those that are alive are now. The others are nowhere."""
    threads = None
    if report is not None:
        threads = _Threads(report, [each.verdict for each in seen if each.verdict is not None])
    places = Places(target, report.stacks if report is not None else Stacks(target, []))
    distinct = {id(stack): stack for stack in found}
    stacks = {key: places.current(stack) for key, stack in distinct.items()}
    known: Dict[Labels, Labels] = {}
    for each, raw in zip(seen, found):
        verdict, stack = each.verdict, stacks[id(raw)]
        if verdict is None or threads is None:
            labels = _labels(("name", target.thread_name(each.thread) or ""), ("state", each.state))
            yield Sample(stack, known.setdefault(labels, labels), (1, 0, 0, 0))
            continue
        values = threads.values(verdict.thread, _is_created(verdict.thread))
        yield Sample(stack, threads.labels(verdict), values)


def seen_of(verdicts: Iterable[Verdict]) -> List[Seen]:
    """Those that are alive."""
    pairs = ((verdict.thread.kernel, verdict) for verdict in verdicts)
    return [
        Seen(kernel, verdict.thread.state, verdict)
        for kernel, verdict in pairs
        if kernel is not None
    ]


def program_of(samples: List[Sample], exe: Optional[str]) -> Optional[Extent]:
    """Where the program's own file is mapped, if any of these lies in it."""
    extents = {spot.extent for stack in _stacks(samples) for spot in stack}
    mine = [each for each in extents if each is not None and each.path == exe]
    return min(mine) if mine else None


def _stacks(samples: List[Sample]) -> Iterable[Tuple[Spot, ...]]:
    return {id(sample.stack): sample.stack for sample in samples}.values()
