# SPDX-License-Identifier: MIT
"""The history and the events of a registry: what is in the frozen image, what stands for what is missing, and
that whatever the bytes, what comes out is in order and within bounds, or is refused in a sentence."""

import struct
import sys
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image import MAIN, PID, T0, FakeTarget, FakeThread, image, pack
from threadleak.read import abi_history as abi
from threadleak.read.buckets import Bucket
from threadleak.read.events import JOIN_BEGIN, KINDS, Events, events_of
from threadleak.read.history import History, history_of, most_alive
from threadleak.read.locate import read_registry
from threadleak.read.look import look_at
from threadleak.read.ticks import Ticks, seal_of
from threadleak.target.base import TargetError

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "abi"))
from frozen import FrozenTarget, load  # noqa: E402

IMAGES = Path(__file__).resolve().parents[1] / "abi"
FROZEN = load(IMAGES / "registry-1.2.bin")
SECOND, MINUTE = 10**9, 60 * 10**9
HISTORY, RING, MINUTES, HALF_HOURS = (0x7E5000000000 + at * 0x100000 for at in range(4))
EVENTS, ENTRIES = 0x7E6000000000, 0x7E6000100000
WIDTHS = (SECOND, MINUTE, 30 * MINUTE)
COUNTS = (600, 720, 480)
ALL = (1 << 64) - 1

Memory = List[Tuple[int, bytes]]


# ---- a process with the history and events that a test says ---------------------------------------


def history_memory(buckets: Dict[int, Dict[str, int]], **values: Any) -> Memory:
    """`buckets`: by the second since T0; the coarser levels have none."""
    size = abi.BUCKET.size
    places = (RING, MINUTES, HALF_HOURS)
    levels = b"".join(
        pack(abi.LEVEL, width_ns=width, count=count, bucket_size=size, buckets=at)
        for width, count, at in zip(WIDTHS, COUNTS, places)
    )
    own = b"".join(
        pack(abi.LEVEL, width_ns=width, count=4, bucket_size=32, buckets=16 + at * 128)
        for at, width in enumerate(WIDTHS[1:])
    )
    defaults = dict(size=abi.HISTORY.size, began_ns=T0, first_id=2, initial=1, levels=levels)
    defaults.update(site_levels=own, site_history_size=272, site_histories=HALF_HOURS + 0x80000)
    ring = bytearray(COUNTS[0] * size)
    for second, counts in buckets.items():
        begun = T0 + second * SECOND
        number = begun // SECOND + 1
        raw = pack(abi.BUCKET, number=number, begun_ns=begun, **{"initial": 1, **counts})
        at = number % COUNTS[0] * size
        ring[at : at + size] = raw
    others = [(at, bytes(count * size)) for at, count in zip(places[1:], COUNTS[1:])]
    return [(HISTORY, pack(abi.HISTORY, **{**defaults, **values})), (RING, bytes(ring))] + others


def event(number: int, ticks: int, kind: int, **values: Any) -> bytes:
    raw = pack(abi.EVENT, ticks=ticks, kind=kind, **values)
    words = struct.unpack("<8Q", raw)
    total = sum(word * abi.EVENT_FACTOR * (2 * at + 1) for at, word in enumerate(words) if at)
    return struct.pack("<Q", (number + total) & ALL) + raw[8:]


def events_memory(entries: List[bytes], count: int = 8, **values: Any) -> Memory:
    """`entries`: those of the numbers 1, 2, ...; times are nanoseconds."""
    ring = bytearray(count * abi.EVENT.size)
    for number, raw in enumerate(entries, 1):
        at = number % count * abi.EVENT.size
        ring[at : at + abi.EVENT.size] = raw
    defaults = dict(size=abi.EVENTS.size, event_size=abi.EVENT.size, entries=ENTRIES, count=count)
    defaults.update(first=1, next=len(entries) + 1, clock=abi.CLOCK_MONOTONIC)
    return [(EVENTS, pack(abi.EVENTS, **{**defaults, **values})), (ENTRIES, bytes(ring))]


def target(memory: Memory, now_s: int = 10, **header: Any) -> FakeTarget:
    base = image([MAIN], history=HISTORY, events=EVENTS, **header)
    return FakeTarget(base + memory, [FakeThread(PID, 0x7FFF00001000)], T0 + now_s * SECOND)


def history(memory: Memory, now_s: int = 10, **header: Any) -> History:
    process = target(memory, now_s, **header)
    found = history_of(read_registry(process), process)
    assert found is not None
    return found


def events(memory: Memory) -> Events:
    process = target(memory)
    found = events_of(read_registry(process), process)
    assert found is not None
    return found


# ---- the history ----------------------------------------------------------------------------------


def test_seconds_without_a_bucket_are_filled_in() -> None:
    buckets = {0: {}, 3: dict(created=4, finished=1), 4: dict(created=5, finished=1, peak=6)}
    memory = history_memory(buckets, finished=3, gone=1)
    found = history(memory, now_s=6, next_id=2 + 7, released=2)
    level = found.levels[0]
    assert [bucket.created for bucket in level] == [4, 0, 0, 1, 2, 0, 0]
    assert [bucket.finished for bucket in level] == [1, 0, 0, 0, 2, 0, 0]
    assert [bucket.joined for bucket in level] == [0, 0, 0, 0, 1, 0, 0]
    assert [bucket.alive for bucket in level] == [4, 4, 4, 5, 5, 5, 5]
    assert [bucket.unjoined for bucket in level] == [1, 1, 1, 1, 1, 1, 1]
    assert [bucket.peak for bucket in level] == [4, 4, 4, 5, 6, 5, 5]
    assert [bucket.begun_s - found.started_s for bucket in level] == [0, 1, 2, 3, 4, 5, 6]
    assert [len(level) for level in found.levels] == [7, 1, 1]
    assert found.total.alive == 5 and found.total.unjoined == 1


def test_of_a_long_life_the_newest_stretches_are_there() -> None:
    memory = history_memory({0: {}, 990: dict(created=40, finished=10)}, finished=10)
    level = history(memory, now_s=1000, next_id=2 + 41).levels[0]
    assert len(level) == COUNTS[0]
    assert {bucket.alive for bucket in level[:-11]} == {31} and level[-1].alive == 32
    assert sum(bucket.created for bucket in level) == 1


def test_buckets_of_the_parent_do_not_count() -> None:
    memory = history_memory({0: dict(created=50), 5: dict(created=0)}, began_ns=T0 + 5 * SECOND)
    level = history(memory, now_s=6, next_id=3).levels[0]
    assert [(bucket.created, bucket.alive) for bucket in level] == [(1, 2), (0, 2)]


def test_the_most_of_the_present_second_is_in_each_level() -> None:
    now = (T0 + 2 * SECOND) // SECOND + 1
    memory = history_memory({2: dict(created=1)}, peak=now << 32 | 9)
    found = history(memory, now_s=2, next_id=2 + 1)
    assert found.levels[0][-1].peak == 9


def test_the_most_ever_is_told_by_one_ring() -> None:
    class Reads(FrozenTarget):
        read_bytes = 0

        def read(self, address: int, size: int) -> bytes:
            self.read_bytes += size
            return bytes(super().read(address, size))

    process = Reads(FROZEN)
    registry = read_registry(process)
    found = history_of(registry, process)
    assert found is not None
    process.read_bytes = 0
    most = most_alive(registry, process)
    assert (
        most == max(bucket.peak for level in found.levels for bucket in level) > found.total.alive
    )
    assert process.read_bytes < (COUNTS[2] + 10) * abi.BUCKET.size


def test_the_most_ever_is_not_the_parent_s() -> None:
    memory = history_memory({}, began_ns=T0, peak=1 << 32 | 3)
    number = T0 // (30 * MINUTE) + 1
    parents = pack(abi.BUCKET, number=number, begun_ns=T0 - 1, peak=50)
    memory = [
        (at, parents + raw[len(parents) :] if at == HALF_HOURS else raw) for at, raw in memory
    ]
    process = target(memory, next_id=3)
    assert most_alive(read_registry(process), process) == 3


def test_an_older_library_has_neither() -> None:
    for name in ("registry-1.0.bin", "registry-1.1.bin"):
        old = FrozenTarget(load(IMAGES / name))
        registry = read_registry(old)
        assert registry.copies[0].header.history is None
        assert history_of(registry, old) is None and events_of(registry, old) is None
        assert most_alive(registry, old) is None
        assert all(site is None or site.finished is None for site in registry.copies[0].sites)


def test_options_may_have_turned_them_off() -> None:
    process = FakeTarget(image([MAIN]), [FakeThread(PID, 0x7FFF00001000)], T0)
    registry = read_registry(process)
    assert history_of(registry, process) is None and events_of(registry, process) is None


def test_a_look_at_threads_reads_neither() -> None:
    class Reads(FakeTarget):
        def read(self, address: int, size: int) -> bytes:
            assert address < HISTORY or address >= ENTRIES + 0x1000
            return super().read(address, size)

    memory = image([MAIN], history=HISTORY, events=EVENTS)
    process = Reads(memory, [FakeThread(PID, 0x7FFF00001000)], T0)
    assert len(look_at(process).threads.infos) == 1


# ---- the events -----------------------------------------------------------------------------------


def test_events_are_in_the_order_of_time() -> None:
    entries = [
        event(1, T0 + 5, abi.EVENT_CREATE, thread=1, other=2, site=3, scope=4),
        event(2, T0 + 9, abi.EVENT_FINISH, thread=2),
        event(3, T0 + 7, abi.EVENT_START, thread=2, tid=77),
    ]
    found = events(events_memory(entries))
    assert [(each.kind, each.thread, each.other) for each in found.events] == [
        ("create", 1, 2),
        ("start", 2, 0),
        ("finish", 2, 0),
    ]
    assert (found.overwritten, found.torn, found.size) == (0, 0, 8)
    assert (found.events[0].site, found.events[0].scope, found.events[1].tid) == (3, 4, 77)


def test_overwritten_and_torn_events_are_counted() -> None:
    entries = [event(at, T0 + at, abi.EVENT_FINISH, thread=at) for at in range(1, 21)]
    entries[15] = entries[15][:32] + bytes(8) + entries[15][40:-8] + b"written "  # 16
    entries[17] = event(10, T0 + 10, abi.EVENT_FINISH, thread=10)  # the writer was held up
    found = events(events_memory(entries))
    assert [each.sequence for each in found.events] == [13, 14, 15, 17, 19, 20]
    assert (found.overwritten, found.torn) == (12, 2)


def test_a_long_name_is_put_together() -> None:
    name = b"the name of a scope which is longer than one event has room for"
    more = event(2, T0, abi.EVENT_MORE)[:24] + name[16:56]
    rest = event(3, T0, abi.EVENT_MORE)[:24] + name[56:].ljust(40, b"\0")
    sealed = [
        event(number, T0, abi.EVENT_MORE, **values(raw))
        for number, raw in enumerate((more, rest), 2)
    ]
    begin = event(1, T0, abi.EVENT_SCOPE_BEGIN, thread=1, other=5, name=name[:16])
    found = events(events_memory([begin, *sealed]))
    assert [each.name for each in found.events] == [name.decode()]
    cut = events(events_memory([begin, event(2, T0, abi.EVENT_FINISH)]))
    assert cut.events[0].name == name[:16].decode()


def values(raw: bytes) -> Dict[str, Any]:
    """What lies behind kind and tid."""
    rest = abi.EVENT.one(raw)
    return dict(
        thread=rest.thread, other=rest.other, site=rest.site, scope=rest.scope, name=rest.name
    )


def test_without_two_pairs_there_are_no_times() -> None:
    entries = [event(1, 12345, abi.EVENT_START, thread=1)]
    memory = events_memory(entries, clock=abi.CLOCK_COUNTER, pairs_used=1)
    assert not events(memory).is_timed


def _packed(pairs: List[Tuple[int, int]]) -> bytes:
    return b"".join(
        pack(abi.CLOCK_PAIR, number=number, ticks=t, ns=ns, seal=seal_of(number, t, ns))
        for number, (t, ns) in enumerate(pairs, 1)
    )


PAIR = st.tuples(st.integers(0, ALL), st.integers(0, ALL))


@settings(max_examples=300)
@given(st.lists(PAIR, max_size=20), st.lists(st.integers(0, ALL), max_size=30))
def test_times_are_in_order_whatever_the_pairs(pairs: Any, ticks: List[int]) -> None:
    raw = _packed(pairs)
    clock = Ticks(
        abi.EVENTS.one(pack(abi.EVENTS, clock=abi.CLOCK_COUNTER, pairs_used=len(pairs), pairs=raw)),
        T0,
        T0 + MINUTE,
    )
    times = [clock.ns(each) for each in sorted(ticks)]
    assert times == sorted(times)
    assert all(T0 <= time <= T0 + MINUTE for time in times)


def test_a_counter_is_turned_to_nanoseconds() -> None:
    pairs = [(1000, T0), (4000, T0 + 1000), (10000, T0 + 3000)]
    raw = _packed(pairs)
    head = pack(abi.EVENTS, clock=abi.CLOCK_COUNTER, pairs_used=3, pairs=raw)
    clock = Ticks(abi.EVENTS.one(head), T0 - SECOND, T0 + SECOND)
    assert [clock.ns(at) - T0 for at in (1000, 2500, 7000, 13000, 400)] == [
        0,
        500,
        2000,
        4000,
        -200,
    ]


def test_two_pairs_taken_at_once_say_nothing_of_the_rate() -> None:
    """A counter of 1 GHz; the last pair is 60 ns too late."""
    pairs = [(SECOND, T0), (2 * SECOND, T0 + SECOND), (2 * SECOND + 100, T0 + SECOND + 160)]
    raw = _packed(pairs)
    head = pack(abi.EVENTS, clock=abi.CLOCK_COUNTER, pairs_used=3, pairs=raw)
    clock = Ticks(abi.EVENTS.one(head), T0, T0 + MINUTE)
    assert abs(clock.ns(3 * SECOND) - T0 - 2 * SECOND) < 1000


def test_a_pair_into_which_two_wrote_is_none() -> None:
    """Of the second the ticks are an older one's: what it says of all after it would be wrong."""
    raw = _packed([(SECOND, T0), (2 * SECOND, T0 + SECOND), (3 * SECOND, T0 + 2 * SECOND)])
    torn = raw[:40] + (SECOND + 1).to_bytes(8, "little") + raw[48:]
    head = pack(abi.EVENTS, clock=abi.CLOCK_COUNTER, pairs_used=3, pairs=torn)
    clock = Ticks(abi.EVENTS.one(head), T0, T0 + MINUTE)
    assert abs(clock.ns(SECOND + SECOND // 2) - T0 - SECOND // 2) < 1000


# ---- damage ---------------------------------------------------------------------------------------


def must_be_sane(memory: Memory) -> None:
    process = FrozenTarget(memory)
    registry = read_registry(process)
    try:
        assert (most_alive(registry, process) or 0) >= 0
        found = history_of(registry, process)
    except TargetError as error:
        assert str(error)
        found = None
    for level in found.levels if found else ():
        levels_must_be_sane(level)
    for site in found.sites if found else ():
        for level in site.levels():
            levels_must_be_sane(level)
    try:
        ring = events_of(registry, process)
    except TargetError as error:
        assert str(error)
        return
    assert ring is not None
    times = [(each.time_ns, each.sequence) for each in ring.events]
    stored = [each for each in ring.events if each.kind != JOIN_BEGIN]
    assert times == sorted(times) and len(stored) <= ring.size
    assert ring.overwritten >= 0 and ring.torn >= 0
    assert {each.kind for each in stored} <= set(KINDS.values())


def levels_must_be_sane(level: List[Bucket]) -> None:
    assert [bucket.begun_s for bucket in level] == sorted(bucket.begun_s for bucket in level)
    for bucket in level:
        assert min(bucket) >= 0 and bucket.peak >= bucket.alive


def places() -> List[int]:
    """Indices of the pieces of the image that hold history and events."""
    header = read_registry(FrozenTarget(FROZEN)).copies[0].header
    first = next(at for at, piece in enumerate(FROZEN) if piece[0] == header.history)
    events_at = next(at for at, piece in enumerate(FROZEN) if piece[0] == header.events)
    return list(range(first, first + 5)) + [events_at, events_at + 1]


PLACES = places()
WORDS = st.one_of(st.sampled_from([0, 1, 2, 1 << 31, 1 << 32, 1 << 62, ALL]), st.integers(0, ALL))


@settings(max_examples=250)
@given(st.lists(st.tuples(st.sampled_from(PLACES), st.integers(0, 1 << 20), WORDS), max_size=12))
def test_words_may_be_anything(changes: List[Tuple[int, int, int]]) -> None:
    memory = list(FROZEN)
    for piece, at, word in changes:
        address, data = memory[piece]
        begin = at % (len(data) // 8) * 8
        memory[piece] = address, data[:begin] + word.to_bytes(8, "little") + data[begin + 8 :]
    must_be_sane(memory)


@settings(max_examples=150)
@given(st.integers(0, 31), WORDS, st.sampled_from([0, 5]))
def test_words_of_the_heads_may_be_anything(at: int, word: int, head: int) -> None:
    memory = list(FROZEN)
    address, data = memory[PLACES[head]]
    begin = at % (len(data) // 8) * 8
    memory[PLACES[head]] = address, data[:begin] + word.to_bytes(8, "little") + data[begin + 8 :]
    must_be_sane(memory)


@pytest.mark.parametrize("piece", PLACES)
def test_memory_that_is_not_there(piece: int) -> None:
    must_be_sane([each for at, each in enumerate(FROZEN) if at != piece])
