# SPDX-License-Identifier: MIT
"""The registry's own bytes, of one process that may run on while they are read: what a snapshot keeps of it."""

from contextlib import suppress
from typing import Iterable, Iterator, List, Optional, Tuple

from ..target.base import Target, TargetError
from . import abi
from .events import events_memory
from .history import history_memory
from .model import Anomalies
from .registry import other_tables, read_header
from .table import Table
from .unrecycled import unrecycled

_RECORDS = next(field for field in abi.HEADER.fields if field.name == "records")


def registry_memory(target: Target, address: int) -> List[Tuple[int, bytes]]:
    """(address, bytes) of the header, of all tables, as far as they are in use, of the history and the events.
    TargetError if header or records cannot be read whole."""
    return list(_memory(target, address))


def _memory(target: Target, address: int) -> Iterator[Tuple[int, bytes]]:
    anomalies = Anomalies()
    first = read_header(target, address)
    records = Table(first, "records", abi.RECORD, anomalies)
    twice = list(records.read_twice(target))
    header = bytearray(target.read(address, first.header_size))
    # what has been appended to the records meanwhile is not among those that were read
    header[_RECORDS.offset : _RECORDS.offset + _RECORDS.size] = first.records
    yield address, bytes(header)
    now = read_header(target, address)
    for name, layout in other_tables(now):
        table = Table(now, name, layout, anomalies)
        yield from _placed(table, table.read(target))
    yield from _placed(records, unrecycled(twice, records.read(target), records.entry_size))
    with suppress(TargetError):  # the rest is of use without them
        yield from history_memory(target, now) if now.history else ()
    with suppress(TargetError):
        yield from events_memory(target, now) if now.events else ()


def _placed(table: Table, blocks: Iterable[Optional[bytes]]) -> Iterator[Tuple[int, bytes]]:
    for (address, _), block in zip(table.spans(), blocks):
        if block is not None:
            yield address, block
