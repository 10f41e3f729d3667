# SPDX-License-Identifier: MIT
"""Damaged and hostile registries: whatever the bytes, each subcommand ends soon, with output that is safe to
print and with a status, never with an exception, and it is not green where it was blind."""

import contextlib
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, List, Tuple

import pytest
import trace_format
from hypothesis import given, settings
from hypothesis import strategies as st
from image import MAIN, MS, PID, T0, FakeTarget, FakeThread, image, mark, record, scope
from schema import errors
from test_subcommands import document, schema
from threadleak import commands
from threadleak.commands import execution
from threadleak.commands.session import Session
from threadleak.commands.verify import Check
from threadleak.commands.verify_lines import QUIET, Answer, parse
from threadleak.read import abi
from threadleak.target.base import TargetError

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "abi"))
from frozen import load  # noqa: E402

ENDED = abi.STARTED | abi.FINISHED
IMAGES = Path(__file__).resolve().parents[1] / "abi"
LINES = ["list --all", "groups --all", "check --at-end", "info", "explain 2 3 4", "list --stacks"]
LINES += ["list --format html"]
SECONDS = 5.0  # of CPU, which a busy machine makes longer, too

Memory = List[Tuple[int, bytes]]


def synthetic() -> Memory:
    data = [
        MAIN,
        record(2, ENDED, creator=3),
        record(3, scope=2, site=2, creator=2),
        record(4, expected=1),
    ]
    scopes = [scope(1, b"suite", parent=2), scope(2, b"case", parent=1, ended_ns=T0 + MS)]
    marks = [mark(b"a daemon"), mark(b"b", abi.RULE_UNJOINED)]
    return image(data, scopes=scopes, marks=marks, split=2)


def frozen() -> List[Memory]:
    return [load(path) for path in sorted(IMAGES.glob("registry-*.bin"))]


def run_all(memory: Memory) -> None:
    """Every subcommand, with everything that must hold of what it gives."""
    header = abi.HEADER.one(memory[0][1].ljust(abi.HEADER.size, b"\0")[: abi.HEADER.size])
    pid = header.pid or PID
    threads = [FakeThread(pid + n, 0x7FFF00001000 + n * 0x1000) for n in range(4)]
    target = FakeTarget(memory, threads, T0 + 5000 * MS, pid, symbols=[memory[0][0]])
    session = Session(lambda: target, lambda: 0)
    for line in LINES:
        name, *words = line.split()
        start = time.process_time()
        outcome = execution.invoke(commands.modules()[name], session, words)
        assert time.process_time() - start < SECONDS, line
        assert outcome.status in (0, 2, 3), outcome
        assert outcome.text or outcome.error
        assert all(each.isprintable() for each in outcome.text.split("\n"))
        if outcome.status == 2 and name in ("list", "check"):
            assert outcome.error or "damaged" in outcome.text or "dropped" in outcome.text
    run_trace(session)
    run_verify(memory, target)


def run_trace(session: Session) -> None:
    with tempfile.NamedTemporaryFile("r", encoding="ascii") as file:
        start = time.process_time()
        outcome = execution.invoke(commands.modules()["trace"], session, ["-o", file.name])
        assert time.process_time() - start < SECONDS
        assert outcome.text or (outcome.status == 2 and outcome.error)
        if outcome.text:
            trace_format.parse(file.read())


def run_verify(memory: Memory, target: FakeTarget) -> None:
    """A check that a program makes of itself, of all of it and of a scope."""
    for what in ("since:1", "scope:2"):
        ask, answer = os.pipe(), os.pipe()
        os.write(ask[1], b"report\n")
        words = [f"registry={memory[0][0]:#x}", f"what={what}", f"flags={QUIET}", "pid=1", "self=1"]
        request = parse(["protocol=1", *words, f"ask={ask[0]}", f"answer={answer[1]}"])
        start = time.process_time()
        with contextlib.suppress(TargetError):
            Check(request, Answer(answer[1]), lambda: target).run()
            os.write(answer[1], b"end")
        assert time.process_time() - start < SECONDS
        os.close(answer[1])
        with os.fdopen(answer[0], encoding="utf-8") as file:
            said = file.read()
        for each in ask:
            os.close(each)
        assert all(each.isprintable() for each in said.split("\n"))
        if said.endswith("end"):
            assert said.split("\n")[-2].startswith(("leaked ", "blind "))


OFTEN = settings(max_examples=200)
WORDS = st.sampled_from(
    [
        0,
        1,
        2,
        3,
        7,
        16,
        17,
        127,
        128,
        255,
        1 << 16,
        1 << 31,
        (1 << 32) - 1,
        1 << 48,
        1 << 63,
        (1 << 64) - 1,
    ]
)


@st.composite
def changes(draw: Any) -> Tuple[int, int, int, int]:
    """(piece, position, width, value), the first two as large numbers to be taken modulo what is there."""
    width = draw(st.sampled_from([1, 2, 4, 8]))
    value = draw(st.one_of(WORDS, st.integers(0, (1 << 64) - 1))) % (1 << 8 * width)
    # half of them in the header, where every bit matters
    piece = draw(st.one_of(st.just(0), st.integers(0, 1 << 16)))
    return piece, draw(st.integers(0, 1 << 20)), width, value


def changed(memory: Memory, edits: List[Tuple[int, int, int, int]]) -> Memory:
    pieces = [(address, bytearray(data)) for address, data in memory]
    for piece, position, width, value in edits:
        data = pieces[piece % len(pieces)][1]
        if len(data) >= width:
            at = position % (len(data) - width + 1)
            at -= at % width
            data[at : at + width] = value.to_bytes(width, "little")
    return [(address, bytes(data)) for address, data in pieces]


@OFTEN
@given(st.lists(changes(), min_size=1, max_size=6))
def test_overwritten_words(edits: List[Tuple[int, int, int, int]]) -> None:
    run_all(changed(synthetic(), edits))


@OFTEN
@given(st.lists(changes(), min_size=1, max_size=6), st.integers(0, 9))
def test_overwritten_words_of_frozen_images(edits: List[Tuple[int, int, int, int]], n: int) -> None:
    images = frozen()
    run_all(changed(images[n % len(images)], edits))


@OFTEN
@given(st.lists(st.integers(0, 1 << 20), min_size=1, max_size=4), st.data())
def test_flipped_bits(positions: List[int], data: st.DataObject) -> None:
    memory = data.draw(st.sampled_from([synthetic(), *frozen()]))
    bits = [bytearray(content) for _, content in memory]
    for position in positions:
        piece = bits[position % len(bits)]
        piece[position // 8 % len(piece)] ^= 1 << position % 8
    run_all([(address, bytes(content)) for (address, _), content in zip(memory, bits)])


@OFTEN
@given(st.integers(0, 20), st.integers(0, 2000))
def test_truncated_pieces(piece: int, length: int) -> None:
    for memory in [synthetic(), *frozen()]:
        at = piece % len(memory)
        address, content = memory[at]
        run_all(memory[:at] + [(address, content[:length])] + memory[at + 1 :])


@OFTEN
@given(st.lists(st.tuples(*[st.integers(0, 6)] * 5), min_size=1, max_size=6))
def test_links_of_every_kind(links: List[Tuple[int, ...]]) -> None:
    """Creators, sites and scopes that refer to each other at will."""
    from image import frame, site

    records = [MAIN]
    sites, scopes = [], []
    for number, (creator, at_site, at_scope, creator_site, parent) in enumerate(links, 2):
        records.append(record(number, creator=creator, site=at_site, scope=at_scope))
        sites.append(site([frame(0x555555555205)], creator_site=creator_site))
        scopes.append(scope(number, b"s%d" % number, parent=parent))
    run_all(image(records, sites, scopes))


def test_a_table_that_claims_all_of_memory() -> None:
    """Counts are not believed beyond what can be read, and little is allocated for them."""
    memory = synthetic()
    table = bytearray(abi.HEADER.one(memory[0][1]).records)
    for used in (1 << 22, 1 << 40, (1 << 64) - 1):
        table[8:16] = used.to_bytes(8, "little")
        chunk = (0x7E0000000000).to_bytes(8, "little") + (1 << 32).to_bytes(8, "little")
        table[32:48] = chunk
        offset = next(field.offset for field in abi.HEADER.fields if field.name == "records")
        header = memory[0][1][:offset] + bytes(table) + memory[0][1][offset + 288 :]
        run_all([(memory[0][0], header), *memory[1:]])


@pytest.mark.parametrize(
    "name", [b"\x1b[2J", b"\xff" * 16, b"\0" * 16, "\u202e\U0001f9f5".encode()]
)
def test_names_in_json(name: bytes) -> None:
    from test_subcommands import Bench

    bench = Bench([MAIN, record(2, ENDED, name=name)])
    shown, _ = document("list", bench)
    assert errors(shown, schema(), schema()) == []
