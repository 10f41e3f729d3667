# SPDX-License-Identifier: MIT
"""Rules that a file declares in ELF notes: where they are read, whom they speak of, and what hostile ones do."""

import struct
from pathlib import Path
from typing import Any, List, Optional

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image import (
    MAIN,
    MS,
    PID,
    T0,
    TEXT,
    FakeTarget,
    FakeThread,
    frame,
    image,
    module,
    record,
    site,
)
from threadleak.judge.report import Report
from threadleak.judge.rule_set import RuleSet
from threadleak.judge.verdicts import Settings
from threadleak.read.look import look_at
from threadleak.read.notes import NAME, TYPE, rule_texts
from threadleak.target.base import LoadedFile, TargetError

LIBX = 0x7FFFE0000000
BUILD_ID = b"\7\7\7\7"
ROOT = Path(__file__).resolve().parents[2]


def note(text: bytes, name: bytes = NAME, kind: int = TYPE) -> bytes:
    padded = name.ljust((len(name) + 3) // 4 * 4, b"\0")
    return (
        struct.pack("<III", len(name), len(text), kind) + padded + text + b"\0" * (-len(text) % 4)
    )


GNU = note(BUILD_ID, b"GNU\0", 3)


def elf(*segments: bytes, kind: int = 4, align: int = 4, count: Optional[int] = None) -> bytes:
    """The first bytes of a file with these segments, one behind the other."""
    count = len(segments) if count is None else count
    header = b"\x7fELF\x02\x01".ljust(32, b"\0") + struct.pack("<Q", 64) + bytes(14)
    header += struct.pack("<HHHHH", 56, count, 0, 0, 0)
    at = 64 + 56 * len(segments)
    table = b""
    for segment in segments:
        table += struct.pack("<IIQQQQQQ", kind, 4, at, at, at, len(segment), len(segment), align)
        at += len(segment)
    return header[:64] + table + b"".join(segments)


def declared(data: bytes, path: str = "/lib/libx.so.1", build_id: bytes = BUILD_ID) -> List[str]:
    target = FakeTarget([(LIBX, data)])
    return rule_texts(target, LoadedFile(path, LIBX, LIBX + 0x100000, LIBX, build_id.hex()))


def test_names_are_those_of_the_header() -> None:
    text = (ROOT / "helper/include/threadleak.h").read_text()
    assert f'#define THREADLEAK_NOTE_NAME "{NAME[:-1].decode()}"' in text
    assert f"#define THREADLEAK_NOTE_RULES {TYPE:#x}u" in text


def test_read_from_memory() -> None:
    assert declared(elf(GNU + note(b"start:a x\0") + note(b"start:b y\nstart:c z\0"))) == [
        "start:a x",
        "start:b y\nstart:c z",
    ]
    assert declared(elf(GNU, note(b"start:a x"))) == ["start:a x"]
    assert declared(elf(note(b"start:a x\0")), build_id=b"") == ["start:a x"]


def test_notes_of_8_bytes_alignment() -> None:
    odd = struct.pack("<III", len(NAME), 2, TYPE) + NAME.ljust(12, b"\0") + b"ab" + bytes(6)
    assert declared(elf(odd + note(b"cd"), align=8), build_id=b"") == ["ab", "cd"]


@pytest.mark.parametrize(
    "data",
    [
        elf(GNU, note(b"x", name=b"threadleaK\0")),
        elf(GNU, note(b"x", kind=1)),
        elf(GNU, note(b"x"), kind=1),
        elf(note(b"x")),
        elf(note(b"\1\2\3\4", b"GNU\0", 3), note(b"x")),
        elf(GNU, note(b"x"))[:100],
        b"\x7fELF\x01\x01" + elf(GNU, note(b"x"))[6:],
        b"",
    ],
    ids=["name", "type", "no note", "no build-id", "another build", "cut", "32 bits", "nothing"],
)
def test_what_declares_nothing(data: bytes) -> None:
    assert declared(data) == []


@given(st.binary(max_size=400))
@settings(max_examples=300)
def test_any_bytes_are_read_without_an_error(tail: bytes) -> None:
    for data in (tail, elf(GNU + tail), elf(tail, count=0xFFFF), elf(GNU)[:64] + tail):
        assert all(isinstance(text, str) for text in declared(data))
        assert all(isinstance(text, str) for text in declared(data, build_id=b""))


def test_huge_sizes_cost_nothing() -> None:
    target = FakeTarget([(LIBX, elf(note(b"x") * 4000))])
    sizes = []
    read = target.read

    def counted(address: int, size: int) -> bytes:
        sizes.append(size)
        return read(address, size)

    target.read = counted  # type: ignore[method-assign]
    rule_texts(target, LoadedFile("/x", LIBX, LIBX + 1, LIBX, ""))
    assert max(sizes) <= 64 << 10 and len(sizes) == 2


def test_read_from_the_file_where_memory_lacks_it(tmp_path: Path) -> None:
    path = tmp_path / "libx.so.1"
    path.write_bytes(elf(GNU + note(b"start:a x\0")))
    assert declared(b"", str(path)) == ["start:a x"]
    assert declared(b"", str(path), build_id=b"\1\2") == []
    assert declared(b"", str(path), build_id=b"") == []
    assert declared(b"", str(tmp_path)) == declared(b"", "/dev/zero") == declared(b"", "a\0b") == []


# ---- what they do in a look ----------------------------------------------------------------------------

PLAIN = [module(b"/srv/server", TEXT), module(b"/lib/libx.so.1", LIBX, BUILD_ID)]
THROUGH = [site([frame(LIBX + 0x10, 2), frame(TEXT + 0x1300)]), site([frame(TEXT + 0x1300)])]
AT_END = Settings(at_end=True, settle_ms=0)


def look(rules: bytes, *records: bytes, how: Settings = AT_END) -> Report:
    kernel = [FakeThread(PID + at) for at in range(len(records) + 1)]
    regions = image([MAIN, *records], sites=THROUGH, modules=PLAIN)
    regions.append((LIBX, elf(GNU + note(rules))))
    target = FakeTarget(regions, kernel, T0 + 5000 * MS)
    target.module_at = lambda pc: (  # type: ignore[method-assign]
        "/lib/libx.so.1" if pc >= LIBX else "/srv/server"
    )
    return Report(look_at(target), how, RuleSet())


def expected(report: Report) -> List[Any]:
    return [verdict.expected_by for verdict in report.verdicts[1:]]


def test_a_note_speaks_of_what_passes_through_its_file_alone() -> None:
    mine, through, other = (
        record(2, site=2, start=LIBX + 0x100, start_module=2),
        record(3, site=1),
        record(4, site=2),
    )
    report = look(b"name:* a pool\0", mine, through, other)
    told = "name:* a pool (declared by libx.so.1)"
    assert expected(report) == [told, told, None]
    assert [verdict.thread.id for verdict in report.leaked] == ["4"]


def test_a_wrong_line_is_said_and_the_others_hold() -> None:
    report = look(b"nonsense\nname:worker-2 a pool\n\xff:x\0", record(2, site=1))
    assert expected(report) == ["name:worker-2 a pool (declared by libx.so.1)"]
    (said,) = [notice.text for notice in report.notices if notice.kind == "wrong_notes"]
    assert "2 rules not understood: the note of libx.so.1:1: a rule is FIELD:GLOB REASON" in said


def test_notes_are_read_only_for_what_would_leak() -> None:
    report = look(b"name:* a pool\0", record(2, site=1), how=Settings())
    assert expected(report) == [None] and not report.leaked
    assert not [at for at in vars(report.judge.declared)["_rules"]]


def test_a_target_that_cannot_be_read_declares_nothing() -> None:
    target = FakeTarget([])
    with pytest.raises(TargetError):
        target.read(LIBX, 64)
    assert rule_texts(target, LoadedFile("/none", LIBX, LIBX + 1, LIBX, "00")) == []
