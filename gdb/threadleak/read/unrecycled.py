# SPDX-License-Identifier: MIT
"""The records of a process that runs on while it is read.

A record that is given back and taken again meanwhile would be a mixture of two threads. Its sequence changes
when it is given back, and its id is stored last, so each block is read three times: what has the same sequence
and id in all three was one thread's record from the first read to the last, and the second read is of that
thread. One read cannot tell, since the kernel copies in no particular order. What is
left out is no loss: its thread was joined or given up meanwhile, or is younger than the look.

Sites and scopes are read between the second read and the third, so that they are not older than the records
that name them, and a scope is not recycled while a record that stays is in it.
"""

from typing import Iterable, Iterator, Optional, Tuple

from . import abi

_AT = {field.name: field for field in abi.RECORD.fields}


def unrecycled(
    twice: Iterable[Tuple[Optional[bytes], Optional[bytes]]],
    after: Iterable[Optional[bytes]],
    stride: int,
) -> Iterator[Optional[bytes]]:
    """The blocks of the second read, without the records that changed hands. None: cannot be read."""
    for (first, second), third in zip(twice, after):
        if second is None:
            yield None
        elif first is None or third is None or not first == second == third:
            yield _without(second, _stay(first or b"", second, third or b"", stride), third, stride)
        else:
            yield second


def _stay(first: bytes, second: bytes, third: bytes, stride: int) -> Iterable[bool]:
    reads = [
        abi.RECORD.column(each, name, stride)
        for name in ("sequence", "id")
        for each in (first, second, third)
    ]
    return (s1 == s2 == s3 and i1 == i2 == i3 for s1, s2, s3, i1, i2, i3 in zip(*reads))


def _without(data: bytes, stay: Iterable[bool], third: Optional[bytes], stride: int) -> bytes:
    kept = bytearray(data)
    ids = _AT["id"].offset
    stays = list(stay) + [False] * (len(data) // stride)
    for index in range(len(data) // stride):
        at = index * stride
        if not stays[index]:
            kept[at + ids : at + ids + 8] = bytes(8)
        elif third is not None:
            _complete(kept, third, at)
    return bytes(kept)


def _complete(kept: bytearray, third: bytes, at: int) -> None:
    """When it finished is stored before that it did, but need not have been read so."""
    state = int.from_bytes(kept[at + _AT["state"].offset : at + _AT["state"].offset + 4], "little")
    ns = slice(at + _AT["finished_ns"].offset, at + _AT["finished_ns"].offset + 8)
    if state & abi.FINISHED and not any(kept[ns]):
        kept[ns] = third[ns]
