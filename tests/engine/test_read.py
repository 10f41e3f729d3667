# SPDX-License-Identifier: MIT
"""Finding and reading registries: what is right, what is refused, what is named as an anomaly."""

import struct
from typing import Any, List, Tuple

import pytest
from image import (
    LIBC,
    MAIN,
    PID,
    REGISTRY,
    SITES,
    T0,
    TEXT,
    FakeTarget,
    frame,
    image,
    pack,
    record,
    scope,
    site,
)
from threadleak.libraries import preload
from threadleak.read import abi
from threadleak.read.layout import Layout
from threadleak.read.locate import read_registry
from threadleak.read.model import Copy, text_of
from threadleak.target.base import TargetError


def read(regions: List[Tuple[int, bytes]], **target: Any) -> Copy:
    return read_registry(FakeTarget(regions, **target)).copies[0]


def test_all_tables() -> None:
    copy = read(
        image([MAIN, record(2, scope=1)], scopes=[scope(7, b"Suite.Case", ended_ns=T0 + 5)])
    )
    assert [each.id for each in copy.records] == [1, 2]
    assert text_of(copy.records[1].name) == "worker-2"
    first = copy.site(1)
    assert first is not None and first.frames[0] == (TEXT + 0x1205, 1)
    assert [each.name for each in copy.scope_chain(1)] == ["Suite.Case"]
    module = copy.module(2)
    assert module is not None and (module.name, module.build_id) == ("/lib/libc.so.6", "0506")
    assert copy.sites[0] is copy.scopes[0] is copy.modules[0] is None
    assert copy.epoch_s(T0 + 1_500_000_000) == 1_700_000_001.5 and copy.epoch_s(0) is None


def test_records_in_several_chunks() -> None:
    copy = read(image([MAIN, record(2), record(3), record(4)], split=2))
    assert [each.id for each in copy.records] == [1, 2, 3, 4]


def test_records_are_in_the_order_of_their_ids_and_free_ones_left_out() -> None:
    """Recycled ones lie anywhere."""
    free = bytes(abi.RECORD.size)
    copy = read(image([MAIN, free, record(7), free, record(3), record(7, name=b"again")], split=3))
    assert [each.id for each in copy.records] == list(copy.records.ids) == [1, 3, 7]
    assert [copy.records.name(at).rstrip(b"\0") for at in (1, 2)] == [b"worker-3", b"worker-7"]
    assert [copy.index_of(id) for id in (1, 2, 3, 7, 8)] == [0, None, 1, 2, None]
    registry = read_registry(FakeTarget(image([MAIN, record(7), record(7)])))
    assert list(registry.anomalies) == [("records with an impossible id", 1, "id 7")]


def test_equal_records_are_of_one_kind() -> None:
    records = read(
        image([MAIN, record(2), record(3), record(4, abi.STARTED | abi.FINISHED)])
    ).records
    kinds = records.kinds()
    assert kinds[1] is kinds[2] and len(set(kinds)) == 3 == len(list(records.distinct_kinds()))


def test_a_longer_struct_is_read_as_far_as_it_is_known() -> None:
    longer = [data + b"\xff" * 64 for data in (MAIN, record(2))]
    copy = read(image(longer, abi_minor=9))
    assert [each.id for each in copy.records] == [1, 2]


def test_fields_that_the_writer_does_not_have_are_none() -> None:
    class Grown(abi.NamedTuple):
        old: abi.U64
        new: abi.U32

    layout = Layout(Grown)
    assert list(layout.many(struct.pack("<QQ", 1, 2), 8)) == [(1, None), (2, None)]
    assert list(layout.many(struct.pack("<QIQI", 1, 5, 2, 6), 12)) == [(1, 5), (2, 6)]
    assert list(layout.many(struct.pack("<QIQ", 1, 5, 2), 12)) == [(1, 5)]


# ---- where it is ---------------------------------------------------------------------------------


def test_found_by_scan_where_no_symbol_tells() -> None:
    copy = read(image([MAIN]), symbols=[])
    assert (copy.address, copy.found_by) == (REGISTRY, "scan")


def test_found_where_the_user_says() -> None:
    target = FakeTarget(image([MAIN]) + [(0x7D0000000000, bytes(4096))], symbols=[])
    assert read_registry(target, REGISTRY).copies[0].found_by == "address"
    with pytest.raises(TargetError, match="magic bytes are missing"):
        read_registry(target, 0x7D0000000000)


def test_found_in_memory_that_comes_from_no_file() -> None:
    address = 0x7D0000000000
    assert read(image([MAIN], address=address), symbols=[]).address == address


def test_a_stray_copy_does_not_count() -> None:
    regions = image([MAIN])
    stray = (0x555556000000, regions[0][1])
    registry = read_registry(FakeTarget([stray] + regions, symbols=[stray[0], REGISTRY]))
    assert [copy.address for copy in registry.copies] == [REGISTRY]
    with pytest.raises(TargetError, match="stray copy"):
        read_registry(FakeTarget([stray]), stray[0])


def test_all_copies_are_found_and_numbered() -> None:
    other = 0x555557000000
    regions = image([MAIN]) + image([MAIN], address=other, shift=1 << 32)
    registry = read_registry(FakeTarget(regions))
    assert [(copy.address, copy.found_by) for copy in registry.copies] == [
        (REGISTRY, "symbol"),
        (other, "scan"),
    ]
    assert [copy.name_of(17) for copy in registry.copies] == ["17", "2.17"]


def test_none_is_an_error_that_says_how_to_get_one() -> None:
    target = FakeTarget([(REGISTRY, b"\0" * 4096)], symbols=[])
    with pytest.raises(TargetError, match=f"start the program with {preload()}, or link"):
        read_registry(target)
    target.symbols = [REGISTRY]
    with pytest.raises(TargetError, match="it did not start"):
        read_registry(target)
    target.limit_list = ["the core file is truncated, 5 bytes are missing"]
    with pytest.raises(TargetError, match="no registry was found: the core file is truncated"):
        read_registry(target)


def test_a_page_full_of_magic_bytes_costs_little() -> None:
    target = FakeTarget([(REGISTRY, abi.MAGIC * 500_000)], symbols=[])
    with pytest.raises(TargetError, match="no registry"):
        read_registry(target)
    assert target.reads < 20


# ---- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header, message",
    [
        (
            dict(abi_major=2),
            r"has version 2\.2, this is a reader of version 1\.2: .*threadleak itself",
        ),
        (dict(abi_major=0, abi_minor=3), r"version 0\.3.*bring the library up to date"),
        (dict(byte_order=0x04030201), "not that of a little-endian 64-bit process"),
        (dict(pointer_size=4), "not that of a little-endian 64-bit process"),
        (dict(header_size=8), "its header has 8 bytes"),
        (dict(header_size=1 << 20), "its header has 1048576 bytes"),
        (dict(records=bytes(288)), "table of records is damaged: an entry has 0 bytes"),
    ],
)
def test_a_header_that_cannot_be_right(header: Any, message: str) -> None:
    with pytest.raises(TargetError, match=message):
        read(image([MAIN], **header))


def table(chunks: List[Tuple[int, int]], used: int = 1, count: int = 0) -> bytes:
    data = b"".join(pack(abi.CHUNK, address=address, count=size) for address, size in chunks)
    return pack(
        abi.TABLE,
        entry_size=128,
        used=used,
        chunk_count=count or len(chunks),
        chunks=data.ljust(256, b"\0"),
    )


@pytest.mark.parametrize(
    "records, message",
    [
        (table([(0x7E0000000000, 1)], count=17), "it has 17 chunks"),
        (table([(0, 4)]), "a chunk at 0x0"),
        (table([(0x7E0000000000, 0)]), "a chunk at 0x7e"),
        (table([((1 << 64) - 128, 2)]), "goes beyond all addresses"),
        (table([(0x7E0000000000, 4), (0x7E0000000080, 4)]), "two of its chunks overlap"),
        (table([(0x7E0000000000, 1 << 30)], used=1 << 29), "too large"),
        (table([(0x7A0000000000, 4)]), "none of its records can be read"),
    ],
)
def test_a_table_that_cannot_be_right(records: bytes, message: str) -> None:
    with pytest.raises(TargetError, match=message):
        read(image([MAIN], records=records))


# ---- what is stepped over ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "regions, kind",
    [
        (image([MAIN, record(2, site=99)]), "records whose site is not there"),
        (image([MAIN, record(2, scope=5)]), "records whose scope is not there"),
        (image([MAIN, record(2, start_module=9)]), "records whose module is not there"),
        (image([MAIN, record(2), record(2)]), "records with an impossible id"),
        (image([MAIN, record(2)], next_id=2), "records with an impossible id"),
        (image([MAIN], site_frames_offset=60), "stacks"),
        (image([MAIN], site_frames_offset=1 << 31), "stacks"),
        (image([MAIN], records=table([(0x7E0000000000, 1)], used=9)), "beyond the table"),
        (image([MAIN], scopes=[scope(1, b"x", parent=77)]), "inside a scope that is not there"),
        (
            image([MAIN], sites=[site([frame(TEXT)], creator_site=50)]),
            "creator's site is not there",
        ),
        (
            image([MAIN], sites=[pack(abi.SITE, frame_count=9999).ljust(320)]),
            "more frames than fit",
        ),
    ],
)
def test_damage_is_named_and_the_rest_is_read(regions: Any, kind: str) -> None:
    registry = read_registry(FakeTarget(regions))
    assert any(kind in name for name, _, _ in registry.anomalies)
    assert registry.copies[0].records[0].id == 1


def test_a_lost_chunk_is_an_anomaly() -> None:
    regions = image([MAIN, record(2), record(3)], split=1)
    del regions[2]  # the second chunk of records
    registry = read_registry(FakeTarget(regions))
    assert [each.id for each in registry.copies[0].records] == [1]
    assert ("records that cannot be read", 2) in [(k, n) for k, n, _ in registry.anomalies]


def test_only_the_records_are_needed() -> None:
    regions = image([MAIN, record(2)])
    for name in ("sites", "scopes", "modules"):
        offset = next(field.offset for field in abi.HEADER.fields if field.name == name)
        head = regions[0][1][:offset] + bytes(288) + regions[0][1][offset + 288 :]
        registry = read_registry(FakeTarget([(REGISTRY, head), *regions[1:]]))
        assert len(registry.copies[0].records) == 2
        assert f"the table of {name}" in [kind for kind, _, _ in registry.anomalies]


def test_chains_that_bite_their_tail_end() -> None:
    scopes = [scope(1, b"a", parent=2), scope(2, b"b", parent=1)]
    sites = [site([frame(TEXT)], creator_site=2), site([frame(LIBC, 2)], creator_site=1)]
    records = [MAIN, record(2, creator=3), record(3, creator=2), record(4, creator=4)]
    copy = read(image(records, sites, scopes))
    assert [each.name for each in copy.scope_chain(1)] == ["a", "b"]
    assert copy.site_ancestry(1) == [1, 2]
    assert [each.id for each in copy.creators(copy.records[1])] == [3]
    assert copy.creators(copy.records[3]) == []


def test_names_may_be_any_bytes() -> None:
    assert text_of(b"ab\0cd") == "ab"
    assert text_of(b"0123456789abcdef") == "0123456789abcdef"
    assert text_of(b"\xff\xc3\xa9") == "\\xff\u00e9"


def test_sites_are_those_of_the_image() -> None:
    copy = read(image([MAIN]))
    assert len(copy.sites) == len(SITES) + 1 and copy.header.pid == PID
