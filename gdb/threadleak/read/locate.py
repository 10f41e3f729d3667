# SPDX-License-Identifier: MIT
"""Finds the registry: by its symbol, by its magic bytes in writable memory, or where the user says.

A copy counts only if its `self` is its address: the bytes occur elsewhere too (the file's own pages, a
reader's memory, the page in front of the data segment). All live copies are found, since a program that
embeds the library may be run with another one preloaded.
"""

from typing import Iterable, List, Optional, Tuple

from ..libraries import preload
from ..target.base import Region, Target, TargetError
from . import abi
from .model import Anomalies, Copy, Registry
from .registry import read_copy

SYMBOL = "threadleak_registry"
BLOCK = 4 << 20  # read at once
MORE_COPIES_MAX = 64 << 20  # bytes to look through once one copy is known
ANY_COPY_MAX = 4 << 30  # bytes to look through where no symbol tells
COPIES_MAX = 8
SELF_AT = next(field.offset for field in abi.HEADER.fields if field.name == "self")


class NoRegistry(TargetError):
    """None was found, as opposed to one that cannot be read."""


def read_registry(target: Target, address: Optional[int] = None, anywhere: bool = True) -> Registry:
    """All copies that live in the target; TargetError, with the likely reason, if there is none. `anywhere`: where
    it can lie only if nothing tells what is mapped from files, or a program has unpacked itself, too.
    """
    anomalies = Anomalies()
    if address is not None:
        copy = read_copy(target, address, 1, anomalies)
        copy.found_by = "address"
        return Registry([copy], [], anomalies)
    symbols = target.symbol(SYMBOL)
    by_symbol = sorted({at for at in symbols if _is_live(target, at)})
    by_scan, notes = _scan(target, by_symbol, anywhere)
    # the program's own file lies lowest, and the copy in it is the one that the program calls
    addresses = sorted({*by_symbol, *by_scan})
    if not addresses:
        why = _why_none(target, symbols, notes)
        raise TargetError(why) if symbols else NoRegistry(why)
    copies: List[Copy] = []
    errors: List[TargetError] = []
    for at in addresses[:COPIES_MAX]:
        try:
            copies.append(read_copy(target, at, len(copies) + 1, anomalies))
            copies[-1].found_by = "symbol" if at in by_symbol else "scan"
        except TargetError as error:
            errors.append(error)
    if not copies:
        raise errors[0]
    for damaged in errors:
        anomalies.add("copies of the library that cannot be read", str(damaged))
    return Registry(copies, notes, anomalies)


def usable_registry(
    target: Target, address: Optional[int] = None, anywhere: bool = True
) -> Registry:
    """The same; TargetError also if it is there and sees nothing of what happens."""
    registry = read_registry(target, address, anywhere)
    if all(copy.header.flags & abi.HOOKS_INACTIVE for copy in registry.copies):
        raise TargetError(
            "the library was loaded too late, by dlopen, and sees no thread being created:"
            " preload it, or link the program with it"
        )
    return registry


def _is_live(target: Target, address: int) -> bool:
    try:
        header = abi.HEADER.one(target.read(address, abi.FIRST_SIZES[abi.HEADER]))
    except TargetError:
        return False
    return header.magic == abi.MAGIC and header.self == address


def _scan(target: Target, known: List[int], anywhere: bool) -> Tuple[List[int], List[str]]:
    """Live copies by their magic bytes. The registry lies in .data, whose pages come from a file, so that
    other memory is looked through only where nothing else was found."""
    of_files = list(target.writable_regions(True))
    size = sum(region.end - region.start for region in of_files)
    if known and size > MORE_COPIES_MAX:
        text = f"no search for further copies of the library: {size >> 20} MiB to look through"
        return [], [text]
    notes: List[str] = []
    found = _search(target, of_files, ANY_COPY_MAX, notes)
    if anywhere and not found and not known:
        others = sorted(
            target.writable_regions(False), key=lambda region: region.end - region.start
        )
        found = _search(target, others, ANY_COPY_MAX, notes)
    return found, notes


def _search(target: Target, regions: Iterable[Region], most: int, notes: List[str]) -> List[int]:
    found: List[int] = []
    for region in regions:
        for start in range(region.start, region.end, BLOCK):
            size = min(BLOCK, region.end - start)
            most -= size
            if most < 0:
                notes.append("only a part of the writable memory was searched for the registry")
                return found
            try:
                data = target.read(start, size)
            except TargetError:
                continue  # a hole, or not dumped
            found += [at for at in registries_in(data, start) if _is_live(target, at)]
            if len(found) >= COPIES_MAX:
                return found
    return found


def registries_in(data: bytes, start: int) -> Iterable[int]:
    """Addresses of headers in a block, as far as the block itself can tell."""
    offset = data.find(abi.MAGIC)
    while offset >= 0:
        own = data[offset + SELF_AT : offset + SELF_AT + 8]
        if len(own) < 8 or int.from_bytes(own, "little") == start + offset:
            yield start + offset
        offset = data.find(abi.MAGIC, offset + 1)


def _why_none(target: Target, symbols: List[int], notes: List[str]) -> str:
    reasons = target.limits() + notes
    if not reasons and symbols:
        reasons = ["the library is there, but it did not start, or its memory is damaged"]
    if not reasons:
        reasons = [f"start the program with {preload()}, or link it with the library"]
    return "no registry was found: " + "; ".join(reasons)
