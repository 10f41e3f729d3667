# SPDX-License-Identifier: MIT
"""The ring of events that a process keeps: what each of its threads did last, and when.

Many threads write it without waiting for each other, and it is read while they do. An event is taken if its seal
says that it is whole, and that it is the one which belongs in that entry. It is read when it is asked for alone.
"""

import struct
from operator import mul
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

from ..target.base import Target, TargetError
from . import abi_history as abi
from .abi import SCOPE, Header
from .model import Copy, Registry, text_of
from .ticks import Ticks

MOST, MOST_BYTES = 1 << 22, 1 << 12  # events in a ring, bytes of one
MOST_HEAD = 1 << 16
BLOCK = 96 << 10  # read at once, as in table.py
READING_NS = 10 * 10**9  # that the process may have run on since the target's now
KINDS = {
    abi.EVENT_CREATE: "create",
    abi.EVENT_CREATE_FAILED: "create_failed",
    abi.EVENT_START: "start",
    abi.EVENT_NAME: "name",
    abi.EVENT_DETACH: "detach",
    abi.EVENT_FINISH: "finish",
    abi.EVENT_JOIN_END: "join_end",
    abi.EVENT_JOIN_FAILED: "join_failed",
    abi.EVENT_SCOPE_BEGIN: "scope_begin",
    abi.EVENT_SCOPE_END: "scope_end",
}
JOIN_BEGIN = "join_begin"  # made of what an event of its end, or its failure, says
_WORDS = struct.Struct("<8Q")
_FACTORS = [abi.EVENT_FACTOR * (2 * at + 1) for at in range(1, 8)]
_ALL = (1 << 64) - 1


class Event(NamedTuple):
    time_ns: int  # since 1970
    kind: str
    thread: int  # id of who did it, 0: a thread without a record
    other: int  # create, name, detach, join_*: id of the thread it was done to; scope_*: id of the scope
    tid: int  # start
    site: int  # create: index into the copy's sites
    scope: int  # create: id of the scope, 0: none; scope_begin: of the enclosing one
    name: str  # name, scope_begin
    sequence: int

    @property
    def time_s(self) -> float:
        return self.time_ns / 1e9


class Events(NamedTuple):
    """Of one copy of the library."""

    copy: Copy
    events: List[Event]  # by time
    overwritten: int  # events before these, of this process
    torn: int  # that were being written
    size: int  # events that the ring holds
    is_timed: bool  # False: all times are one, since the process had no time to compare its clocks

    @property
    def kept(self) -> int:
        """As the ring has them: a join that is over is one, here its beginning and its end."""
        return sum(event.kind != JOIN_BEGIN for event in self.events)


def events_of(registry: Registry, target: Target) -> Optional[Events]:
    """None: the library is older, or the option events=0 was given. TargetError: they are damaged, or cannot be
    read. Where a process has several copies of the library, those of the copy that noted the most.
    """
    found = [_read(copy, target) for copy in registry.copies if copy.header.events]
    found.sort(key=lambda each: each.kept + each.overwritten)
    return found[-1] if found else None


def _read(copy: Copy, target: Target) -> Events:
    raw = _head(copy.header, target)
    entries = dict(_entries(raw, target))
    after = _head(copy.header, target)  # what was noted meanwhile
    if target.blurred:
        after = after._replace(next=after.next + after.count)
    whole = {
        number: entry
        for number, entry in entries.items()
        if max(raw.first, raw.next - raw.count) <= number < after.next
    }
    expected = min(raw.count, raw.next - raw.first)
    newer = sum(number >= raw.next for number in whole)
    now = target.now_ns()
    until = _ALL if now is None else now + READING_NS
    ticks = Ticks(after, copy.header.start_monotonic_ns, until)
    epoch_ns = copy.header.start_realtime_ns - copy.header.start_monotonic_ns
    events = sorted(_events(whole, ticks, epoch_ns), key=lambda each: (each.time_ns, each.sequence))
    overwritten = raw.next - raw.first - expected + newer
    return Events(
        copy, events, overwritten, max(0, expected - len(whole)), raw.count, ticks.is_known
    )


def _head(header: Header, target: Target) -> abi.Events:
    address = header.events
    size = int.from_bytes(target.read(address, 4), "little")
    if not abi.EVENTS.size <= size <= MOST_HEAD:
        raise TargetError(f"the events in the registry are damaged: they begin with {size} bytes")
    raw = abi.EVENTS.one(target.read(address, abi.EVENTS.size))
    if raw.count & raw.count - 1 or not 1 <= raw.count <= MOST:
        raise TargetError(f"the events in the registry are damaged: a ring of {raw.count}")
    if raw.event_size % 8 or not abi.EVENT.size <= raw.event_size <= MOST_BYTES:
        raise TargetError(f"the events in the registry are damaged: of {raw.event_size} bytes")
    if not 1 <= raw.first <= raw.next < 1 << 63:
        raise TargetError(f"the events in the registry are damaged: number {raw.next} is next")
    return raw


def _blocks(raw: abi.Events, target: Target) -> Iterator[Tuple[int, bytes]]:
    """(index of the first entry, bytes) of those that are in use: number 1 lies in entry 1."""
    used = min(raw.count, raw.next)
    step = max(1, BLOCK // raw.event_size)
    for begin in range(0, used, step):
        count = min(step, used - begin)
        yield begin, target.read(raw.entries + begin * raw.event_size, count * raw.event_size)


def _entries(raw: abi.Events, target: Target) -> Iterator[Tuple[int, bytes]]:
    """(number, bytes) of each that is whole and lies where it belongs."""
    for begin, data in _blocks(raw, target):
        for index in range(len(data) // raw.event_size):
            entry = data[index * raw.event_size : index * raw.event_size + abi.EVENT.size]
            seal, *words = _WORDS.unpack(entry)
            number = seal - sum(map(mul, words, _FACTORS)) & _ALL
            if number % raw.count == begin + index and number:
                yield number, entry


def events_memory(target: Target, header: Header) -> Iterator[Tuple[int, bytes]]:
    """(address, bytes) of all that they consist of."""
    raw = _head(header, target)
    yield header.events, target.read(header.events, abi.EVENTS.size)
    for begin, data in _blocks(raw, target):
        yield raw.entries + begin * raw.event_size, data


def _events(entries: Dict[int, bytes], ticks: Ticks, epoch_ns: int) -> Iterator[Event]:
    for number, entry in entries.items():
        raw = abi.EVENT.at(entry, 0, abi.EVENT.size)
        kind = KINDS.get(raw.kind)
        if kind is None:
            continue  # a later version's, or the rest of a name
        if raw.kind in (abi.EVENT_JOIN_END, abi.EVENT_JOIN_FAILED):
            yield from _join(raw, kind, number, ticks, epoch_ns)
            continue
        name = raw.name
        while len(name) < _LONGEST and b"\0" not in name:
            name += _more_of(entries.get(number + 1 + len(name) // _MORE))
        yield Event(
            ticks.ns(raw.ticks) + epoch_ns,
            kind,
            raw.thread,
            raw.other,
            raw.tid,
            raw.site,
            raw.scope,
            text_of(name) if name[0] else "",
            number,
        )


def _join(raw: abi.Event, kind: str, number: int, ticks: Ticks, epoch_ns: int) -> Iterator[Event]:
    """Its beginning, if it waited, and its end."""
    began = int.from_bytes(raw.name[:8], "little")
    times = [(began, JOIN_BEGIN)] if began else []
    for at, what in [*times, (raw.ticks, kind)]:
        yield Event(ticks.ns(at) + epoch_ns, what, raw.thread, raw.other, 0, 0, 0, "", number)


_MORE = abi.EVENT.size - abi.EVENT.fields[4].offset  # bytes of a name in an event of that kind
_LONGEST = SCOPE.fields[-1].size


def _more_of(entry: Optional[bytes]) -> bytes:
    """Of a name; ends in a zero byte where there is none."""
    if entry is None or abi.EVENT.one(entry).kind != abi.EVENT_MORE:
        return b"\0"
    return entry[-_MORE:]
