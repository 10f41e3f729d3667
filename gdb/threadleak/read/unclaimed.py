# SPDX-License-Identifier: MIT
"""Which threads of the kernel's no record is of, and which records of running threads none of the kernel's is, by numbers
alone: cheap enough for each second (look.py has it whole).

The registry and the kernel's list are not of one moment where the process runs on. So that is believed only of threads
of which each of several looks says so, a pause between them.
"""

from typing import Callable, Dict, FrozenSet, Generator, Iterator, Mapping, NamedTuple, Optional
from typing import Set, Tuple

from ..target.base import Target
from ..target.tasks import Tasks
from . import abi
from .model import Copy, Registry

# Most are gone after the first: they were just created, or have just ended. As much together as look.py waits at least.
PAUSES_S = (0.002, 0.02)
_OVER = abi.FINISHED | abi.JOINED | abi.MAIN

Gone = FrozenSet[Tuple[int, int]]  # number of the copy of the library, id of the record


class Unmatched(NamedTuple):
    untracked: int
    gone: Gone  # ended unseen: their records say that they run
    started: Mapping[
        int, int
    ] = {}  # own tid of each that is untracked -> when; empty: not known of which


class _Doubts(NamedTuple):
    tids: Dict[int, int]  # own tid -> ours, of those that no record is of
    records: Set[Tuple[int, int]]  # copy, id


NOTHING = Unmatched(0, frozenset())


def unmatched(
    target: Target,
    registry: Registry,
    tasks: Tasks,
    there: Mapping[int, int],
    again: Callable[[], Optional[Registry]],
    before: Unmatched,
) -> Generator[float, None, Unmatched]:
    """Of those that are `there`, as `tasks` told. Yields each pause that must be made, in seconds. `again` reads the
    registry anew; None: it is gone. `before`: what it came to the last time: of these threads no look is taken again.
    """
    tids, records = _doubts(target, registry, there)
    if records <= before.gone and all(
        before.started.get(own, 0) and tasks.started(tid) == before.started[own]
        for own, tid in tids.items()
    ):
        started = {own: before.started[own] for own in tids}
        return Unmatched(len(tids), frozenset(records), started)
    for pause in PAUSES_S:
        if not tids and not records:
            return NOTHING
        for tid in tids.values():
            tasks.forget(tid)
        yield pause
        now, there = again(), tasks.now()
        if now is None or not there:
            return NOTHING
        registry = now
        found = _doubts(target, registry, there)
        tids = {own: tid for own, tid in found.tids.items() if tids.get(own) == tid}
        records &= found.records
    seen = {own: tasks.started(tid) for own, tid in tids.items()}
    started = {own: ticks for own, ticks in seen.items() if ticks is not None}
    # A record of a thread that has not entered itself yet is of one of them, nobody knows which.
    starting = _starting(registry)
    untracked = max(0, len(started) - starting)
    return Unmatched(untracked, frozenset(records), {} if starting else started)


def _doubts(target: Target, registry: Registry, there: Mapping[int, int]) -> _Doubts:
    """The main thread is known in any case."""
    found, gone = dict(there), set()
    for copy in registry.copies:
        found.pop(copy.header.pid, None)
        ended: Dict[int, int] = {}  # own tid -> pthread_t
        latest: Dict[int, int] = {}  # own tid -> id; the records are in the order of these
        rows = zip(*map(copy.records.column, ("tid", "state", "pthread", "id")))
        for tid, state, pthread, id in rows:
            if state & _OVER:
                if tid in found:
                    ended[tid] = pthread
            elif tid in there:
                found.pop(tid, None)
                if tid in latest:  # tids are used again
                    gone.add((copy.number, latest[tid]))
                latest[tid] = id
            elif tid and state & abi.STARTED:
                gone.add((copy.number, id))
        for tid in _still_there(target, copy, ended):
            found.pop(tid, None)
    return _Doubts(found, gone)


def _still_there(target: Target, copy: Copy, ended: Dict[int, int]) -> Iterator[int]:
    """Those that the kernel has for a moment more. It sets their word in the descriptor to 0 when they are gone, and
    then another thread may have the number."""
    offset = copy.header.tid_offset
    if ended and offset:
        words = target.read_each([pthread + offset for pthread in ended.values()], 4)
        for tid, word in zip(ended, words):
            if word is not None and int.from_bytes(word, "little") == tid:
                yield tid


def _starting(registry: Registry) -> int:
    return sum(
        not (state & _OVER) and not (state & abi.STARTED and tid)
        for copy in registry.copies
        for state, tid in zip(copy.records.column("state"), copy.records.column("tid"))
    )
