# SPDX-License-Identifier: MIT
"""The records of a copy of the library, in the order of their ids.

There may be tens of thousands, and few are shown. So they stay bytes; what all of them are asked for is read
as columns, a tenth of the price, and a record is made when somebody asks for it.
"""

from operator import lt
from typing import Dict, Iterable, List, Sequence, Tuple

from . import abi
from .layout import Buffer


class Kind:
    """What a record has in common with those of other threads: all that decides on class and group, except
    for times and names. One object for all equal ones of a copy."""

    __slots__ = ("state", "site", "scope", "start", "start_module", "expected")

    def __init__(
        self, state: int, site: int, scope: int, start: int, start_module: int, expected: int
    ):
        self.state = state
        self.site = site
        self.scope = scope
        self.start = start
        self.start_module = start_module
        self.expected = expected


class Records:
    """A sequence of abi.Record."""

    def __init__(self, blocks: Iterable[bytes] = (), stride: int = abi.RECORD.size):
        self._stride = stride
        self._data = bytearray()
        for data in blocks:
            self._data += _in_use(data, stride)
        self._index()
        self._kinds: Dict[Tuple[int, ...], Kind] = {}

    def _index(self) -> None:
        self.ids, self.pthreads = self.column("id"), self.column("pthread")

    def __len__(self) -> int:
        return len(self._data) // self._stride

    def __getitem__(self, index: int) -> abi.Record:
        if not 0 <= index < len(self):
            raise IndexError(index)
        return abi.RECORD.at(self._data, index, self._stride)

    def column(self, field: str) -> Sequence[int]:
        return abi.RECORD.column(self._data, field, self._stride)

    def name(self, index: int) -> bytes:
        at = index * self._stride + _NAME.offset
        return bytes(self._data[at : at + _NAME.size])

    def kinds(self) -> List[Kind]:
        """Of each record."""
        known = self._kinds
        rows = zip(*map(self.column, Kind.__slots__))
        return [known.get(row) or known.setdefault(row, Kind(*row)) for row in rows]

    def distinct_kinds(self) -> Iterable[Kind]:
        if not self._kinds:
            self.kinds()
        return self._kinds.values()

    def sort(self, end: int) -> List[int]:
        """By id. Removes those whose ids are not below `end` or those of earlier ones, and returns these ids."""
        ids = list(self.ids)
        impossible: List[int] = []
        if all(map(lt, ids, ids[1:])) and (not ids or ids[-1] < end):
            return impossible
        kept, last = [], 0
        for index in sorted(range(len(ids)), key=ids.__getitem__):
            if ids[index] >= end or ids[index] == last:
                impossible.append(ids[index])
            else:
                kept.append(index)
                last = ids[index]
        self._data = _picked(self._data, self._stride, kept)
        self._index()
        return impossible


def _in_use(data: bytes, stride: int) -> Buffer:
    """Without entries that hold no record, whose id is 0."""
    ids = abi.RECORD.column(data, "id", stride)
    return data if all(ids) else _picked(data, stride, (at for at, id in enumerate(ids) if id))


def _picked(data: Buffer, stride: int, indices: Iterable[int]) -> bytearray:
    return bytearray().join(data[at * stride : (at + 1) * stride] for at in indices)


_NAME = next(field for field in abi.RECORD.fields if field.name == "name")
