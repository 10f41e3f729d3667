# SPDX-License-Identifier: MIT
"""Bytes -> Copy: the header is checked once, as a whole; each entry after that on its own.

Damage in the header is an error. Damage in an entry is an anomaly: named, counted, and stepped over.
"""

from typing import Any, Iterable, List, Optional, Tuple

from ..target.base import LoadedFile, Target, TargetError
from . import abi
from .layout import Layout
from .model import Anomalies, Copy, Mark, Scope, Site, text_of
from .records import Records
from .table import Table
from .unrecycled import unrecycled

MAX_HEADER = 1 << 16


def read_header(target: Target, address: int) -> abi.Header:
    """The checked header at `address`; TargetError if there is no registry that this reader knows."""
    where = f"the registry at {address:#x}"
    data = target.read(address, abi.FIRST_SIZES[abi.HEADER])
    header = abi.HEADER.one(data)
    if header.magic != abi.MAGIC:
        raise TargetError(f"there is no registry at {address:#x}: the magic bytes are missing")
    if header.byte_order != abi.BYTE_ORDER or header.pointer_size != 8:
        raise TargetError(f"{where} is not that of a little-endian 64-bit process, or is damaged")
    if header.abi_major != abi.MAJOR:
        wanted = "threadleak itself" if header.abi_major > abi.MAJOR else "the library"
        raise TargetError(
            f"{where} has version {header.abi_major}.{header.abi_minor}, this is a reader of"
            f" version {abi.MAJOR}.{abi.MINOR}: bring {wanted} up to date"
        )
    if header.self != address:
        raise TargetError(f"{where} is a stray copy: it says that it lies at {header.self:#x}")
    if not abi.FIRST_SIZES[abi.HEADER] <= header.header_size <= MAX_HEADER:
        raise TargetError(f"{where} is damaged: its header has {header.header_size} bytes")
    size = min(header.header_size, abi.HEADER.size)
    return header if size == len(data) else abi.HEADER.one(target.read(address, size))


def other_tables(header: abi.Header) -> List[Tuple[str, "Layout[Any]"]]:
    """All but the records, as far as the writer has them."""
    tables: "List[Tuple[str, Layout[Any]]]" = [
        ("modules", abi.MODULE),
        ("sites", abi.SITE),
        ("scopes", abi.SCOPE),
    ]
    return tables + [("rules", abi.RULE)] if header.rules is not None else tables


def read_copy(target: Target, address: int, number: int, anomalies: Anomalies) -> Copy:
    """The whole of the registry at `address`. Only its records are needed; another table that is damaged is
    an anomaly."""
    copy = Copy(address, number, read_header(target, address))
    records = Table(copy.header, "records", abi.RECORD, anomalies)
    copy.dropped["records"] = records.dropped
    if target.moves:
        twice = list(records.read_twice(target))
        copy.header = read_header(
            target, address
        )  # its counters may have fallen behind the records
    tables = [_table(copy, name, layout, anomalies) for name, layout in other_tables(copy.header)]
    others = {table.name: table for table in tables if table is not None}
    _refuse_overlap([span for table in (records, *others.values()) for span in table.ranges()])
    if "modules" in others:
        copy.modules = _modules(target, others["modules"])
    if "scopes" in others:
        copy.scopes = _scopes(target, others["scopes"])
    if "sites" in others:
        copy.sites = _sites(target, others["sites"], copy.header)
    if "rules" in others:
        copy.marks = _marks(target, others["rules"])
    if target.moves:
        blocks = unrecycled(twice, records.read(target), records.entry_size)
    else:
        blocks = (block for block, _ in records.blocks(target))
    copy.records = _records((block for block in blocks if block is not None), records, copy)
    return copy


def _table(copy: Copy, name: str, layout: "Layout[Any]", anomalies: Anomalies) -> Optional[Table]:
    try:
        table = Table(copy.header, name, layout, anomalies)
    except TargetError as error:
        anomalies.add(f"the table of {name}", str(error))
        return None
    copy.dropped[name] = table.dropped
    return table


def _refuse_overlap(spans: List[Tuple[int, int]]) -> None:
    spans.sort()
    for (_, end), (start, _) in zip(spans, spans[1:]):
        if start < end:
            raise TargetError(f"the registry is damaged: two of its chunks overlap at {start:#x}")


def _modules(target: Target, table: Table) -> List[Optional[LoadedFile]]:
    modules: List[Optional[LoadedFile]] = []
    for raw in table.entries(target, abi.MODULE):
        module = None
        if raw is not None and raw.start < raw.end:
            build_id = raw.build_id[: raw.build_id_size].hex()
            module = LoadedFile(text_of(raw.name), raw.start, raw.end, raw.bias, build_id)
        elif raw is not None and len(modules) > 0 and raw.start | raw.end:
            table.anomalies.add("modules without an extent", f"module {len(modules)}")
        modules.append(module)
    return modules


def _scopes(target: Target, table: Table) -> List[Optional[Scope]]:
    scopes: List[Optional[Scope]] = []
    for raw in table.entries(target, abi.SCOPE):
        scope = None
        if raw is not None and raw.id:
            ended = bool(raw.flags & abi.SCOPE_ENDED) or raw.ended_ns != 0
            name = text_of(raw.name)
            scope = Scope(raw.id, name, raw.parent, raw.begun_ns, raw.ended_ns, ended)
            if raw.parent >= table.used:
                example = f"scope {len(scopes)} in {raw.parent}"
                table.anomalies.add("scopes inside a scope that is not there", example)
        scopes.append(scope)
    return scopes


def _marks(target: Target, table: Table) -> List[Optional[Mark]]:
    marks: List[Optional[Mark]] = []
    for raw in table.entries(target, abi.RULE):
        mark = None
        if raw is not None and raw.text[:1] != b"\0":
            unjoined, counted = raw.flags & abi.RULE_UNJOINED, raw.flags & abi.RULE_COUNTED
            mark = Mark(text_of(raw.text), bool(unjoined), bool(counted))
        marks.append(mark)
    return marks


def _sites(target: Target, table: Table, header: abi.Header) -> List[Optional[Site]]:
    frames_at, has_history = header.site_frames_offset, bool(header.history)
    if not abi.FIRST_SIZES[abi.SITE] <= frames_at <= table.entry_size or frames_at % 8:
        table.anomalies.add("stacks", f"the frames of a site begin at {frames_at}")
        return []
    sites: List[Optional[Site]] = []
    most = (table.entry_size - frames_at) // 8
    for data, count in table.blocks(target):
        if data is None:
            sites += [None] * count
            continue
        for at, raw in enumerate(abi.SITE.many(data, table.entry_size, frames_at)):
            if not raw.frame_count:
                sites.append(None)
                continue
            if raw.frame_count > most:
                example = f"site {len(sites)} with {raw.frame_count} frames"
                table.anomalies.add("sites with more frames than fit", example)
            if raw.creator_site >= table.used:
                example = f"site {len(sites)} from site {raw.creator_site}"
                table.anomalies.add("sites whose creator's site is not there", example)
            start = at * table.entry_size + frames_at
            words = memoryview(data)[start : start + 8 * min(raw.frame_count, most)].cast("Q")
            frames = tuple((abi.frame_pc(word), abi.frame_module(word)) for word in words)
            site = Site(frames, raw.flags, raw.creator_site, raw.created)
            if has_history and raw.finished is not None:
                counts = (raw.finished, raw.joined, raw.gone, raw.peak, raw.history)
                site = Site(*site[:4], *counts)
            sites.append(site)
    return sites


def _records(blocks: Iterable[bytes], table: Table, copy: Copy) -> Records:
    records = Records(blocks, table.entry_size)
    if table.unreadable == table.used > 0:
        raise TargetError("the registry is here, but none of its records can be read")
    impossible = records.sort(copy.header.next_id)
    if impossible:
        kind = "records with an impossible id"
        table.anomalies.add(kind, f"id {impossible[0]}", len(impossible))
    for field, count, what in (
        ("site", len(copy.sites), "site"),
        ("scope", len(copy.scopes), "scope"),
        ("start_module", len(copy.modules), "module"),
        *([("expected", len(copy.marks), "rule")] if copy.header.rules is not None else []),
    ):
        # 0 names none, and is right while the table is still empty
        first_wrong, indices = max(count, 1), records.column(field)
        if max(indices, default=0) >= first_wrong:
            ids = [id for id, index in zip(records.ids, indices) if index >= first_wrong]
            kind = f"records whose {what} is not there"
            table.anomalies.add(kind, f"id {ids[0]}", len(ids))
    return records
