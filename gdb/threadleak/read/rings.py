# SPDX-License-Identifier: MIT
"""glibc's lists of a process without a registry, walked again and again: which threads have finished and are not joined,
and how much their stacks hold, by numbers alone, cheap enough for each second (look.py has it whole).

What was on the lists the last time is read at once, then the links are followed through that; only what is new is read on
the way. A thread that somebody joins lies unjoined for a moment, so that only those are counted which further looks, a
pause between them, find as they were.
"""

from typing import (
    Dict,
    Generator,
    Iterable,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Tuple,
)

from ..target.base import Target, TargetError
from ..target.tasks import Tasks
from .descriptor import TID_MAX
from .glibc import EXITED, TRIES, Glibc
from .unregistered import OTHER_PROCESS

# pthread_t -> self, link, tid, user_stack, state, start, stack_size: Layout.ring
Rows = Dict[int, Tuple[int, ...]]
_LINK, _TID = 1, 2
FEW = 256  # finished threads that are looked at more than twice
PAUSES_S = (0.002, 0.005, 0.005, 0.005, 0.005)  # as much together as look.py waits at least


class Finished(NamedTuple):
    """Those that nobody joined."""

    threads: int
    stack_bytes: int  # address space of the stacks that glibc made
    main_has_left: bool  # by pthread_exit: the kernel keeps it until the last thread ends


class Rings:
    def __init__(self, target: Target, glibc: Glibc):
        self._target = target
        self._glibc = glibc
        self._known: List[int] = []  # pthread_t of the last walk
        self._unjoined: Rows = {}  # as the last look found them

    def finished(self, tasks: Tasks) -> Generator[float, None, Finished]:
        """Yields each pause that must be made, in seconds. TargetError: it cannot be told."""
        there = tasks.now()
        rows = self._walk()
        alive, over, main_has_left = self._sorted(rows)
        strangers = {each for each in alive if each[1] not in there}
        if len(strangers) == len(alive):
            raise TargetError(OTHER_PROCESS)  # or it is ending
        # of many, those are not looked at again that were found unjoined the last time, and are the same
        known = self._unjoined if len(over) > FEW else {}
        sure = {each: row for each, row in over.items() if _same(row, known.get(each))}
        new = {each: row for each, row in over.items() if each not in sure}
        pauses = PAUSES_S if len(new) <= FEW else (sum(PAUSES_S),)
        for pause in pauses if new or strangers else ():
            yield pause
            now = dict(self._rows(list(new)))
            new = {each: row for each, row in new.items() if _same(row, now.get(each))}
        if strangers:
            rows, there = dict(self._rows([each for each, _ in strangers])), tasks.now()
            if any(each in strangers and each[1] not in there for each in self._sorted(rows)[0]):
                raise TargetError(OTHER_PROCESS)
        self._unjoined = over = {**sure, **new}
        return Finished(len(over), self._bytes_of(over.values()), main_has_left)

    def stack_bytes(self, pthreads: Iterable[int]) -> int:
        """Of those of these that lie unjoined."""
        rows = self._rows(list(pthreads))
        return self._bytes_of(self._sorted(dict(rows))[1].values())

    def _bytes_of(self, rows: Iterable[Tuple[int, ...]]) -> int:
        own = self._glibc.layout.own_stack
        return sum(size for _, _, _, given, _, _, size in rows if given != own)

    def _walk(self) -> Rows:
        heads = self._glibc.heads
        for _ in range(TRIES):
            firsts = [self._glibc.link(head)[0] for head in heads]  # before what is behind them
            rows = dict(self._rows(self._known))
            found = self._follow(zip(heads, firsts), rows)
            if found is not None and not self._has_lost(found, rows):
                self._known = list(found)
                return found
        raise TargetError("glibc's lists of threads changed each time that they were read")

    def _follow(self, rings: Iterable[Tuple[int, int]], rows: Rows) -> Optional[Rows]:
        """None: a ring does not close."""
        found: Rows = {}
        link = self._glibc.layout.offsets["link"]
        for head, node in rings:
            while node != head:
                pthread = node - link
                row = rows.get(pthread) or self._row(pthread)
                if row is None or pthread in found or len(found) >= TID_MAX:
                    return None
                found[pthread] = row
                node = row[_LINK]
        return found

    def _has_lost(self, found: Rows, rows: Rows) -> bool:
        """Whether one that was there all the while was not come by: a thread that is made anew goes to the front, and
        whoever is led there and has the link that it had before passes over all in between."""
        passed = {each: row for each, row in rows.items() if each not in found}
        alive, over, _ = self._sorted(passed)
        missing = {*over, *(pthread for pthread, _ in alive)}
        now = self._rows(list(missing))
        return any(_same(rows[pthread], row) for pthread, row in now)

    def _rows(self, pthreads: List[int]) -> Iterator[Tuple[int, Tuple[int, ...]]]:
        """Of those that are there."""
        layout = self._glibc.layout
        first, unpack, has_self = layout.first, layout.ring.unpack, layout.has_self
        blocks = self._target.read_each([each + first for each in pthreads], layout.ring.size)
        for pthread, data in zip(pthreads, blocks):
            if data is not None:
                row = unpack(data)
                if row[0] == pthread or not has_self:
                    yield pthread, row

    def _row(self, pthread: int) -> Optional[Tuple[int, ...]]:
        layout = self._glibc.layout
        try:
            row = layout.ring.unpack(self._target.read(pthread + layout.first, layout.ring.size))
        except TargetError:
            return None
        return row if row[0] == pthread or not layout.has_self else None

    def _sorted(self, rows: Rows) -> Tuple[List[Tuple[int, int]], Rows, bool]:
        """pthread_t and tid of those that are alive; those that have ended and are to be joined still; whether main has
        ended."""
        alive, over, main_has_left = [], {}, False
        has_states = self._glibc.has_states
        for pthread, row in rows.items():
            _, _, tid, _, state, start, _ = row
            if (state != EXITED) if has_states else tid:
                if tid > 0:
                    alive.append((pthread, tid))
            elif not start:
                main_has_left = True
            elif state != pthread and tid >= 0:
                over[pthread] = row
        return alive, over, main_has_left


def _same(row: Tuple[int, ...], now: Optional[Tuple[int, ...]]) -> bool:
    """But for the link: neighbours come and go."""
    return now is not None and row[_TID:] == now[_TID:]
