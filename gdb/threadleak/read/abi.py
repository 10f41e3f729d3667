# SPDX-License-Identifier: MIT
"""The layout of helper/include/threadleak_abi.h: each struct is a class, each field has its C type.

What the registry of version 1.2 and later points to, history and events, is in abi_history.py.

tests/abi compares every name, offset and size with the header. A struct only grows at its end, so each
class here is read from a shorter one too (fields that the writer does not have are None) and from a
longer one (what this reader does not know is skipped).
"""

from typing import Annotated, NamedTuple

from .layout import I32, U16, U32, U64, Layout

MAGIC = b"THRDLEAK"
BYTE_ORDER = 0x01020304
MAJOR = 1
MINOR = 2
CHUNKS = 16


class Chunk(NamedTuple):
    address: U64
    count: U64  # type: ignore[assignment]  # tuples have a method of this name


class Table(NamedTuple):
    entry_size: U32
    chunk_count: U32
    used: U64
    dropped: U64
    growing: U32
    reserved: U32
    chunks: Annotated[bytes, "256s"]


class Header(NamedTuple):
    """struct threadleak_registry"""

    magic: Annotated[bytes, "8s"]
    byte_order: U32
    abi_major: U16
    abi_minor: U16
    header_size: U32
    pointer_size: U32
    self: U64
    pid: U32
    flags: U32
    fork_generation: U32
    parent_pid: U32
    start_realtime_ns: U64
    start_monotonic_ns: U64
    library_version: Annotated[bytes, "16s"]
    tid_offset: I32
    self_offset: I32
    next_id: U64
    released: U64
    failed_creates: U64
    failed_eagain: U64
    failed_errno: U32
    site_frames_offset: U32
    failed_at_ns: U64
    unseen_ends: U64
    threads_inherited: U64
    lost_facts: U64
    expected: U64  # since 1.1; before, 0
    reserved: Annotated[bytes, "24s"]
    records: Annotated[bytes, "288s"]
    sites: Annotated[bytes, "288s"]
    scopes: Annotated[bytes, "288s"]
    modules: Annotated[bytes, "288s"]
    rules: Annotated[bytes, "288s"]  # since 1.1
    history: U64  # since 1.2, and so is the next
    events: U64


HOOKS_INACTIVE = 0x1
FORK_CHILD = 0x2
SECOND_COPY = 0x4
EXITING = 0x8


class Record(NamedTuple):
    id: U64
    creator: U64
    start: U64
    arg: U64
    created_ns: U64
    pthread: U64
    site: U32
    scope: U32
    sequence: U32
    tid: U32
    state: U32
    expected: U32
    finished_ns: U64
    join_begun_ns: U64
    joiner: U64
    name: Annotated[bytes, "16s"]
    start_module: U32
    next_free: U32
    join_pc: U64


STARTED = 0x1
FINISHED = 0x2
JOINED = 0x4
DETACHED = 0x8
C11 = 0x10
MAIN = 0x20
EXITED = 0x40
NO_END = 0x80
BORN_DETACHED = 0x100
HELD = 0x200
REPORTED = 0x400


class Site(NamedTuple):
    hash: U64
    frame_count: U32
    flags: U32
    creator_site: U32
    expected: U32
    created: U64
    first_ns: U64
    expected_start: U64  # since 1.1; before, 0
    reserved: Annotated[bytes, "16s"]
    finished: U64  # since 1.2, and so are the next
    joined: U64
    gone: U64
    peak: U64
    history: U32
    spare: U32
    spares: Annotated[bytes, "24s"]


SITE_COMPLETE = 0x1
SITE_TRUNCATED = 0x2
SITE_CUT = 0x4
SITE_CREATORS = 0x8


def frame_pc(frame: int) -> int:
    return frame & 0xFFFFFFFFFFFF


def frame_module(frame: int) -> int:
    return frame >> 48


class Scope(NamedTuple):
    id: U64
    owner: U64
    begun_ns: U64
    ended_ns: U64
    sequence: U32
    parent: U32
    users: U32
    flags: U32
    expected: U32
    next_free: U32
    name: Annotated[bytes, "72s"]


SCOPE_ENDED = 0x1


class Module(NamedTuple):
    start: U64
    end: U64
    bias: U64
    eh_frame_hdr: U64
    link_map: U64
    checksum: U32
    build_id_size: U32
    build_id: Annotated[bytes, "32s"]
    name: Annotated[bytes, "176s"]


class Rule(NamedTuple):
    """Since 1.1."""

    marked: U64
    flags: U32
    reserved: U32
    text: Annotated[bytes, "240s"]


RULE_UNJOINED, RULE_COUNTED, RULE_EXITS = 0x1, 0x2, 0x4


CHUNK = Layout(Chunk)
TABLE = Layout(Table)
HEADER = Layout(Header)
RECORD = Layout(Record)
SITE = Layout(Site)
SCOPE = Layout(Scope)
MODULE = Layout(Module)
RULE = Layout(Rule)
LAYOUTS = {
    "threadleak_chunk": CHUNK,
    "threadleak_table": TABLE,
    "threadleak_registry": HEADER,
    "threadleak_record": RECORD,
    "threadleak_site": SITE,
    "threadleak_scope": SCOPE,
    "threadleak_module": MODULE,
    "threadleak_rule": RULE,
}
# Sizes in version 1.0: no writer of this major version has smaller ones.
FIRST_SIZES = {HEADER: 1344, RECORD: 128, SITE: 64, SCOPE: 128, MODULE: 256, RULE: 256}
