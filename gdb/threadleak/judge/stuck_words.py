# SPDX-License-Identifier: MIT
"""Sentences about threads that nothing can wake."""

from functools import partial
from typing import Callable, Dict, Iterable, Optional, Sequence, Tuple

from ..read import abi
from ..read.model import Copy, text_of
from ..read.threads import ThreadInfo
from ..read.wait import JOIN, MUTEX, ONCE, RWLOCK_READ, RWLOCK_WRITE, STDIO, Wait
from ..target.base import Target
from .graph import GONE, Edge, Graph
from .ids import label, named
from .wait_words import object_name, words

SHOWN = 12  # threads of a cycle in a sentence
_HOLDS = {ONCE: "which is run by"}
_SELF = {ONCE: "which it runs itself"}


class Words:
    """`name`: of a thread."""

    def __init__(
        self,
        target: Target,
        copies: Sequence[Copy],
        threads: Sequence[ThreadInfo],
        name: Callable[[ThreadInfo], Optional[str]],
    ):
        self._target = target
        self._copies = copies
        self._threads = threads
        self._name = name
        self._indices: Dict[Tuple[int, str], Dict[int, int]] = {}

    def thread(self, number: int) -> str:
        """thread 12 `flusher`"""
        info = self._threads[number]
        return label(info, self._name(info))

    def object(self, wait: Wait) -> str:
        """for the mutex `cache.lock` (0x4040)"""
        return words(wait, partial(object_name, self._target), str, None)

    def cycle(self, members: Sequence[int], edges: Dict[int, Edge]) -> str:
        """thread 1 `a` waits for the mutex ..., owned by thread 2 `b`, which waits ...: a deadlock, ..."""
        if len(members) == 1:
            wait = edges[members[0]].wait
            held = _SELF.get(wait.kind, "which it owns itself")
            return f"{self.thread(members[0])} waits {self.object(wait)}, {held}: a deadlock, nobody can wake it."
        first, *others = members[:SHOWN]
        text = f"{self.thread(first)} waits {self._leading_on(edges[first].wait)}"
        for each in others:
            text += f"{self.thread(each)}, which waits {self._leading_on(edges[each].wait)}"
        rest = len(members) - SHOWN
        if rest > 0:
            text += f"{rest:,} more threads, the last of which waits {self._leading_on(edges[members[-1]].wait)}"
        wake = "either" if len(members) == 2 else "any of them"
        return f"{text}{self.thread(first)}: a deadlock, nobody can wake {wake}."

    def _leading_on(self, wait: Wait) -> str:
        """What is waited for, up to its owner, who follows."""
        if wait.kind == JOIN:
            return "for the end (pthread_join) of "
        return f"{self.object(wait)}, {_HOLDS.get(wait.kind, 'owned by')} "

    def gone(self, edge: Edge) -> str:
        """thread 3 `x` waits for the mutex ..., owned by thread 9 `y` (tid 77), which has ended: ..."""
        if edge.wait.is_refused:
            return (
                f"{self.thread(edge.waiter)} waits {self.object(edge.wait)}, as a deadlock or since its"
                " owner is gone, so that libc lets it wait for good: nobody can wake it."
            )
        return (
            f"{self.thread(edge.waiter)} waits {self.object(edge.wait)}, owned by"
            f" {self._dead(edge.wait)}, which is gone and did not unlock it: nobody can wake"
            f" {self.thread(edge.waiter)}."
        )

    def _dead(self, wait: Wait) -> str:
        field, owner = ("tid", wait.owner_tid) if wait.owner_tid else ("pthread", wait.owner or 0)
        for copy in self._copies:
            index = self._ended(copy, field).get(owner)
            if index is not None:
                name = text_of(copy.records.name(index))
                thread = named(copy.name_of(copy.records.ids[index]), name)
                return f"{thread} (tid {copy.records.column('tid')[index]})"
        return (
            f"tid {wait.owner_tid}" if wait.owner_tid else f"a thread (pthread_t {wait.owner:#x})"
        )

    def _ended(self, copy: Copy, field: str) -> Dict[int, int]:
        """Value -> index of the record of the latest thread that had it. Tids and pthread_t are used again."""
        key = copy.number, field
        if key not in self._indices:
            column = copy.records.column(field)
            self._indices[key] = {
                value: index
                for index, (value, state) in enumerate(zip(column, copy.records.column("state")))
                if state & abi.FINISHED
            }
        return self._indices[key]

    def chain(self, number: int, found: Graph) -> str:
        """thread 5 waits for ..., owned by thread 7, which is stuck itself"""
        edge = found.edges[number]
        return (
            f"{self.thread(number)} waits {self._leading_on(edge.wait)}{self.thread(edge.owner)},"
            " which is stuck itself: nobody can wake it."
        )

    def waiters(self, numbers: Iterable[int]) -> str:
        """Others that hang on it."""
        shown = list(numbers)
        names = ", ".join(map(self.thread, shown[:SHOWN]))
        return names + (f" and {len(shown) - SHOWN:,} more" if len(shown) > SHOWN else "")


def fix(edges: Sequence[Edge]) -> str:
    """What to change, of a cycle or of an edge to nobody."""
    kinds = {edge.wait.kind for edge in edges}
    locks = kinds & {MUTEX, RWLOCK_READ, RWLOCK_WRITE, STDIO}
    if edges[0].wait.is_refused:
        return (
            "Lock mutexes in the same order everywhere, none twice, and unlock them on every way"
            " out of a thread; an error-checking mutex (PTHREAD_MUTEX_ERRORCHECK) would return EDEADLK."
        )
    if edges[0].owner == GONE:
        return (
            "Unlock it on every way out of the thread, cancellation and pthread_exit too"
            " (pthread_cleanup_push, std::lock_guard), or before the fork (pthread_atfork)."
        )
    if ONCE in kinds:
        return "Let the routine of pthread_once neither call pthread_once for itself nor wait for threads that need it."
    if len(edges) == 1:
        return "Do not lock again what the thread has locked: split the function into one that locks and one that does not."
    if JOIN in kinds and locks:
        return "Unlock before the join whatever the joined thread still has to lock."
    if JOIN in kinds:
        return "Let one of them end without joining the other."
    return "Lock them in the same order everywhere."
