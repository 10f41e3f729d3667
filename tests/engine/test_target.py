# SPDX-License-Identifier: MIT
"""What targets read without a debugger: core files' headers, and /proc."""

import os
import struct
import time
from pathlib import Path
from typing import Any, List, NamedTuple, Tuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from threadleak.target import elf, procfs
from threadleak.target.base import Region, TargetError
from threadleak.target.lastrun import LastRun

LOAD, NOTE = 1, 4
R, W, X = 4, 2, 1


class Load(NamedTuple):
    address: int
    data: bytes
    flags: int = R | W


def file_note(files: List[Tuple[int, int, str]]) -> bytes:
    content = struct.pack("<QQ", len(files), 4096)
    content += b"".join(struct.pack("<QQQ", start, end, 0) for start, end, _ in files)
    content += b"".join(name.encode() + b"\0" for _, _, name in files)
    padding = b"\0" * (-len(content) % 4)
    note = struct.pack("<III", 5, len(content), 0x46494C45) + b"CORE\0\0\0\0" + content + padding
    return struct.pack("<III", 5, 4, 1) + b"CORE\0\0\0\0" + b"abcd" + note


def core_bytes(
    loads: List[Load], files: List[Tuple[int, int, str]], extended: bool = False
) -> bytes:
    note = file_note(files)
    count = len(loads) + 1
    at = 64 + 56 * count
    headers = struct.pack("<IIQQQQQQ", NOTE, 0, at, 0, 0, len(note), 0, 0)
    body = note
    for load in loads:
        size = len(load.data)
        place = at + len(body)
        headers += struct.pack("<IIQQQQQQ", LOAD, load.flags, place, load.address, 0, size, size, 1)
        body += load.data
    section = at + len(body) if extended else 0
    head = struct.pack(
        "<16sHHIQQQIHHHHHH",
        *(b"\x7fELF\x02\x01\x01", 4, 62, 1, 0, 64, section, 0, 64, 56),
        *(0xFFFF if extended else count, 64, 1 if extended else 0, 0),
    )
    tail = struct.pack("<IIQQQQIIQQ", 0, 0, 0, 0, 0, 0, 0, count, 0, 0) if extended else b""
    return head + headers + body + tail


LOADS = [
    Load(0x1000, b"text", R | X),
    Load(0x2000, b"d" * 0x1000),
    Load(0x3000, b"b" * 0x800),
    Load(0x9000, b"s" * 0x100),
]
FILES = [(0x1000, 0x2000, "/bin/x"), (0x2000, 0x3000, "/bin/x")]


def open_core(folder: Path, data: bytes) -> elf.Core:
    path = folder / "core"
    path.write_bytes(data)
    return elf.Core(str(path))


@pytest.mark.parametrize("extended", [False, True])
def test_core(tmp_path: Path, extended: bool) -> None:
    core = open_core(tmp_path, core_bytes(LOADS, FILES, extended))
    assert core.files() == FILES and core.missing == 0 and core.has_writable
    assert list(core.writable_regions(True)) == [Region(0x2000, 0x3000)]
    assert list(core.writable_regions(False)) == [Region(0x3000, 0x3800), Region(0x9000, 0x9100)]
    assert elf.is_core(str(tmp_path / "core"))


def test_without_a_list_of_files_each_segment_may_be_of_one(tmp_path: Path) -> None:
    core = open_core(tmp_path, core_bytes(LOADS, []))
    assert list(core.writable_regions(True)) == [Region(0x2000, 0x3800), Region(0x9000, 0x9100)]
    assert list(core.writable_regions(False)) == []


def test_segments_in_any_order(tmp_path: Path) -> None:
    core = open_core(tmp_path, core_bytes(LOADS[::-1], FILES))
    assert list(core.writable_regions(True))[0].start == 0x2000


def test_truncated_core(tmp_path: Path) -> None:
    whole = core_bytes(LOADS, FILES)
    core = open_core(tmp_path, whole[: len(whole) - 0x500])
    assert core.missing == 0x500
    assert list(core.writable_regions(False)) == [Region(0x3000, 0x3400)]
    core = open_core(tmp_path, whole[:100])
    assert core.missing > 0 and core.files() == [] and not core.has_writable


def test_a_core_that_is_cut_while_it_is_read(tmp_path: Path) -> None:
    core = open_core(tmp_path, core_bytes(LOADS, FILES) + bytes(0x4000))
    os.truncate(tmp_path / "core", 0)
    assert core.files() == [] and core.made() is None  # nor are we killed


def test_wild_counts_take_no_memory(tmp_path: Path) -> None:
    data = bytearray(core_bytes(LOADS, FILES, extended=True))
    struct.pack_into("<I", data, len(data) - 20, 1 << 31)  # sh_info
    with pytest.raises(TargetError, match="it claims 2,147,483,648 segments"):
        open_core(tmp_path, bytes(data))
    data = bytearray(core_bytes(LOADS, FILES))
    at = data.index(struct.pack("<QQ", len(FILES), 4096))
    for count in (1 << 63, (1 << 64) - 1):
        struct.pack_into("<Q", data, at, count)
        assert len(open_core(tmp_path, bytes(data)).files()) <= 4
    struct.pack_into("<I", data, at - 16, 0xFFFFFFF0)  # n_descsz, of a file that is sparse
    struct.pack_into("<Q", data, 64 + 32, 1 << 33)  # p_filesz
    (tmp_path / "core").write_bytes(data)
    os.truncate(tmp_path / "core", 1 << 34)
    assert elf.Core(str(tmp_path / "core")).files() == []


def test_a_core_that_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (str(tmp_path), str(tmp_path / "pipe"), "/dev/zero"):
        with pytest.raises(TargetError, match="cannot be read"):
            elf.Core(path)


@pytest.mark.parametrize(
    "data", [b"", b"short", b"\x7fELF" * 40, core_bytes([], [])[:16] + bytes(80)]
)
def test_what_is_no_core(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(TargetError, match="cannot be read"):
        open_core(tmp_path, data)
    assert not elf.is_core("/nonexistent")


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=st.lists(st.tuples(st.integers(0, 600), st.integers(0, 255)), max_size=8))
def test_damaged_cores(tmp_path: Path, edits: List[Tuple[int, int]]) -> None:
    data = bytearray(core_bytes(LOADS, FILES))
    for at, value in edits:
        data[at % len(data)] = value
    try:
        core = open_core(tmp_path, bytes(data))
        found: List[Any] = [core.missing, core.has_writable, core.files()]
        found += [list(core.writable_regions(of_file)) for of_file in (True, False)]
    except TargetError:
        return
    assert len(found) == 5


# ---- /proc ---------------------------------------------------------------------------------------

MAPS = """\
55d000-55e000 r-xp 00000000 fe:01 100      /srv/a\\012server (deleted)
55e000-55f000 rw-p 00001000 fe:01 100      /srv/a\\012server (deleted)
55f000-560000 rw-p 00000000 00:00 0        [heap]
560000-561000 rw-p 00000000 00:00 0 
700000-701000 ---p 00000000 00:00 0 
701000-702000 rw-s 00000000 00:05 7        /dev/dri/card0
702000-703000 rw-p 00000000 00:05 8        /dev/zero
"""


def test_maps() -> None:
    assert list(procfs.writable_regions(MAPS, True)) == [Region(0x55E000, 0x55F000)]
    assert list(procfs.writable_regions(MAPS, False)) == [
        Region(0x55F000, 0x561000),
        Region(0x702000, 0x703000),
    ]
    mappings = procfs.Mappings(procfs.files(MAPS))
    assert mappings.at(0x55E010) == procfs.Mapping("/srv/a\nserver", 0x55D000)
    assert mappings.at(0x55F000) is None and mappings.at(0x10) is None


def test_of_this_process() -> None:
    pid = os.getpid()
    assert procfs.ns_ids(str(pid))[-1] == pid
    assert procfs.ns_ids("4194305") == []
    assert procfs.has_our_clock(pid)
    assert not procfs.has_died(pid)
    assert procfs.has_died(4194305)
    assert any("python" in path for _, _, path in procfs.files(procfs.read_maps(pid)))
    with pytest.raises(TargetError, match="memory map of 4194305"):
        procfs.read_maps(4194305)


def test_a_zombie_has_died() -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    try:
        assert procfs.has_died(child)
    finally:
        os.waitpid(child, 0)


# ---- when a process ran last ---------------------------------------------------------------------


class Clock:
    """Time goes on only where a test says so."""

    def __init__(self) -> None:
        self.now = 1000

    def __call__(self) -> int:
        return self.now


def last_run() -> Tuple[LastRun, Clock]:
    """Of a debugger that was started at 1000."""
    clock = Clock()
    return LastRun(clock, clock.now), clock


def test_attached_at_start_up() -> None:
    """Symbols take a while; then the stop of attaching is reported, or was before we were there."""
    seen, clock = last_run()
    clock.now = 3000
    seen.appeared("process")
    clock.now = 5000
    seen.stopped("process")
    assert seen.at_ns("process") == seen.at_ns("another") == 1000


def test_attached_by_a_command() -> None:
    seen, clock = last_run()
    clock.now = 2000
    seen.prompt()
    clock.now = 4000
    seen.appeared("process")
    seen.stopped("process")
    clock.now = 6000
    seen.prompt()  # a later one says nothing of a process that stands still
    assert seen.at_ns("process") == 2000


def test_continued_and_stopped() -> None:
    seen, clock = last_run()
    seen.appeared("process")
    clock.now = 2000
    seen.resumed("process")
    assert seen.at_ns("process") == 2000
    clock.now = 7000
    seen.stopped("other")
    seen.stopped("process")
    clock.now = 9000
    seen.stopped("process")
    assert seen.at_ns("process") == 7000 and seen.at_ns("other") == 1000


def test_when_we_were_started() -> None:
    now = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    started = procfs.started_ns()
    used = time.process_time_ns()
    assert 0 < started <= now - used // os.cpu_count()  # type: ignore[operator]
