# SPDX-License-Identifier: MIT
"""A table of the registry: where its chunks lie, and their bytes."""

from itertools import repeat
from typing import Any, Iterator, List, Optional, Tuple

from ..target.base import Target, TargetError
from . import abi
from .layout import Layout, T
from .model import Anomalies

# Read at once: a hostile count must not make anybody allocate more than that; and what malloc maps (from 128 KiB
# on) is fresh memory each time, whose first touch costs more than the reading.
BLOCK = 96 << 10
# More entries than this reader takes: threads that Linux can have (PID_MAX_LIMIT), modules that a frame can
# name, and stacks and scopes far beyond what any program makes.
MOST = {
    "records": 1 << 22,
    "sites": 1 << 20,
    "scopes": 1 << 20,
    "modules": 1 << 16,
    "rules": 1 << 16,
}
MAX_ENTRY = 1 << 16


class Table:
    """A table whose chunks lie where a table can lie."""

    def __init__(self, header: abi.Header, name: str, layout: "Layout[Any]", anomalies: Anomalies):
        table = abi.TABLE.one(getattr(header, name))
        self.name = name
        self.anomalies = anomalies
        self.entry_size = table.entry_size
        self.used = table.used
        self.unreadable = 0  # of these, after blocks() went through them
        self.chunks = list(abi.CHUNK.many(table.chunks, abi.CHUNK.size))[: table.chunk_count]
        self.dropped = table.dropped  # requests for which there was no room
        if not abi.FIRST_SIZES[layout] <= self.entry_size <= MAX_ENTRY or self.entry_size % 8:
            raise TargetError(f"{self} is damaged: an entry has {self.entry_size} bytes")
        if not 1 <= table.chunk_count <= abi.CHUNKS:
            raise TargetError(f"{self} is damaged: it has {table.chunk_count} chunks")
        for chunk in self.chunks:
            if chunk.address == 0 or not 1 <= chunk.count <= 1 << 32:
                raise TargetError(f"{self} is damaged: a chunk at {chunk.address:#x}")
            if chunk.address + chunk.count * self.entry_size > 1 << 64:
                raise TargetError(f"{self} is damaged: a chunk goes beyond all addresses")
        room = sum(chunk.count for chunk in self.chunks)
        if self.used > room:
            lost = self.used - room
            anomalies.add(f"{name} said to exist, beyond the table", f"{self.used} of {room}", lost)
            self.used = room
        if self.used > MOST[name]:
            raise TargetError(f"{self} is damaged, or too large: {self.used} entries")

    def __str__(self) -> str:
        return f"the registry's table of {self.name}"

    def ranges(self) -> List[Tuple[int, int]]:
        size = self.entry_size
        return [(chunk.address, chunk.address + chunk.count * size) for chunk in self.chunks]

    def spans(self) -> Iterator[Tuple[int, int]]:
        """(address of the first entry, number of entries) of what is read at once."""
        rest = self.used
        for chunk in self.chunks:
            address, left = chunk.address, min(chunk.count, rest)
            rest -= left
            while left > 0:
                count = min(left, max(1, BLOCK // self.entry_size))
                yield address, count
                left -= count
                address += count * self.entry_size

    def read(self, target: Target) -> Iterator[Optional[bytes]]:
        """What blocks() gives, without a word about what cannot be read."""
        for address, count in self.spans():
            try:
                data = target.read(address, count * self.entry_size)
            except TargetError:
                yield None
            else:
                yield data

    def read_twice(self, target: Target) -> Iterator[Tuple[Optional[bytes], Optional[bytes]]]:
        """Each block before, and again; most have not changed, and are one object then."""
        for before, (data, _) in zip(self.read(target), self.blocks(target)):
            yield data if before == data else before, data

    def entries(self, target: Target, layout: "Layout[T]") -> Iterator[Optional[T]]:
        """Each; None where it cannot be read."""
        for data, count in self.blocks(target):
            yield from repeat(None, count) if data is None else layout.many(data, self.entry_size)

    def blocks(self, target: Target) -> Iterator[Tuple[Optional[bytes], int]]:
        """(bytes, or None if they cannot be read, number of entries)."""
        for address, count in self.spans():
            data: Optional[bytes] = None
            try:
                data = target.read(address, count * self.entry_size)
            except TargetError as error:
                self.anomalies.add(f"{self.name} that cannot be read", str(error), count)
                self.unreadable += count
            yield data, count
