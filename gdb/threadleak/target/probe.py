# SPDX-License-Identifier: MIT
"""libthreadleak-probe.so: its functions, called. The only file that loads it.

Arrays come as memory to unpack: one ctypes object for each thread would cost more than all the rest.
"""

import ctypes
from ctypes import POINTER, byref, c_char_p, c_int, c_size_t, c_uint, c_uint32, c_uint64, c_void_p
from functools import lru_cache
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

from .. import libraries
from ..escapes import decoded
from .base import LoadedFile, TargetError
from .probe_abi import (
    ABI,
    CALLS,
    FIELDS,
    LAYOUTS,
    POSITIONS,
    THREAD_WORDS,
    Info,
    Module,
    Snapshot,
)

_BLOCK = 96 << 10  # bytes that are read at once, see read/table.py


class _Range(ctypes.Structure):
    """struct threadleak_probe_range"""

    _fields_ = [("address", c_uint64), ("size", c_uint64), ("bytes", c_char_p)]


# Function -> type of its result, and of its arguments behind the probe.
_FUNCTIONS: Dict[str, Tuple[Any, Tuple[Any, ...]]] = {
    "resume": (None, ()),
    "close": (None, ()),
    "info": (c_void_p, ()),
    "threads": (c_void_p, ()),
    "look": (c_int, (c_uint32,)),
    "pthread": (c_uint64, (c_uint32,)),
    "thread_name": (c_char_p, (c_uint32,)),
    "set_registers": (c_int, (c_uint32, c_void_p, c_uint32, c_uint64)),
    "read": (c_size_t, (c_uint64, c_char_p, c_size_t)),
    "read_each": (None, (c_void_p, c_uint32, c_size_t, c_char_p, c_void_p)),
    "find_symbol": (c_int, (c_char_p, POINTER(c_uint64), c_uint32)),
    "symbol_at": (c_char_p, (c_uint64,)),
    "variable_at": (c_char_p, (c_uint64,)),
    "modules": (c_void_p, ()),
    "unwind": (c_int, (c_uint32, c_uint32)),
    "stacks": (c_void_p, (POINTER(c_uint32),)),
    "symbolize": (c_int, (c_uint64, c_uint, POINTER(c_void_p))),
    "open_gone": (c_void_p, (c_char_p,)),
    "snapshot": (c_int, (c_char_p, c_void_p, c_uint32, c_void_p)),
}


# Bytes that the library fills: no copy, and no page is touched twice. A new object may be written to
# (Python/C API, PyBytes_FromStringAndSize).
_uninitialized = ctypes.pythonapi.PyBytes_FromStringAndSize
_uninitialized.restype, _uninitialized.argtypes = ctypes.py_object, [c_void_p, ctypes.c_ssize_t]


@lru_cache(maxsize=None)
def _library() -> Any:
    path = libraries.probe()
    try:
        library = ctypes.CDLL(path)
    except OSError as error:
        if "libdw" in str(error) or "libelf" in str(error):
            raise TargetError(f"install libdw (elfutils), which {path} needs: {error}") from None
        raise TargetError(f"the probe cannot be loaded, `make` builds it: {error}") from None
    try:
        _declare(library)
    except AttributeError as error:
        raise TargetError(f"{path} is not the probe that is needed: {error}") from None
    found = library.threadleak_probe_abi()
    if found != ABI:
        raise TargetError(f"{path} has version {found} of its interface, and {ABI} is needed")
    return library


def _declare(library: Any) -> None:
    library.threadleak_probe_abi.restype = c_uint
    library.threadleak_probe_error.restype = c_char_p
    library.threadleak_probe_open_core.restype = c_void_p
    library.threadleak_probe_open_core.argtypes = [c_char_p, c_char_p]
    library.threadleak_probe_open_process.restype = c_void_p
    library.threadleak_probe_open_process.argtypes = [c_int, c_uint]
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(library, "threadleak_probe_" + name)
        function.restype, function.argtypes = result, [c_void_p, *arguments]


def _text(raw: Optional[bytes]) -> Optional[str]:
    return None if raw is None else decoded(raw)


def _string(address: int) -> Optional[str]:
    return _text(ctypes.string_at(address)) if address else None


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


class Probe:
    """One look at a core file or a process. TargetError where the library fails."""

    def __init__(self, handle: Optional[int]):
        self._library = _library()
        self._handle = handle
        if not handle:
            raise self._error()

    @classmethod
    def of_core(cls, core: str, program: Optional[str]) -> "Probe":
        named = None if program is None else _bytes(program)
        return cls(_library().threadleak_probe_open_core(_bytes(core), named))

    @classmethod
    def of_process(cls, pid: int, flags: int = 0) -> "Probe":
        return cls(_library().threadleak_probe_open_process(pid, flags))

    def of_gone(self, module: LoadedFile) -> "Probe":
        """For names in a file that was mapped once; the path is absolute."""
        path, build_id = map(ctypes.c_char_p, (_bytes(module.name), module.build_id.encode()))
        addresses = [ctypes.cast(each, c_void_p).value for each in (path, build_id)]
        was = LAYOUTS["module"].pack(
            *(module.start, module.end, module.bias, addresses[0], 0, addresses[1], 0, 0)
        )
        return Probe(self._library.threadleak_probe_open_gone(self._handle, was))

    def _error(self) -> TargetError:
        return TargetError(_text(self._library.threadleak_probe_error()) or "the probe failed")

    def close(self) -> None:
        handle, self._handle = self._handle, None
        self._library.threadleak_probe_close(handle)

    def resume(self) -> None:
        self._library.threadleak_probe_resume(self._handle)

    def info(self) -> Info:
        fields = LAYOUTS["info"].unpack(
            ctypes.string_at(
                self._library.threadleak_probe_info(self._handle), LAYOUTS["info"].size
            )
        )
        return Info(*fields[:-2], *map(_string, fields[-2:]))

    def thread_column(self, name: str) -> Sequence[int]:
        """tid, own_tid, state or stack of all threads: the probe's own memory, until it is closed."""
        size = self.info().thread_count * LAYOUTS["thread"].size
        address = self._library.threadleak_probe_threads(self._handle)
        if not size or not address:
            return memoryview(b"").cast("I")
        data = memoryview((ctypes.c_char * size).from_address(address)).cast("B")
        return data.cast("I")[POSITIONS[name] :: THREAD_WORDS]

    def thread(self, index: int) -> Dict[str, Any]:
        """All fields of one thread."""
        layout = LAYOUTS["thread"]
        address = self._library.threadleak_probe_threads(self._handle) + index * layout.size
        fields = layout.unpack(ctypes.string_at(address, layout.size))
        return dict(zip((name for name, _ in FIELDS["thread"]), fields))

    def system_calls(self) -> List[Tuple[int, ...]]:
        """(sp, pc, number, six arguments) of every thread as it was looked at last; number -1: it is in none."""
        size = self.info().thread_count * LAYOUTS["thread"].size
        address = self._library.threadleak_probe_threads(self._handle)
        data = ctypes.string_at(address, size) if size and address else b""
        return list(CALLS.iter_unpack(data))

    def look(self, index: int) -> bool:
        """False: that thread is gone."""
        return bool(self._library.threadleak_probe_look(self._handle, index) == 0)

    def pthread(self, index: int) -> int:
        """0: not known."""
        return int(self._library.threadleak_probe_pthread(self._handle, index))

    def thread_name(self, index: int) -> Optional[str]:
        return _text(self._library.threadleak_probe_thread_name(self._handle, index))

    def set_registers(self, index: int, values: Sequence[int], known: int) -> None:
        array = (c_uint64 * len(values))(*values)
        if self._library.threadleak_probe_set_registers(
            self._handle, index, array, len(values), known
        ):
            raise self._error()

    def read(self, address: int, size: int) -> bytes:
        """As much as can be read from there on."""
        data = _uninitialized(None, size)
        found = self._library.threadleak_probe_read(self._handle, address, data, size)
        return data if found == size else data[:found]  # type: ignore[no-any-return]

    def read_each(self, addresses: Sequence[int], size: int) -> Iterator[Optional[bytes]]:
        """What is at each of them; None where not all of it can be read."""
        count = max(1, _BLOCK // size)
        for first in range(0, len(addresses), count):
            part = (c_uint64 * min(count, len(addresses) - first))(
                *addresses[first : first + count]
            )
            data, whole = _uninitialized(None, len(part) * size), (ctypes.c_uint8 * len(part))()
            read_each = self._library.threadleak_probe_read_each
            read_each(self._handle, part, len(part), size, data, whole)
            view = memoryview(data)
            for at, is_whole in enumerate(whole):
                yield view[at * size : (at + 1) * size] if is_whole else None

    def find_symbol(self, name: str, most: int = 16) -> List[int]:
        found = (c_uint64 * most)()
        count = self._library.threadleak_probe_find_symbol(self._handle, _bytes(name), found, most)
        return list(found[: max(0, count)])

    def symbol_at(self, address: int) -> Optional[str]:
        return _text(self._library.threadleak_probe_symbol_at(self._handle, address))

    def variable_at(self, address: int) -> Optional[str]:
        return _text(self._library.threadleak_probe_variable_at(self._handle, address))

    def modules(self) -> List[Module]:
        count = self.info().module_count
        address = self._library.threadleak_probe_modules(self._handle)
        if not address:
            raise self._error()
        rows = LAYOUTS["module"].iter_unpack(
            ctypes.string_at(address, count * LAYOUTS["module"].size)
        )
        return [
            Module(
                *(start, end, bias, _string(path) or "", _string(file), _string(build_id) or ""),
                *(bool(system), bool(other)),
            )
            for start, end, bias, path, file, build_id, system, other in rows
        ]

    def unwind(self, index: int, limit: int) -> bool:
        """False: that thread is gone."""
        return bool(self._library.threadleak_probe_unwind(self._handle, index, limit) == 0)

    def stacks(self, first: int = 0) -> Iterator[Tuple[Tuple[int, ...], int]]:
        """(frames, end) of the distinct stacks from number `first` on."""
        count = c_uint32()
        address = self._library.threadleak_probe_stacks(self._handle, byref(count))
        size = LAYOUTS["stack"].size
        data = ctypes.string_at(address + first * size, max(0, count.value - first) * size)
        for frames, length, end in LAYOUTS["stack"].iter_unpack(data):
            words = memoryview(ctypes.string_at(frames, 8 * length)) if length else memoryview(b"")
            yield tuple(words.cast("Q")), end

    def symbolize(
        self, pc: int, flags: int
    ) -> List[Tuple[Optional[str], Optional[str], Optional[int]]]:
        """(function, file, line) of what is inlined at `pc`, innermost first, and of what that is in."""
        frames = c_void_p()
        count = self._library.threadleak_probe_symbolize(self._handle, pc, flags, byref(frames))
        if count <= 0 or not frames.value:
            return []
        layout = LAYOUTS["frame"]
        rows = layout.iter_unpack(ctypes.string_at(frames.value, count * layout.size))
        return [
            (_string(function), _string(file), line or None) for function, file, line, _ in rows
        ]

    def snapshot(self, path: str, memory: Sequence[Tuple[int, bytes]]) -> Snapshot:
        """`memory`: address and bytes that the snapshot is to hold there."""
        rows = [_Range(at, len(content), content) for at, content in memory]
        ranges = (_Range * len(rows))(*rows)
        layout = LAYOUTS["snapshot"]
        result = ctypes.create_string_buffer(layout.size)
        if self._library.threadleak_probe_snapshot(
            self._handle, _bytes(path), ranges, len(rows), result
        ):
            raise self._error()
        return Snapshot(*layout.unpack(result.raw))
