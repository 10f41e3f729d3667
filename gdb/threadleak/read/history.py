# SPDX-License-Identifier: MIT
"""The history that a process keeps of its threads: how many were created, finished, joined and alive, in seconds,
minutes and half-hours, and the same by creation site. It is read when it is asked for alone.
"""

from typing import Iterator, List, NamedTuple, Optional, Tuple

from ..target.base import Target, TargetError
from . import abi_history as abi
from .abi import Header
from .buckets import LOW, Bucket, Level, Span, State, filled, found, full, levels_of, steady
from .model import Copy, Registry, Site
from .registry import read_header

MOST_BYTES, MOST_SITE_BYTES = 1 << 16, 1 << 13
READING_NS = 10 * 10**9  # that it may have run on since the target's now
MOST_SITES = 1 << 12  # that have rings; the library has room for 512


class SiteHistory:
    """Of a creation site: what happened ever, and `levels()`, over time."""

    def __init__(self, copy: Copy, index: int, site: Site):
        counts = (site.finished or 0, site.joined or 0, site.gone or 0)
        state = State(site.created, *counts)
        self.copy = copy
        self.index = index
        self.site = site
        self.created = state.created
        self.finished = state.finished
        self.joined = state.joined
        self.gone = state.gone
        self.alive = state.alive
        self.unjoined = state.unjoined
        self.peak = max(site.peak or 0, state.alive)
        self._state = state
        self._rings = b""
        self._levels: List[Level] = []
        self._span = Span(0, 0, 0)

    def keep(self, rings: bytes, levels: List[Level], span: Span) -> None:
        self._rings, self._levels, self._span = rings, levels, span

    def levels(self) -> List[List[Bucket]]:
        """Minutes and half-hours; empty if there was no room for them."""
        return [self._level(level) for level in self._levels]

    def _level(self, level: Level) -> List[Bucket]:
        end = self._state

        def state_of(raw: abi.SiteBucket) -> State:
            return State(*map(full, raw[1:5], end[:4]))

        ring = self._rings[level.buckets : level.buckets + level.count * level.bucket_size]
        raws = list(abi.SITE_BUCKET.many(ring, level.bucket_size))
        opened = found(level, raws, self._span, state_of)
        head = abi.SITE_HISTORY.one(self._rings)
        peak = _peak_in(level, head.peak, self._levels[0].width_ns)
        return filled(level, opened, end, peak, self._span)


class History(NamedTuple):
    started_s: float  # epoch seconds, UTC: since when it is kept, in this process
    read_s: float  # the latest moment that is known
    total: State  # what happened from then until now
    levels: List[List[Bucket]]  # finest first, oldest bucket first
    sites: List[SiteHistory]
    dropped: int  # sites that have no levels, for lack of room


def history_of(registry: Registry, target: Target) -> Optional[History]:
    """None: the library is older, or the option history=0 was given. TargetError: it is damaged, or cannot be read.
    Where a process has several copies of the library, that which saw the most creations: each sees them all, or
    those that one module makes."""
    histories = [_read(copy, target) for copy in registry.copies if copy.header.history]
    histories.sort(key=lambda each: each.total.created)
    return histories[-1] if histories else None


def most_alive(registry: Registry, target: Target) -> Optional[int]:
    """The peak of all buckets of history_of, for whoever asks often: one ring is read, that which reaches farthest; the finer
    ones have no peak that it has not. None, and TargetError: likewise."""
    copies = [copy for copy in registry.copies if copy.header.history]
    return max((_most_alive(copy, target) for copy in copies), default=None)


def _most_alive(copy: Copy, target: Target) -> int:
    raw = _head(copy.header, target)
    level = _levels(raw)[0][-1]
    # No `steady`: each word is whole, and a bucket that is being opened has the old peak or none.
    ring = target.read(level.buckets, level.count * level.bucket_size)
    numbers, begun, peaks = (
        abi.BUCKET.column(ring, name, level.bucket_size) for name in ("number", "begun_ns", "peak")
    )
    most = max(raw.peak & LOW, _end(copy.header, raw).alive)
    for number, ns, peak in zip(numbers, begun, peaks):
        if number and ns >= raw.began_ns:
            most = max(most, peak & LOW)
    return most


def _read(copy: Copy, target: Target) -> History:
    raw = _head(copy.header, target)
    levels, site_levels = _levels(raw)
    rings = [list(abi.BUCKET.many(data, size)) for _, data, size in _rings(levels, target)]
    site_rings = [data for _, data in _site_rings(raw, site_levels, target)]
    if target.moves:
        raw = _head(copy.header, target)  # its counts are no older than the buckets
    end = _end(read_header(target, copy.address), raw)
    span = _span(copy, raw, rings, target)
    lines = []
    for level, ring in zip(levels, rings):
        own = [_since(bucket, raw.began_ns) for bucket in ring]
        peak = _peak_in(level, raw.peak, levels[0].width_ns)
        lines.append(filled(level, found(level, own, span, _state), end, peak, span))
    sites = []
    for index, site in enumerate(copy.sites):
        if site is not None and site.finished is not None:
            sites.append(SiteHistory(copy, index, site))
            if site.history and site.history <= len(site_rings):
                sites[-1].keep(site_rings[site.history - 1], site_levels, span)
    began, now = ((ns + span.epoch_ns) / 1e9 for ns in (span.began_ns, span.now_ns))
    return History(began, now, end, lines, sites, raw.sites_dropped)


def _head(header: Header, target: Target) -> abi.History:
    address = header.history
    size = int.from_bytes(target.read(address, 4), "little")
    if not abi.HISTORY.size <= size <= MOST_BYTES:
        raise TargetError(f"the history in the registry is damaged: it has {size} bytes")
    return abi.HISTORY.one(target.read(address, abi.HISTORY.size))


def _levels(raw: abi.History) -> Tuple[List[Level], List[Level]]:
    """Those of the process, those of a site."""
    of_process = levels_of(raw.levels, abi.BUCKET.size)
    return of_process, levels_of(raw.site_levels, abi.SITE_BUCKET.size)


def _end(header: Header, raw: abi.History) -> State:
    created = max(0, header.next_id - raw.first_id - raw.cancelled)
    joined = max(0, header.released - raw.first_released - raw.cancelled - raw.gone)
    return State(created, raw.finished, joined, raw.gone, raw.initial)


def _state(raw: abi.Bucket) -> State:
    return State(raw.created, raw.finished, raw.joined, raw.gone, raw.initial)


def _since(bucket: abi.Bucket, began_ns: int) -> abi.Bucket:
    """None (number 0), if it is the parent's."""
    return bucket if bucket.begun_ns >= began_ns else bucket._replace(number=0)


def _span(copy: Copy, raw: abi.History, rings: List[List[abi.Bucket]], target: Target) -> Span:
    begun = [bucket.begun_ns for ring in rings for bucket in ring]
    now = target.now_ns()
    if now is None:
        now = max([copy.latest_ns(), *begun])
    else:
        now = max([now, *(each for each in begun if each <= now + READING_NS)])
    epoch_ns = copy.header.start_realtime_ns - copy.header.start_monotonic_ns
    return Span(min(raw.began_ns, now), now, epoch_ns)


def _peak_in(level: Level, peak: int, finest_ns: int) -> Tuple[int, int]:
    """The most threads in the present stretch of the finest level, and the one of `level` that this is in."""
    return level.number_at(((peak >> 32) - 1) * finest_ns), peak & LOW


def _rings(levels: List[Level], target: Target) -> Iterator[Tuple[int, bytes, int]]:
    """(address, bytes, those of a bucket) of each level's ring."""
    for level in levels:
        size = level.bucket_size
        yield level.buckets, steady(target, level.buckets, level.count * size, size), size


def _site_rings(
    raw: abi.History, levels: List[Level], target: Target
) -> Iterator[Tuple[int, bytes]]:
    """(address, bytes) of the history of each site that has one."""
    size, used = raw.site_history_size, min(raw.site_used, raw.site_capacity)
    ends = [level.buckets + level.count * level.bucket_size for level in levels]
    if not max(ends) <= size <= MOST_SITE_BYTES or size % 8 or used > MOST_SITES:
        raise TargetError(f"the history in the registry is damaged: a site's has {size} bytes")
    head, bucket_size = abi.SITE_HISTORY.size, levels[0].bucket_size
    for address in range(raw.site_histories, raw.site_histories + used * size, size):
        rings = steady(target, address + head, size - head, bucket_size)
        yield address, target.read(address, head) + rings


def history_memory(target: Target, header: Header) -> Iterator[Tuple[int, bytes]]:
    """(address, bytes) of all that the history consists of."""
    raw = _head(header, target)
    levels, site_levels = _levels(raw)
    for address, data, _ in _rings(levels, target):
        yield address, data
    yield from _site_rings(raw, site_levels, target)
    yield header.history, target.read(header.history, abi.HISTORY.size)
