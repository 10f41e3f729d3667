# SPDX-License-Identifier: MIT
"""What a program or library says itself of its threads: ELF notes, made by THREADLEAK_EXPECTED_THREADS of
threadleak.h. A note section is allocated, so it lies in the memory of the process, where its program headers
(PT_NOTE, elf(5)) tell; of a core file that lacks those pages it is read from the file. Either way it must be the
build that the registry speaks of, as far as that has a build-id.
"""

import os
import stat
import struct
from typing import Callable, Iterator, List, Optional, Tuple

from ..escapes import decoded
from ..target.base import LoadedFile, Target, TargetError

NAME, TYPE = (
    b"threadleak\0",
    0x544C1001,
)  # THREADLEAK_NOTE_NAME, THREADLEAK_NOTE_RULES of threadleak.h
_GNU_NAME, _BUILD_ID = b"GNU\0", 3  # NT_GNU_BUILD_ID
_MAGIC = b"\x7fELF\x02\x01"  # 64 bits, little-endian
_EHDR_SIZE = 64
_PHDR = struct.Struct("<IIQQQQQQ")
_NHDR = struct.Struct("<III")
_PT_NOTE = 4
_SEGMENTS_MAX, _NOTES_MAX = (
    64,
    64 << 10,
)  # far more than any linker makes; what is beyond is not read

Read = Callable[[int, int], bytes]  # address or offset, size
Note = Tuple[bytes, int, bytes]  # name, type, content


def rule_texts(target: Target, module: LoadedFile) -> List[str]:
    """Rules, those of one text separated by newlines."""
    try:
        notes = _notes(target.read, module.start, module.bias)
    except (TargetError, ValueError, struct.error):
        notes = _of_file(module.name) if module.build_id else []
    ids = [content.hex() for name, kind, content in notes if (name, kind) == (_GNU_NAME, _BUILD_ID)]
    if module.build_id and ids[:1] != [module.build_id]:
        return []
    found = [content for name, kind, content in notes if (name, kind) == (NAME, TYPE)]
    return [decoded(content.split(b"\0", 1)[0]) for content in found]


def _of_file(path: str) -> List[Note]:
    """None where it cannot be read. Devices and pipes are not: that may wait, or do things."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except (OSError, ValueError):
        return []
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return []
        return _notes(lambda at, size: os.pread(descriptor, size, at), 0, None)
    except (OSError, ValueError, OverflowError, struct.error):
        return []
    finally:
        os.close(descriptor)


def _notes(read: Read, start: int, bias: Optional[int]) -> List[Note]:
    """`start`: where the ELF header is. `bias`: of the addresses in memory; None: this is the file itself."""
    header = read(start, _EHDR_SIZE)
    if header[:6] != _MAGIC:
        raise ValueError("no ELF header")
    (phoff,) = struct.unpack_from("<Q", header, 32)
    size, count = struct.unpack_from("<HH", header, 54)
    if size != _PHDR.size:
        raise ValueError("unknown program headers")
    table = read(start + phoff, min(count, _SEGMENTS_MAX) * size)
    notes: List[Note] = []
    left = _NOTES_MAX
    for kind, _, offset, address, _, length, _, align in _PHDR.iter_unpack(table):
        if kind == _PT_NOTE and 0 < length <= left:
            at = offset if bias is None else bias + address & 0xFFFFFFFFFFFFFFFF
            notes += _parsed(read(at, length), 8 if align == 8 else 4)
            left -= length
    return notes


def _parsed(data: bytes, align: int) -> Iterator[Note]:
    at = 0
    while at + _NHDR.size <= len(data):
        name_size, size, kind = _NHDR.unpack_from(data, at)
        name_at = at + _NHDR.size
        content_at = name_at + name_size + -name_size % 4
        content_at += -content_at % align
        if content_at + size > len(data):
            return
        yield data[name_at : name_at + name_size], kind, data[content_at : content_at + size]
        at = content_at + size + -size % align
