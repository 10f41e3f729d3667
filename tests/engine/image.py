# SPDX-License-Identifier: MIT
"""Makes registry images, and a target that serves them, for tests without a process."""

import struct
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

from threadleak.read import abi
from threadleak.read.layout import Layout
from threadleak.target.base import (
    EXACT,
    RETURN,
    CurrentStack,
    Frame,
    LoadedFile,
    Region,
    SystemCall,
    TargetError,
    Thread,
    one_by_one,
)
from threadleak.target.imports import Imports
from threadleak.target.sidecar import Found

REGISTRY = 0x555555600000
TABLES = {"records": 0x7E0000000000, "sites": 0x7F1000000000, "scopes": 0x7F2000000000}
TABLES["modules"], TABLES["rules"] = 0x7F3000000000, 0x7F4000000000
TEXT = 0x555555554000  # of the program, /srv/server
LIBC = 0x7FFFF7C00000
PID = 4242
T0 = 1_000_000_000_000  # the library's start, CLOCK_MONOTONIC
EPOCH0 = 1_700_000_000_000_000_000
TID_OFFSET, SELF_OFFSET = 720, -64
MS = 1_000_000
SITE_SIZE = abi.SITE.size + 8 * 32


def pack(layout: "Layout[Any]", **values: Any) -> bytes:
    """A struct with these fields; the others are 0."""
    data = bytearray(layout.size)
    for field in layout.fields:
        if field.name in values:
            struct.pack_into("<" + field.code, data, field.offset, values.pop(field.name))
    assert not values, f"no such field: {sorted(values)}"
    return bytes(data)


def frame(pc: int, module: int = 1) -> int:
    return module << 48 | pc


def site(frames: Iterable[int], flags: int = abi.SITE_COMPLETE, **values: Any) -> bytes:
    words = list(frames)
    head = pack(abi.SITE, frame_count=len(words), flags=flags, **values)
    return (head + struct.pack(f"<{len(words)}Q", *words)).ljust(SITE_SIZE, b"\0")


def scope(id: int, name: bytes, parent: int = 0, ended_ns: int = 0, begun_ns: int = T0) -> bytes:
    times = dict(begun_ns=begun_ns, ended_ns=ended_ns, flags=abi.SCOPE_ENDED if ended_ns else 0)
    return pack(abi.SCOPE, id=id, name=name, parent=parent, **times)


def module(name: bytes, start: int, build_id: bytes = b"\1\2\3\4") -> bytes:
    return pack(
        abi.MODULE,
        name=name,
        start=start,
        end=start + 0x200000,
        bias=start,
        build_id=build_id,
        build_id_size=len(build_id),
    )


def mark(text: bytes, flags: int = 0) -> bytes:
    return pack(abi.RULE, text=text, flags=flags)


def record(id: int, state: int = abi.STARTED, **values: Any) -> bytes:
    """A joinable thread that runs; tid 4242 + id - 1, so that id 1 is the main thread's."""
    defaults: Dict[str, Any] = dict(
        id=id,
        state=state,
        tid=PID + id - 1,
        pthread=0x7FFF00000000 + id * 0x1000,
        created_ns=T0 + id * MS,
        creator=0 if id == 1 else 1,
        site=0 if id == 1 else 1,
        start=0 if id == 1 else TEXT + 0x1100,
        start_module=1,
        name=b"worker-%d" % id,
    )
    if state & abi.FINISHED:
        defaults["finished_ns"] = T0 + 100 * MS
    return pack(abi.RECORD, **{**defaults, **values})


MAIN = record(1, abi.STARTED | abi.MAIN, name=b"server")
SITES = [
    site([frame(TEXT + 0x1205), frame(TEXT + 0x1300), frame(LIBC + 0x27000, 2)], created=5),
    site([frame(TEXT + 0x1405), frame(LIBC + 0x89000, 2)], creator_site=1, created=2),
]
MODULES = [module(b"/srv/server", TEXT), module(b"/lib/libc.so.6", LIBC, b"\5\6")]


def table(
    name: str, entries: List[bytes], reserved: int, split: int = 0, shift: int = 0
) -> Tuple[bytes, Any]:
    """The struct, and the memory of its chunks: one, or two with the first of `split` entries."""
    size = len(entries[0]) if entries else {"sites": SITE_SIZE, "rules": 256}.get(name, 128)
    entries = [bytes(size)] * reserved + entries
    cuts = [(0, split), (split, len(entries))] if split else [(0, len(entries))]
    chunks, memory = b"", []
    for number, (first, end) in enumerate(cuts):
        address = TABLES[name] + shift + number * 0x1000000
        room = max(end - first, 1)
        chunks += pack(abi.CHUNK, address=address, count=room)
        memory.append((address, b"".join(entries[first:end]).ljust(room * size, b"\0")))
    struct_ = pack(
        abi.TABLE,
        entry_size=size,
        chunk_count=len(cuts),
        used=len(entries),
        chunks=chunks.ljust(256, b"\0"),
    )
    return struct_, memory


def image(
    records: List[bytes],
    /,
    sites: Optional[List[bytes]] = None,
    scopes: Optional[List[bytes]] = None,
    modules: Optional[List[bytes]] = None,
    marks: Optional[List[bytes]] = None,
    split: int = 0,
    address: int = REGISTRY,
    shift: int = 0,
    **header: Any,
) -> List[Tuple[int, bytes]]:
    """(address, bytes) of a registry and its tables."""
    values: Dict[str, Any] = dict(
        magic=abi.MAGIC,
        byte_order=abi.BYTE_ORDER,
        abi_major=abi.MAJOR,
        abi_minor=abi.MINOR,
        header_size=abi.HEADER.size,
        pointer_size=8,
        self=address,
        pid=PID,
        start_realtime_ns=EPOCH0,
        start_monotonic_ns=T0,
        library_version=b"0.1.0",
        tid_offset=TID_OFFSET,
        self_offset=SELF_OFFSET,
        next_id=1 << 40,
        site_frames_offset=abi.SITE.size,
    )
    regions = []
    for name, entries, reserved in (
        ("records", records, 0),
        ("sites", SITES if sites is None else sites, 1),
        ("scopes", scopes or [], 1),
        ("modules", MODULES if modules is None else modules, 1),
        ("rules", marks or [], 1),
    ):
        at = split if name == "records" else 0
        values[name], memory = table(name, entries, reserved, at, shift)
        regions += memory
    return [(address, pack(abi.HEADER, **{**values, **header}))] + regions


class FakeThread(NamedTuple):
    tid: int
    pthread: int = 0
    state: str = "blocked"
    own_tid: int = 0
    name: str = "kernel-name"
    call: Optional[SystemCall] = None


FUNCTIONS = {
    TEXT + 0x1100: ("worker", "/src/server.c", 30),
    TEXT + 0x1205: ("start_worker", "/src/server.c", 42),
    TEXT + 0x1300: ("main", "/src/server.c", 77),
    TEXT + 0x1405: ("reload", "/src/server.c", 99),
    LIBC + 0x27000: ("__libc_start_call_main", None, None),
    LIBC + 0x89000: ("start_thread", None, None),
}


class FakeTarget:
    """A core, unless `now` is given; then a stopped process."""

    moves = blurred = False
    machine = 62
    unwinder = "none"
    local_pid: Optional[int] = None
    host: Optional[str] = None
    beside = Found(None)

    def __init__(
        self,
        regions: Iterable[Tuple[int, bytes]],
        threads: Iterable[FakeThread] = (FakeThread(PID),),
        now: Optional[int] = None,
        pid: int = PID,
        symbols: Optional[List[int]] = None,
    ):
        self.memory = sorted(regions)
        self.kind = "core" if now is None else "process"
        self.pid: Optional[int] = pid
        self.exe: Optional[str] = "/srv/server"
        self.core: Optional[str] = "/tmp/core" if now is None else None
        self.now = now
        self.symbols = [REGISTRY] if symbols is None else symbols
        self.fakes = {thread.tid: thread for thread in threads}
        self.reads = 0
        self.register_reads = 0
        self.limit_list: List[str] = []
        self.functions: Dict[int, Any] = dict(FUNCTIONS)
        self.data_symbols: Dict[int, str] = {}

    def own_pid(self) -> int:
        return self.pid or 0

    def now_ns(self) -> Optional[int]:
        return self.now

    def limits(self) -> List[str]:
        return self.limit_list

    def read(self, address: int, size: int) -> bytes:
        self.reads += 1
        data = b""
        for start, content in self.memory:
            at = address + len(data)
            if start <= at < start + len(content):
                data += content[at - start : at - start + size - len(data)]
        if len(data) < size:
            raise TargetError(f"memory at {address:#x} cannot be read")
        return data

    def read_each(self, addresses: Sequence[int], size: int) -> Iterable[Optional[bytes]]:
        return one_by_one(self.read, addresses, size)

    def symbol(self, name: str) -> List[int]:
        return self.symbols if name == "threadleak_registry" else []

    def writable_regions(self, of_file: bool) -> Iterable[Region]:
        for start, content in self.memory:
            if of_file == (start < 0x600000000000):
                yield Region(start, start + len(content))

    def threads(self) -> List[Thread]:
        return [Thread(fake.tid, fake.own_tid or fake.tid) for fake in self.fakes.values()]

    def thread_name(self, thread: Thread) -> Optional[str]:
        return self.fakes[thread.tid].name

    def number_of(self, thread: Thread) -> Optional[int]:
        return list(self.fakes).index(thread.tid) + 1

    def pthread_of(self, thread: Thread) -> Optional[int]:
        self.register_reads += 1
        return self.fakes[thread.tid].pthread or None

    def current_stacks(self, threads: Sequence[Thread], limit: int) -> List[CurrentStack]:
        self.register_reads += len(threads)
        frames = ((LIBC + 0x91000, EXACT), (TEXT + 0x1100, RETURN), (LIBC + 0x89000, RETURN))
        return [CurrentStack(frames[:limit], "")] * len(threads)

    def read_stacks(self, limit: int) -> None:
        pass

    def release(self) -> None:
        pass

    def state_of(self, thread: Thread) -> str:
        self.register_reads += 1
        return self.fakes[thread.tid].state

    def system_call(self, thread: Thread) -> Optional[str]:
        return None

    def system_calls(
        self, threads: Sequence[Thread], again: bool = False
    ) -> List[Optional[SystemCall]]:
        self.register_reads += len(threads)
        return [self.fakes[thread.tid].call for thread in threads]

    def symbolize(self, pc: int, what: int) -> List[Frame]:
        function, file, line = self.functions.get(pc, (None, None, None))
        return [Frame(pc, function, None, None, file, line)]

    def symbolize_gone(self, module: LoadedFile, pc: int, what: int) -> List[Frame]:
        return []

    def local_function(self, pc: int, what: int) -> Optional[str]:
        return None

    def data_symbol(self, address: int) -> Optional[str]:
        return self.data_symbols.get(address)

    def data_name(self, address: int) -> Optional[str]:
        return self.data_symbols.get(address)

    def module_at(self, pc: int) -> Optional[str]:
        if TEXT <= pc < TEXT + 0x200000:
            return "/srv/server"
        return "/lib/libc.so.6" if LIBC <= pc < LIBC + 0x200000 else None

    def files(self) -> Dict[str, Optional[str]]:
        return {"/srv/server": "01020304", "/lib/libc.so.6": "0506"}

    def imports(self, names: Sequence[str]) -> Imports:
        return Imports(frozenset())
