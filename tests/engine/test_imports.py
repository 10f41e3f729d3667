# SPDX-License-Identifier: MIT
"""Which functions a program takes from elsewhere, as its memory tells, whatever that holds."""

import struct
from typing import List, Tuple

from hypothesis import given
from hypothesis import strategies as st
from threadleak.target.base import TargetError
from threadleak.target.imports import Imports, Source, imports

BIAS = 0x7F0000000000
TAKEN, OTHER = "__libc_start_main", "pthread_create"


def loaded(path: str) -> bytearray:
    """As the kernel maps it."""
    with open(path, "rb") as file:
        data = file.read()
    memory = bytearray()
    (start,), (count,) = struct.unpack_from("<Q", data, 32), struct.unpack_from("<H", data, 56)
    for at in range(start, start + 56 * count, 56):
        kind, _, offset, address, _, size = struct.unpack_from("<IIQQQQ", data, at)
        if kind == 1:
            memory.extend(bytes(max(0, address + size - len(memory))))
            memory[address : address + size] = data[offset : offset + size]
    return memory


MEMORY = loaded("/bin/true")


def imports_of(memory: bytes) -> Imports:
    def read(address: int, size: int) -> bytes:
        data = bytes(memory[address - BIAS :][:size]) if address >= BIAS else b""
        if len(data) < size:
            raise TargetError("it cannot be read")
        return data

    rows = [(at, at + 4096, "/srv/server") for at in range(BIAS, BIAS + len(MEMORY), 4096)]
    return imports(Source(read, rows, {}.get), (TAKEN, OTHER))


def test_what_is_taken() -> None:
    assert imports_of(MEMORY) == Imports(frozenset({TAKEN}))


def test_what_cannot_be_read() -> None:
    assert imports_of(MEMORY[:64]).untold == "the symbols of /srv/server cannot be read"
    assert imports(Source(lambda address, size: b"", [], {}.get), (TAKEN,)).untold


@given(
    st.integers(0, len(MEMORY)),
    st.lists(st.tuples(st.integers(0, 0x800), st.binary(min_size=1, max_size=8)), max_size=4),
)
def test_any_memory(size: int, changes: List[Tuple[int, bytes]]) -> None:
    memory = bytearray(MEMORY)
    for at, content in changes:
        memory[at : at + len(content)] = content
    found = imports_of(bytes(memory[:size]))
    assert found.names <= {TAKEN, OTHER} and isinstance(found.untold, str)
