# SPDX-License-Identifier: MIT
"""Which functions a process takes from its libraries: by the dynamic symbol tables that the dynamic linker went by, as
memory has them (elf(5)). What lies at a file's path now may be another build, or be another process's file system.

A relocation names what is taken: no header in memory tells how many symbols there are.
"""

import os
import struct
from contextlib import suppress
from typing import (
    Callable,
    Dict,
    FrozenSet,
    Iterable,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
)

from .base import TargetError
from .elf import Core
from .file_bytes import holds, part

_SECTION = struct.Struct("<IIQQQQIIQQ")  # Elf64_Shdr
_SEGMENT = struct.Struct("<IIQQQQQQ")  # Elf64_Phdr
_SECTIONS_MAX = 1 << 16
_SIZE_MAX = 256 << 20  # of one table: browsers have some ten megabytes
_SHT_SYMTAB, _PT_LOAD, _PT_DYNAMIC, _PT_INTERP = 2, 1, 2, 3
_NEEDED, _PLT_SIZE, _STRINGS, _SYMBOLS, _RELA, _RELA_SIZE = 1, 2, 5, 6, 7, 8  # DT_...
_STRINGS_SIZE, _SONAME, _PLT = 10, 14, 23
_WORDS = 6  # of four bytes: in Elf64_Sym, whose first is st_name; in Elf64_Rela, whose fourth is the symbol's number
_MAGIC, _HEADER_SIZE, _PAGE = b"\x7fELF\x02\x01", 64, 4096  # 64 bits, little-endian

Read = Callable[[int, int], bytes]  # Target.read()
Row = Tuple[int, int, str]  # start, end and path of what is mapped from a file


class Imports(NamedTuple):
    names: FrozenSet[str]
    untold: str = ""  # why there may be more, as a clause; "": there are no more


class Source(NamedTuple):
    """Rows by address. `file`: by where it begins, path of the same build of what is mapped; None: it is not here."""

    read: Read
    rows: Sequence[Row]
    file: Callable[[int], Optional[str]]
    core: Optional[Core] = None


class _File(NamedTuple):
    start: int
    path: str
    rows: List[int]  # where they start


def imports(source: Source, names: Sequence[str]) -> Imports:
    """Which of `names` are among them."""
    files = list(_files(source))
    unknown = _unknown_code(source, files)
    found: Set[str] = set()
    for file in files:
        try:
            found.update(_of_file(source, file, names))
        except (TargetError, OSError, ValueError, StopIteration, struct.error):
            unknown = unknown or file.path
    if not files:
        return Imports(frozenset(found), "which files it has mapped is not known")
    return Imports(frozenset(found), f"the symbols of {unknown} cannot be read" if unknown else "")


def _files(source: Source) -> Iterator[_File]:
    """Those that are ELF files: the rest of one follows its first page, which may lie there once more."""
    file = _File(0, "", [])
    parts: List[int] = []
    for start, end, path in source.rows:
        is_part = path == file.path and any(start <= each < end for each in parts)
        with suppress(TargetError):
            if not is_part and _is_header(source.read(start, _HEADER_SIZE)):
                if file.rows:
                    yield file
                file, parts = _File(start, path, []), []
                parts = _parts(_segments(source.read, start), start)
        if path == file.path:
            file.rows.append(start)
    if file.rows:
        yield file


def _segments(read: Read, start: int) -> List[Tuple[int, ...]]:
    header = read(start, _HEADER_SIZE)
    (offset,), (count,) = struct.unpack_from("<Q", header, 32), struct.unpack_from("<H", header, 56)
    return list(_SEGMENT.iter_unpack(read(start + offset, count * _SEGMENT.size)))


def _parts(segments: Iterable[Tuple[int, ...]], start: int) -> List[int]:
    """Where they are loaded, if the file begins at `start`."""
    loaded = [(each[2], each[3]) for each in segments if each[0] == _PT_LOAD]
    bias = next((start - address + at for at, address in loaded if at < _PAGE), start)
    return [bias + address for _, address in loaded]


def _is_header(data: bytes) -> bool:
    """The dynamic linker has the first bytes of one among its constants."""
    return data.startswith(_MAGIC) and data[54:56] == _SEGMENT.size.to_bytes(2, "little")


def _unknown_code(source: Source, files: Sequence[_File]) -> str:
    """Path of a file that may be an ELF file and that nothing shows: if a core has the first page of one of them, it has
    those of all (coredump_filter, core(5))."""
    core = source.core
    if core is None or any(core.has(file.start) for file in files):
        return ""
    known = {start for file in files for start in file.rows}
    return next((path for start, path in core.files_of_code() if start not in known), "")


def _of_file(source: Source, file: _File, names: Sequence[str]) -> Iterable[str]:
    read = source.read
    segments = _segments(read, file.start)
    loaded = [(at, address) for kind, _, at, address, *_ in segments if kind == _PT_LOAD]
    if len(file.rows) == 1 < len(loaded):
        return ()  # mapped as data
    bias = file.start - next(address - at for at, address in loaded if at < _PAGE)
    dynamic: Dict[int, int] = {}
    for kind, _, _, address, _, _, length, _ in segments:
        if kind == _PT_DYNAMIC:
            words = memoryview(_table(read, bias + address, length, 16)).cast("Q")
            dynamic.update(zip(words[0::2], words[1::2]))
    found = set(_taken(read, bias, dynamic, names))
    is_static = not {_NEEDED, _SONAME} & set(dynamic)
    if is_static and not any(segment[0] == _PT_INTERP for segment in segments):
        found.update(_of_static(source.file(file.start), names))
    return found


def _table(read: Read, address: int, size: int, entry: int) -> bytes:
    if size > _SIZE_MAX:
        raise ValueError("no such table")
    return read(address, size - size % entry) if size >= entry else b""


def _taken(read: Read, bias: int, dynamic: Dict[int, int], names: Sequence[str]) -> Iterable[str]:
    def table(tag: int, size: int, entry: int) -> bytes:
        """The dynamic linker has added `bias` to the addresses that it can write to."""
        address = dynamic[tag]
        return _table(read, address if address >= bias else address + bias, size, entry)

    strings = table(_STRINGS, dynamic[_STRINGS_SIZE], 1) if _STRINGS in dynamic else b""
    places = {at: name for name in names for at in _places(strings, name.encode() + b"\0")}
    numbers: Set[int] = set()
    for tag, size in (_RELA, _RELA_SIZE), (_PLT, _PLT_SIZE):
        if places and tag in dynamic:
            relocations = table(tag, dynamic.get(size, 0), 4 * _WORDS)
            numbers.update(memoryview(relocations).cast("I")[3::_WORDS])
    if not numbers:
        return ()
    symbols = memoryview(table(_SYMBOLS, (max(numbers) + 1) * 4 * _WORDS, 4 * _WORDS)).cast("I")
    undefined = {symbols[_WORDS * at] for at in numbers if not symbols[_WORDS * at + 1] >> 16}
    return [name for at, name in places.items() if at in undefined]


def _places(strings: bytes, word: bytes) -> Iterable[int]:
    at = strings.find(word)
    while at >= 0:
        yield at
        at = strings.find(word, at + 1)


def _of_static(path: Optional[str], names: Sequence[str]) -> Iterable[str]:
    """A static program that has a function calls it: the linker takes no others."""
    if path is None:
        raise ValueError("it is not here")
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        _check_symbols(file)
        return [name for name in names if holds(file, name.encode() + b"\0")]
    finally:
        with suppress(OSError):
            os.close(file)


def _check_symbols(file: int) -> None:
    header = part(file, 0, 64)
    (start,) = struct.unpack_from("<Q", header, 40)
    size, count = struct.unpack_from("<HH", header, 58)
    if size != _SECTION.size or count > _SECTIONS_MAX:
        raise ValueError("no section headers")
    sections = _SECTION.iter_unpack(part(file, start, count * size))
    if not any(section[1] == _SHT_SYMTAB for section in sections):
        raise ValueError("no symbols")
