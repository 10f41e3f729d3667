# SPDX-License-Identifier: MIT
"""The little of a core file that GDB does not tell: its segments, and which of them came from files.

Sources: elf(5); NT_FILE as in Linux, fs/binfmt_elf.c (fill_files_note). A core of a process with many
threads has two segments for each, so as little as can be is done for each segment. The file is read, not
mapped: whoever cuts it meanwhile would kill us with SIGBUS.
"""

import os
import stat
import struct
from bisect import bisect_left, bisect_right
from operator import add, le
from typing import FrozenSet, Iterable, Iterator, List, NamedTuple, Optional, Set, Tuple

from ..escapes import decoded
from .base import Region, TargetError

_EHDR = struct.Struct("<16sHHIQQQIHHHHHH")
_PHDR_SIZE = 56
_NHDR = struct.Struct("<III")
_MAGIC = b"\x7fELF\x02\x01"  # 64 bits, little-endian
_ET_CORE = 4
_PT_LOAD, _PT_NOTE = 1, 4
_EXECUTABLE, _WRITABLE = 1 << 32, 2 << 32  # PF_X, PF_W, in the upper half of the first word
_PN_XNUM = 0xFFFF  # the number of segments is in section header 0 then
_NT_FILE = 0x46494C45
_NOTES_MAX = 1 << 20
_NOTE_MAX = 16 << 20  # NT_FILE's: the kernel's sysctl core_file_note_size_limit goes no further
_SEGMENTS_MAX = 1 << 22  # Linux makes one for each mapping, of which it allows 65,530 unless told
_MADE = struct.Struct("<QQQII")  # struct snapshot_made of helper/probe/snapshot_notes.h
_NOTE_MADE = 0x544C0001  # SNAPSHOT_NOTE_MADE there
_NT_PRPSINFO, _NT_AUXV = 3, 6
_NOTE_FILES, _NOTE_STEADY = 0x544C0003, 0x544C0004  # SNAPSHOT_NOTE_FILES, SNAPSHOT_NOTE_STEADY


class Made(NamedTuple):
    """A core that `threadleak snapshot` made says so. Its process ran on meanwhile, if it did not stop it."""

    realtime_ns: int
    monotonic_ns: int  # when it was read, on the clock of the registry
    stopped_ns: int
    pid: int
    own_pid: int


CORE, PROGRAM, OTHER = "core", "program", "other"
_TYPES = {2: PROGRAM, 3: PROGRAM, _ET_CORE: CORE}  # ET_EXEC, ET_DYN


def type_of(path: str) -> str:
    """CORE, PROGRAM or, whatever it is, OTHER. Devices and pipes are not opened: that may wait, or do things."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return OTHER
        with open(path, "rb") as file:
            data = file.read(_EHDR.size)
    except (OSError, ValueError):
        return OTHER
    if data[:6] != _MAGIC or len(data) < 18:
        return OTHER
    return _TYPES.get(int.from_bytes(data[16:18], "little"), OTHER)


def is_core(path: str) -> bool:
    return type_of(path) == CORE


class Core:
    def __init__(self, path: str):
        try:
            self._file = open(path, "rb", buffering=0, opener=_without_waiting)
            status = os.fstat(self._file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ValueError("no regular file")
            self._size = status.st_size
            phoff, count = self._header()
            view = memoryview(self._read(phoff, count * _PHDR_SIZE))
            words = view[: len(view) // _PHDR_SIZE * _PHDR_SIZE].cast("Q")
            # Elf64_Phdr as 7 words: flags and type, offset, virtual and physical address, size in the file
            self._kinds, self._offsets, self._addresses = words[0::7], words[1::7], words[2::7]
            self._sizes = words[4::7]
            self._headers_end = phoff + count * _PHDR_SIZE
            self._files: Optional[List[Tuple[int, int, str]]] = None
        except (OSError, ValueError, struct.error) as error:
            raise TargetError(f"the core file {path} cannot be read: {error}") from None

    def _read(self, offset: int, size: int) -> bytes:
        """What the file has of it."""
        size = min(size, self._size - offset)
        try:
            return os.pread(self._file.fileno(), size, offset) if size > 0 else b""
        except OSError:
            return b""

    def _header(self) -> Tuple[int, int]:
        """Offset and number of the program headers."""
        fields = _EHDR.unpack(self._read(0, _EHDR.size))
        ident, e_type, phoff, shoff, phentsize, phnum = fields[:2] + fields[5:7] + fields[9:11]
        if ident[:6] != _MAGIC or e_type != _ET_CORE or phentsize != _PHDR_SIZE:
            raise ValueError("not a little-endian 64-bit ELF core file")
        if phnum == _PN_XNUM:
            phnum = struct.unpack("<I", self._read(shoff + 44, 4))[0]  # sh_info
        if phnum > _SEGMENTS_MAX:
            raise ValueError(f"it claims {phnum:,} segments")
        return phoff, phnum

    @property
    def missing(self) -> int:
        """Bytes that the headers promise behind the end of the file."""
        end = max(map(add, self._offsets, self._sizes), default=0)
        return max(0, end - self._size, self._headers_end - self._size)

    @property
    def has_writable(self) -> bool:
        return next(self._writable(range(len(self._kinds))), None) is not None

    def limits(self) -> List[str]:
        """Sentences that say what is not in it."""
        found = []
        if self.missing:
            found.append(f"the core file is truncated, {self.missing:,} bytes are missing")
        if not self.has_writable:
            found.append(
                "the core holds no writable memory: set /proc/PID/coredump_filter to 0x33, its"
                " default, before the program dumps core"
            )
        return found

    def _writable(self, indices: Iterable[int]) -> Iterator[Tuple[int, int]]:
        """Of these segments those that the process could write, as far as the file holds them."""
        for index in indices:
            kind, offset = self._kinds[index], self._offsets[index]
            if kind & _WRITABLE and kind & 0xFFFFFFFF == _PT_LOAD:
                size = min(self._sizes[index], self._size - offset)
                if size > 0:
                    yield self._addresses[index], self._addresses[index] + size

    def writable_regions(self, of_file: bool) -> Iterator[Region]:
        """Those that are mapped from files, or the others. Adjacent ones joined."""
        found = self._of_files()
        rest = set(range(len(self._kinds))).difference(found) if not of_file else found
        return _joined(sorted(self._writable(rest)))

    def has(self, address: int) -> bool:
        """Whether it has memory of its own where a segment begins."""
        return any(size and start == address for start, size in zip(self._addresses, self._sizes))

    def files_of_code(self) -> Iterator[Tuple[int, str]]:
        """(address, path) of each mapping of a file that could be executed."""
        code = {at for at, kind in zip(self._addresses, self._kinds) if kind & _EXECUTABLE}
        return ((start, path) for start, _, path in self.files() if start in code)

    def _of_files(self) -> Iterable[int]:
        """Indices of the segments that are mapped from files; of all, if nothing tells."""
        addresses = self._addresses
        files = self.files()
        if not files or not all(map(le, addresses, addresses[1:])):
            return range(len(addresses))
        found: Set[int] = set()
        for start, end, _ in files:
            found.update(
                range(max(0, bisect_right(addresses, start) - 1), bisect_left(addresses, end))
            )
        return found

    def made(self) -> Optional[Made]:
        """None: a kernel or a debugger made it. The note is the first of the file."""
        for index, kind in enumerate(self._kinds):
            if kind & 0xFFFFFFFF == _PT_NOTE:
                at = self._offsets[index]
                head = _NHDR.pack(11, _MADE.size, _NOTE_MADE) + b"THREADLEAK\0\0"
                note = self._read(at, len(head) + _MADE.size)
                whole = len(note) == len(head) + _MADE.size and note.startswith(head)
                return Made(*_MADE.unpack(note[len(head) :])) if whole else None
        return None

    def files(self) -> List[Tuple[int, int, str]]:
        """Address ranges that were mapped from files."""
        if self._files is None:
            self._files = self._read_files()
        return self._files

    def open_files(self) -> Optional[str]:
        """What a snapshot says of open files, a line for each: helper/probe/snapshot_notes.h."""
        data = self._note(_NOTE_FILES, 0)
        return None if data is None else decoded(data)

    def steady(self) -> FrozenSet[int]:
        """Tids of threads that did not run while a snapshot was made, as far as it says so."""
        data = self._note(_NOTE_STEADY, 0) or b""
        return frozenset(tid for tid, in struct.iter_unpack("<I", data[: len(data) // 4 * 4]))

    def auxv(self) -> Optional[bytes]:
        """The auxiliary vector that the kernel gave the program (getauxval(3)); None: not told."""
        return self._note(_NT_AUXV, 16)

    def process_flags(self) -> int:
        """The kernel's flags of the process, pr_flag of struct elf_prpsinfo (linux/elfcore.h); 0: not told."""
        data = self._note(_NT_PRPSINFO, 16)
        return 0 if data is None else int.from_bytes(data[8:16], "little")

    def pid(self) -> int:
        """pr_pid, as the process itself knew it; 0: not told."""
        data = self._note(_NT_PRPSINFO, 28)
        return 0 if data is None else int.from_bytes(data[24:28], "little")

    def _read_files(self) -> List[Tuple[int, int, str]]:
        data = self._note(_NT_FILE, 16)
        if data is None:
            return []
        count = min((len(data) - 16) // 24, int.from_bytes(data[:8], "little"))
        names_at = 16 + 24 * max(0, count)
        names = decoded(data[names_at:]).split("\0", count)
        rows = struct.iter_unpack("<QQQ", data[16:names_at])
        return [(start, stop, name) for (start, stop, _), name in zip(rows, names)]

    def _note(self, wanted: int, least: int) -> Optional[bytes]:
        """The content of the first note of that type, of `least` bytes or more."""
        for index, kind in enumerate(self._kinds):
            if kind & 0xFFFFFFFF == _PT_NOTE:
                offset = self._offsets[index]
                size = min(self._sizes[index], max(0, self._size - offset))
                found = self._note_within(offset, offset + size, wanted, least)
                if found is not None:
                    return found
        return None

    def _note_within(self, at: int, end: int, wanted: int, least: int) -> Optional[bytes]:
        for _ in range(_NOTES_MAX):
            header = self._read(at, min(_NHDR.size, end - at))
            if len(header) < _NHDR.size:
                break
            name_size, size, kind = _NHDR.unpack(header)
            content = at + _NHDR.size + (name_size + 3 & ~3)
            at = content + (size + 3 & ~3)
            if kind == wanted and content + size <= end and least <= size <= _NOTE_MAX:
                return self._read(content, size)
        return None


def _without_waiting(path: str, flags: int) -> int:
    """What is named may have become a pipe."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)


def _joined(spans: Iterable[Tuple[int, int]]) -> Iterator[Region]:
    start = end = 0
    for first, last in spans:
        if first != end:
            if start < end:
                yield Region(start, end)
            start = first
        end = last
    if start < end:
        yield Region(start, end)
