# SPDX-License-Identifier: MIT
"""What a blocked thread waits for, since when, who holds that and what that one does, who could wake it, and which
other threads hang on it: sentences that say what is known and nothing else. Whether nothing can wake it is not
decided here, but in stuck.py.
"""

from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from ..read import wait as kinds
from ..read.threads import ALIVE, BLOCKED, ThreadInfo
from ..read.wait import Wait
from ..target.base import Target
from ..target.forked import is_fork_child
from .descriptors import Descriptors
from .durations import duration
from .groups import ranges, runs, without, written
from .ids import label
from .wait_words import object_name, words
from .waiting import Waiting

CHAIN_MAX = 8  # owners of what owners wait for: more than anyone reads
IDS_WIDTH = 60


class Explanation(NamedTuple):
    waits: str  # "for the mutex `cache.lock` (0x4040), which thread 7 `reader` holds"
    sentences: List[str]
    is_proven: bool = False  # what it waits for is said by the proof that it is stuck

    def all(self) -> List[str]:
        """What is not said elsewhere."""
        says_it = self.waits and not self.is_proven
        return [f"It waits {self.waits}.", *self.sentences] if says_it else self.sentences


class Explainer:
    """`name`: of a thread; `began`: " 3 s ago" where the registry knows when a thread began to join, else ""."""

    def __init__(
        self,
        target: Target,
        waiting: Waiting,
        name: Callable[[ThreadInfo], Optional[str]],
        began: Callable[[ThreadInfo], str] = lambda info: "",
    ):
        self.target = target
        self.waiting = waiting
        self.descriptors = Descriptors(target)
        self._name = name
        self._began = began
        self._waiters: Dict[int, Together] = {}  # by the object that they wait for

    def of(self, info: ThreadInfo, is_proven: bool = False) -> Optional[Explanation]:
        """None: it is not blocked, or that cannot be told. `is_proven`: other sentences say already that it is stuck,
        and why."""
        wait = self.waiting.of(info)
        if wait is None:
            return None
        found = list(self._when(info, wait))
        if not is_proven:
            found += self._holders(info, wait)
            found += self._wakers(wait)
        found += self._hanging(info, wait)
        return Explanation(self.waits(info, wait), found, is_proven)

    # ---- what ------------------------------------------------------------------------------------

    def label(self, info: ThreadInfo) -> str:
        """thread 7 `reader`"""
        return label(info, self._name(info))

    def object_name(self, address: int) -> str:
        return object_name(self.target, address)

    def waits(self, info: ThreadInfo, wait: Wait) -> str:
        owner = self.waiting.owner(wait)
        ending = self.label(owner) if owner is not None else None
        said = words(wait, self.object_name, self.descriptors.name, ending)
        if wait.kind == kinds.CONDITION and wait.mutex:
            said += f", with the mutex {self.object_name(wait.mutex)}"
        if wait.kind == kinds.JOIN or not (wait.owner or wait.owner_tid):
            return said
        if owner is info:
            return f"{said}, which it {_holds(wait)} itself"
        if owner is not None and owner.kernel is None:
            return f"{said}, which {ending} held when it ended"
        if owner is not None:
            return f"{said}, which {ending} {_holds(wait)}"
        return f"{said}, {self._unknown_owner(info, wait)}"

    def _unknown_owner(self, info: ThreadInfo, wait: Wait) -> str:
        tid = f" tid {wait.owner_tid}" if wait.owner_tid else ""
        if wait.shared:
            return f"whose owner,{tid}, may be in another process" if tid else "shared by processes"
        if wait.in_kernel_hands:
            return "which is just being handed over"
        if not tid:
            return "whose owner is gone"
        is_main = info.kernel is not None and info.kernel.own_tid == self.target.own_pid()
        if is_fork_child(self.target) and not is_main:
            return f"whose owner,{tid}, stayed behind at the fork, or is main, which had another tid before it"
        return f"whose owner,{tid}, is no thread that is alive"

    # ---- since when ------------------------------------------------------------------------------

    def _when(self, info: ThreadInfo, wait: Wait) -> Iterator[str]:
        began = self._began(info) if wait.kind == kinds.JOIN else ""
        if began:
            yield f"It began to wait{began}."
        else:
            idle = self._idle_ns(info)
            if idle is not None:
                yield f"It has not run for {duration(idle)}."
        if wait.kind == kinds.TIME or wait.timed:
            yield f"The wait ends by itself{self._deadline(wait)}: there is a timeout."

    def _idle_ns(self, info: ThreadInfo) -> Optional[int]:
        """None: not known. To be stopped is to run a moment, so a process that was stopped tells nothing."""
        if info.kernel is None or self.target.local_pid is None or not self.target.moves:
            return None
        from ..target.last_ran import since_ns

        return since_ns(self.target.local_pid, [info.kernel.tid]).get(info.kernel.tid)

    def _deadline(self, wait: Wait) -> str:
        now = self.target.now_ns()
        if wait.deadline_ns is None or now is None:
            return ""
        left = wait.deadline_ns - now
        return f" in {duration(left)}" if left > 0 else ", just now"

    # ---- who holds it ----------------------------------------------------------------------------

    def _holders(self, info: ThreadInfo, wait: Wait) -> Iterator[str]:
        """What the owner does, and if it waits itself, the owner of that."""
        seen = [info]
        owner = self.waiting.owner(wait)
        while owner is not None and owner not in seen and len(seen) <= CHAIN_MAX:
            seen.append(owner)
            theirs = self.waiting.of(owner)
            who = self.label(owner)
            who = who[0].upper() + who[1:]
            if owner.kernel is None:
                return
            if theirs is None:
                yield f"{who} {self._does(owner)}."
                return
            following = self.waiting.owner(theirs)
            said = self.waits(owner, theirs)
            if following is info:
                said = said.replace(self.label(info), "this thread")
            yield f"{who} waits {said}{_timeout(theirs)}."
            owner = following

    def _does(self, info: ThreadInfo) -> str:
        if info.state == ALIVE and info.kernel is not None:
            info.state = self.target.state_of(info.kernel)
        return {BLOCKED: "is blocked", ALIVE: "is alive"}.get(info.state, "runs")

    # ---- who could wake it -----------------------------------------------------------------------

    def _wakers(self, wait: Wait) -> Iterator[str]:
        if wait.kind == kinds.DESCRIPTORS:
            yield from self.descriptors.suspicions(wait)
        if wait.kind in (kinds.CONDITION, kinds.RUST_CONDITION):
            yield "A signal or a broadcast wakes it; who would do that cannot be told, since nobody owns a condition variable."
        if wait.kind == kinds.SEMAPHORE:
            yield "sem_post wakes it; who would do that cannot be told, since nobody owns a semaphore."
        if wait.kind == kinds.RWLOCK_WRITE and not wait.owner:
            yield "Which threads hold it for reading is not kept."
        if wait.kind == kinds.CONDITION and wait.mutex:
            yield from self._mutex_of(wait.mutex)
        if (
            wait.kind in _ANYBODY_WAKES
            and self.waiting.is_whole
            and not (wait.timed or wait.shared)
        ):
            same = self._together(wait.object or 0).endless
            if same == len(self.waiting.alive):
                threads = (
                    "All threads that are alive wait"
                    if same > 1
                    else "It is the only thread that is alive, and waits"
                )
                yield f"{threads} for it: a signal handler alone is left to do that."

    def _is_endless(self, info: ThreadInfo) -> bool:
        wait = self.waiting.of(info)
        return wait is not None and not wait.timed

    def _mutex_of(self, mutex: int) -> Iterator[str]:
        """What the other threads tell of it."""
        waiters = self.waiting.at(mutex)
        for each in waiters[:1]:
            wait = self.waiting.of(each)
            owner = self.waiting.owner(wait) if wait is not None else None
            held = f"; {self.label(owner)} holds it" if owner is not None else ""
            yield f"{_count(len(waiters))} for its mutex{held}."

    # ---- who hangs on it -------------------------------------------------------------------------

    def _hanging(self, info: ThreadInfo, wait: Wait) -> Iterator[str]:
        number = len(self.waiting.at(wait.object)) - 1
        if number > 0:
            others = self._others(info, wait.object or 0)
            yield f"{_count(number, 'other ')} for it, too: {others}."
        yield from self.hanging(info)

    def hanging(self, info: ThreadInfo) -> Iterator[str]:
        """Those that wait for the thread itself, which may run, or have ended. That it is being joined evidence.py
        says, where the registry knows it."""
        joiners = self.waiting.joiners(info)
        if joiners and not (info.record is not None and info.record.join_begun_ns):
            yield f"{_count(len(joiners))} for its end: {self.names(joiners)}."
        held_up = self.waiting.held_up(info)
        if held_up:
            held = "holds" if info.kernel is not None else "held when it ended"
            yield f"{_count(len(held_up))} for what it {held}: {self.names(held_up)}."

    def names(self, infos: Sequence[ThreadInfo]) -> str:
        """thread 7 `reader`; threads 3-9, 12"""
        if len(infos) == 1:
            return self.label(infos[0])
        ids = _numbers(infos)
        return "threads " + ranges(ids, IDS_WIDTH) if ids else _handles(infos)

    def _others(self, info: ThreadInfo, address: int) -> str:
        """`names` of those that wait for the same; it takes no longer where there are ten thousand."""
        waiters, ids = self.waiting.at(address), self._together(address).ids
        few = [each for each in waiters[: CHAIN_MAX + 2] if each is not info]
        if len(few) == 1:
            return self.label(few[0])
        if not ids or info.id is None:
            return _handles(few)
        return "threads " + written(without(ids, int(info.id)), IDS_WIDTH)

    def _together(self, address: int) -> "Together":
        if address not in self._waiters:
            waiters = self.waiting.at(address)
            endless = sum(map(self._is_endless, waiters))
            self._waiters[address] = Together(list(runs(_numbers(waiters))), endless)
        return self._waiters[address]


class Together(NamedTuple):
    """Those that wait for one object."""

    ids: List[Tuple[int, int]]  # runs of numbers; none: not all of them have one
    endless: int  # how many wait without a timeout


def _numbers(infos: Sequence[ThreadInfo]) -> List[int]:
    """The ids, sorted, if all are numbers."""
    ids = [info.id or "" for info in infos]
    return sorted(map(int, ids)) if all(id.isdecimal() for id in ids) else []


def _handles(infos: Sequence[ThreadInfo]) -> str:
    shown = ", ".join(each.id or f"tid:{each.tid}" for each in infos[:CHAIN_MAX])
    return f"threads {shown}" + (", ..." if len(infos) > CHAIN_MAX else "")


_ANYBODY_WAKES = (
    *(kinds.CONDITION, kinds.RUST_CONDITION, kinds.SEMAPHORE, kinds.FUTURE),
    *(kinds.ATOMIC, kinds.LATCH, kinds.BARRIER),
)


def _holds(wait: Wait) -> str:
    return "runs" if wait.kind in (kinds.ONCE, kinds.STATIC_GUARD, kinds.RUST_ONCE) else "holds"


def _timeout(wait: Wait) -> str:
    return ", not longer than a timeout" if wait.timed else ""


def _count(number: int, other: str = "") -> str:
    """3 other threads wait"""
    return f"1 {other}thread waits" if number == 1 else f"{number:,} {other}threads wait"
