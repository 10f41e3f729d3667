# SPDX-License-Identifier: MIT
"""The registry's own bytes, of one process that may run on while they are read: what a snapshot keeps of it."""

from typing import Iterable, Iterator, List, Optional, Tuple

from ..target.base import Target
from . import abi
from .model import Anomalies
from .registry import other_tables, read_header
from .table import Table
from .unrecycled import unrecycled

_RECORDS = next(field for field in abi.HEADER.fields if field.name == "records")


def registry_memory(target: Target, address: int) -> List[Tuple[int, bytes]]:
    """(address, bytes) of the header and of all tables, as far as they are in use. TargetError if it cannot be
    read whole."""
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


def _placed(table: Table, blocks: Iterable[Optional[bytes]]) -> Iterator[Tuple[int, bytes]]:
    for (_, address, _), block in zip(table.spans(), blocks):
        if block is not None:
            yield address, block
