# SPDX-License-Identifier: MIT
"""The layout of helper/include/threadleak_abi.h, continued: what came with version 1.2, history and events."""

from typing import Annotated, NamedTuple

from .layout import U32, U64, Layout

LEVELS, SITE_LEVELS = 3, 2


class Level(NamedTuple):
    width_ns: U64
    count: U32  # type: ignore[assignment]  # tuples have a method of this name
    bucket_size: U32
    buckets: U64
    latest: U64


class Bucket(NamedTuple):
    number: U64
    begun_ns: U64
    created: U64
    finished: U64
    joined: U64
    gone: U64
    peak: U64
    initial: U32
    reserved: U32


class SiteBucket(NamedTuple):
    number: U64
    created: U32
    finished: U32
    joined: U32
    gone: U32
    peak: U64


class SiteHistory(NamedTuple):
    """Rings of buckets follow."""

    latest: U64
    peak: U64


class History(NamedTuple):
    size: U32
    site_history_size: U32
    began_ns: U64
    first_id: U64
    first_released: U64
    site_histories: U64
    site_capacity: U32
    site_used: U32
    sites_dropped: U64
    reserved: U64
    next_ns: U64
    peak: U64
    initial: U64
    finished: U64
    gone: U64
    cancelled: U64
    spare: Annotated[bytes, "16s"]
    levels: Annotated[bytes, "96s"]
    site_levels: Annotated[bytes, "64s"]


class Event(NamedTuple):
    seal: U64
    ticks: U64
    kind: U32
    tid: U32
    thread: U64
    other: U64
    site: U32
    scope: U32
    name: Annotated[bytes, "16s"]


EVENT_CREATE, EVENT_CREATE_FAILED, EVENT_START, EVENT_NAME, EVENT_DETACH, EVENT_FINISH = range(1, 7)
EVENT_JOIN_END, EVENT_JOIN_FAILED = 8, 9
EVENT_SCOPE_BEGIN, EVENT_SCOPE_END, EVENT_MORE = 10, 11, 12
EVENT_FACTOR = 0x9E3779B97F4A7C15
CLOCK_MONOTONIC, CLOCK_COUNTER = 0, 1
CLOCK_PAIRS = 64


class ClockPair(NamedTuple):
    number: U64
    ticks: U64
    ns: U64
    seal: U64


class Events(NamedTuple):
    size: U32
    event_size: U32
    entries: U64
    count: U64  # type: ignore[assignment]
    first: U64
    clock: U32
    reserved: U32
    pairs_used: U64
    spare: Annotated[bytes, "16s"]
    next: U64
    spares: Annotated[bytes, "56s"]
    pairs: Annotated[bytes, "2048s"]


LEVEL, BUCKET, SITE_BUCKET = Layout(Level), Layout(Bucket), Layout(SiteBucket)
SITE_HISTORY, HISTORY = Layout(SiteHistory), Layout(History)
EVENT, CLOCK_PAIR, EVENTS = Layout(Event), Layout(ClockPair), Layout(Events)
LAYOUTS = {
    "threadleak_level": LEVEL,
    "threadleak_bucket": BUCKET,
    "threadleak_site_bucket": SITE_BUCKET,
    "threadleak_site_history": SITE_HISTORY,
    "threadleak_history": HISTORY,
    "threadleak_event": EVENT,
    "threadleak_clock_pair": CLOCK_PAIR,
    "threadleak_events": EVENTS,
}
