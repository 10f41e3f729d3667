# SPDX-License-Identifier: MIT
"""Which functions a file takes from elsewhere, as its dynamic symbol table tells (elf(5))."""

import os
import struct
from contextlib import suppress
from typing import Optional, Tuple

from .file_bytes import holds, part

_MAGIC = b"\x7fELF\x02\x01"  # 64 bits, little-endian
_SECTION = struct.Struct("<IIQQQQIIQQ")  # Elf64_Shdr
_SYMBOL_SIZE = 24  # Elf64_Sym: st_name is its first word, st_shndx the two bytes from 6 on
_SHT_DYNSYM = 11
_SECTIONS_MAX = 1 << 16


def may_import(path: str, name: str) -> bool:
    """Also where that cannot be told."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError):
        return True
    try:
        word = name.encode() + b"\0"
        return holds(descriptor, word) and _imports(descriptor, word)
    except (OSError, ValueError, struct.error):
        return True
    finally:
        with suppress(OSError):
            os.close(descriptor)


def _imports(file: int, word: bytes) -> bool:
    """A file without a dynamic symbol table is a static program: it has the function itself, and so calls it."""
    table = _dynamic_symbols(file)
    return table is None or _is_undefined(*table, word)


def _dynamic_symbols(file: int) -> Optional[Tuple[bytes, bytes]]:
    """(symbols, strings) of the one such table that a file may have."""
    header = part(file, 0, 64)
    if header[:6] != _MAGIC:
        raise ValueError("no ELF file of 64 bits")
    (start,) = struct.unpack_from("<Q", header, 40)
    size, count = struct.unpack_from("<HH", header, 58)
    if size != _SECTION.size or count > _SECTIONS_MAX:
        raise ValueError("no section headers")
    headers = part(file, start, count * size)
    sections = [_SECTION.unpack_from(headers, at * size) for at in range(count)]
    for section in sections:
        if section[1] == _SHT_DYNSYM:
            of_strings = sections[section[6]] if section[6] < count else section
            return part(file, *section[4:6]), part(file, *of_strings[4:6])
    return None


def _is_undefined(symbols: bytes, strings: bytes, word: bytes) -> bool:
    places = set()
    at = strings.find(word)
    while at >= 0:
        places.add(at)
        at = strings.find(word, at + 1)
    for at in range(0, len(symbols) - _SYMBOL_SIZE + 1, _SYMBOL_SIZE):
        if int.from_bytes(symbols[at : at + 4], "little") in places:
            if symbols[at + 6 : at + 8] == b"\0\0":
                return True
    return False
