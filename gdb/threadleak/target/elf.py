# SPDX-License-Identifier: MIT
"""The little of a core file that GDB does not tell: its segments, and which of them came from files.

Sources: elf(5); NT_FILE as in Linux, fs/binfmt_elf.c (fill_files_note).
"""

import mmap
import os
import struct
from bisect import bisect_left
from typing import Iterator, List, NamedTuple, Tuple

from .base import Region, TargetError

_EHDR = struct.Struct("<16sHHIQQQIHHHHHH")
_PHDR = struct.Struct("<IIQQQQQQ")
_NHDR = struct.Struct("<III")
_ET_CORE = 4
_PT_LOAD, _PT_NOTE = 1, 4
_PF_W = 2
_PN_XNUM = 0xFFFF  # the number of segments is in section header 0 then
_NT_FILE = 0x46494C45
_NOTES_MAX = 1 << 20


class Segment(NamedTuple):
    start: int
    dumped_end: int  # the rest of it is not in the file
    writable: bool


class Core(NamedTuple):
    segments: List[Segment]  # by address, only what the file holds
    files: List[Tuple[int, int, str]]  # address ranges that are mapped from files, sorted
    missing: int  # bytes that the headers promise behind the end of the file

    def writable_regions(self) -> Iterator[Region]:
        """Adjacent segments joined; what is mapped from files apart from what is not."""
        starts = [start for start, _, _ in self.files]
        last = None
        for segment in self.segments:
            if not segment.writable or segment.dumped_end <= segment.start:
                continue
            at = bisect_left(starts, segment.dumped_end) - 1
            # without a list of files each may be of one
            of_file = not self.files or (at >= 0 and self.files[at][1] > segment.start)
            region = Region(segment.start, segment.dumped_end, of_file)
            if last is not None and last.end == region.start and last.of_file == of_file:
                last = Region(last.start, region.end, of_file)
                continue
            if last is not None:
                yield last
            last = region
        if last is not None:
            yield last


def read_core(path: str) -> Core:
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _parse(data, size)
    except (OSError, ValueError, struct.error) as error:
        raise TargetError(f"the core file {path} cannot be read: {error}") from None


def _parse(data: mmap.mmap, size: int) -> Core:
    ident, e_type, _, _, _, phoff, shoff, _, _, phentsize, phnum, _, _, _ = _EHDR.unpack_from(data)
    if ident[:6] != b"\x7fELF\x02\x01" or e_type != _ET_CORE or phentsize != _PHDR.size:
        raise TargetError("not a little-endian 64-bit ELF core file")
    if phnum == _PN_XNUM:
        phnum = struct.unpack_from("<I", data, shoff + 44)[0]  # sh_info
    headers = data[phoff : phoff + phnum * _PHDR.size]
    whole = len(headers) // _PHDR.size * _PHDR.size
    segments, files, end = [], [], phoff + phnum * _PHDR.size
    for kind, flags, offset, address, _, file_size, _, _ in _PHDR.iter_unpack(headers[:whole]):
        end = max(end, offset + file_size)
        if kind == _PT_LOAD:
            dumped = max(0, min(file_size, size - offset))
            segments.append(Segment(address, address + dumped, bool(flags & _PF_W)))
        elif kind == _PT_NOTE:
            files += _mapped_files(data, offset, min(file_size, max(0, size - offset)))
    segments.sort()
    files.sort()
    return Core(segments, files, max(0, end - size))


def _mapped_files(data: mmap.mmap, at: int, size: int) -> List[Tuple[int, int, str]]:
    end = at + size
    for _ in range(_NOTES_MAX):
        if at + _NHDR.size > end:
            break
        name_size, size, kind = _NHDR.unpack_from(data, at)
        content = at + _NHDR.size + (name_size + 3 & ~3)
        at = content + (size + 3 & ~3)
        if kind != _NT_FILE or content + size > end or size < 16:
            continue
        count = struct.unpack_from("<Q", data, content)[0]
        names_at = content + min(size, 16 + 24 * count)
        ranges = data[content + 16 : names_at]
        names = data[names_at : content + size].decode("utf-8", "backslashreplace").split("\0")
        whole = len(ranges) // 24 * 24
        rows = struct.iter_unpack("<QQQ", ranges[:whole])
        return [(start, stop, name) for (start, stop, _), name in zip(rows, names)]
    return []
