# SPDX-License-Identifier: MIT
"""Buckets of the history: how the numbers of threads stood when each stretch of time was entered, and what follows
for all stretches that a ring reaches back to.

A stretch in which nothing happened has no bucket, since nothing changed in it. Whatever the bytes say, the numbers
that come out never fall where they can only grow, and never go beyond those of the end.
"""

from typing import Callable, Dict, List, NamedTuple, Protocol, Sequence, Tuple, TypeVar

from ..target.base import Target, TargetError
from . import abi_history as abi

MOST = 1 << 14  # buckets of a ring; the library has 720
MOST_BYTES = 4096  # of a bucket
TRIES = 3  # at a ring that changes while it is read
SECOND_NS, YEAR_NS = 10**9, 10**9 * 60 * 60 * 24 * 366
LOW = 0xFFFFFFFF


class Bucket(NamedTuple):
    """A stretch of time."""

    begun_s: float  # epoch seconds, UTC
    span_s: float  # of the present one: so far
    created: int  # within it, and so are the next two
    finished: int
    joined: int
    alive: int  # at its end
    unjoined: int
    peak: int  # largest number alive within it


class State(NamedTuple):
    """What had happened so far."""

    created: int
    finished: int
    joined: int
    gone: int  # detached, and finished
    initial: int = 0  # threads that are alive and that nobody created

    @property
    def alive(self) -> int:
        return max(0, self.created + self.initial - self.finished)

    @property
    def unjoined(self) -> int:
        return max(0, self.finished - self.joined - self.gone)


class Raw(Protocol):
    """abi.Bucket or abi.SiteBucket"""

    @property
    def number(self) -> int:
        ...

    @property
    def peak(self) -> int:
        ...


R = TypeVar("R", bound=Raw)


class Opened(NamedTuple):
    """A bucket, as it was found."""

    state: State
    peak: int


class Level(NamedTuple):
    width_ns: int
    count: int  # type: ignore[assignment]  # tuples have a method of this name
    bucket_size: int
    buckets: int  # address or offset

    def number_at(self, ns: int) -> int:
        return ns // self.width_ns + 1


class Span(NamedTuple):
    """Registry times between which something is known, and what turns one into epoch nanoseconds."""

    began_ns: int
    now_ns: int
    epoch_ns: int


def levels_of(data: bytes, least: int) -> List[Level]:
    """TargetError: they are damaged. `least`: bytes of a bucket."""
    levels = []
    for raw in abi.LEVEL.many(data, abi.LEVEL.size):
        sizes_fit = least <= raw.bucket_size <= MOST_BYTES and not raw.bucket_size % 8
        if not (sizes_fit and 1 <= raw.count <= MOST and SECOND_NS <= raw.width_ns <= YEAR_NS):
            raise TargetError("the history in the registry is damaged: a level cannot be like that")
        levels.append(Level(*raw[:4]))
    return levels


def steady(target: Target, address: int, size: int, bucket_size: int) -> bytes:
    """The buckets that lie there; those that are being written meanwhile have number 0."""
    now = target.read(address, size)
    if not target.moves:
        return now
    for _ in range(TRIES):
        before, now = now, target.read(address, size)
        if before == now:
            return now
    kept = bytearray(now)
    for at in range(0, size, bucket_size):
        if before[at : at + bucket_size] != now[at : at + bucket_size]:
            kept[at : at + 8] = bytes(8)
    return bytes(kept)


def full(value: int, at_end: int) -> int:
    """A count of which only the low half was kept."""
    return max(0, at_end - (at_end - value & LOW))


def found(
    level: Level,
    ring: Sequence[R],
    span: Span,
    state_of: Callable[[R], State],
) -> Dict[int, Opened]:
    """By the number of its stretch, what lies where it belongs."""
    last = level.number_at(span.now_ns)
    first = max(level.number_at(span.began_ns), last - level.count + 1)
    return {
        raw.number: Opened(state_of(raw), raw.peak & LOW)
        for at, raw in enumerate(ring)
        if first <= raw.number <= last and raw.number % level.count == at
    }


def filled(
    level: Level, opened: Dict[int, Opened], end: State, peak: Tuple[int, int], span: Span
) -> List[Bucket]:
    """All stretches, the oldest first. `peak`: number of a stretch, of this level, and the most threads in it."""
    last = level.number_at(span.now_ns)
    first = max(level.number_at(span.began_ns), last - level.count + 1)
    order = sorted(opened)
    states = _sane([opened[number].state for number in order], end)
    entered: Dict[int, State] = dict(zip(order, states))
    left: Dict[int, State] = dict(zip(order, states[1:] + [end]))
    state = states[0] if states else end
    buckets = []
    for number in range(first, last + 1):
        before = entered.get(number, state)
        state = left.get(number, before)
        most = max(before.alive, state.alive)
        if number in opened:
            most = max(most, opened[number].peak, peak[1] if peak[0] == number else 0)
        buckets.append(_bucket(level, number, before, state, most, span))
    return buckets


def _bucket(
    level: Level, number: int, before: State, after: State, peak: int, span: Span
) -> Bucket:
    begun = max(span.began_ns, (number - 1) * level.width_ns)
    ended = max(begun, min(span.now_ns, number * level.width_ns))
    return Bucket(
        (begun + span.epoch_ns) / 1e9,
        (ended - begun) / 1e9,
        after.created - before.created,
        after.finished - before.finished,
        after.joined - before.joined,
        after.alive,
        after.unjoined,
        peak,
    )


def _sane(states: List[State], end: State) -> List[State]:
    """The same, with no count below that before or beyond that of the end."""
    sane: List[State] = []
    before = State(0, 0, 0, 0)
    for state in states:
        counts = [max(b, min(s, e)) for b, s, e in zip(before[:4], state[:4], end[:4])]
        before = State(counts[0], counts[1], counts[2], counts[3], min(state.initial, 1))
        sane.append(before)
    return sane
