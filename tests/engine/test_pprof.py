# SPDX-License-Identifier: MIT
"""Profiles of whatever a target may say, read back with the protobuf library."""

import gzip
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, List, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadleak.judge.profile import TYPES, Sample
from threadleak.judge.spots import Extent, Places, Spot
from threadleak.show import pprof
from threadleak.show.sanitize import clean
from threadleak.show.pprof_schema import new_profile
from threadleak.target.base import CurrentStack, Frame

pytest.importorskip("google.protobuf", reason="needs python3-protobuf")

texts = st.text(max_size=8)
numbers = st.integers(0, (1 << 64) - 1)
extents = st.builds(Extent, texts, numbers, numbers, texts)
frames = st.builds(
    lambda function, file, line: Frame(0, function, None, None, file, line),
    *(st.none() | texts, st.none() | texts, st.none() | st.integers(0, (1 << 63) - 1)),
)
spots = st.builds(Spot, numbers, st.lists(frames, max_size=3).map(tuple), st.none() | extents)
labels = st.lists(st.tuples(texts, texts), max_size=3).map(tuple)
samples = st.builds(
    Sample,
    st.lists(spots, max_size=4).map(tuple),
    labels,
    st.tuples(*[st.integers(0, 1 << 40)] * len(TYPES)),
)


def read(data: bytes) -> Any:
    profile = new_profile()
    profile.ParseFromString(gzip.decompress(data))
    return profile


@given(st.lists(samples, max_size=6), st.none() | extents, st.lists(texts, max_size=2))
@settings(max_examples=60)
def test_whatever_it_says(found: List[Sample], program: Any, said: List[str]) -> None:
    """Everything that is referred to is there, once (proto/profile.proto says so), and nothing is lost."""
    profile = read(pprof.document(found, program, 1.5, said))
    strings = list(profile.string_table)
    assert strings[0] == "" and len(set(strings)) == len(strings)
    assert all(clean(text) == text for text in strings)
    assert [strings[each.type] for each in profile.sample_type] == [name for name, _ in TYPES]
    for kind in (profile.mapping, profile.location, profile.function):
        assert [each.id for each in kind] == list(range(1, len(kind) + 1))
    for sample in profile.sample:
        assert all(1 <= id <= len(profile.location) for id in sample.location_id)
        assert all(label.key < len(strings) and label.str < len(strings) for label in sample.label)
    for location in profile.location:
        assert location.mapping_id <= len(profile.mapping)
        assert all(1 <= line.function_id <= len(profile.function) for line in location.line)
    drawn = [
        number
        for sample in profile.sample
        for each in sample.label
        for number in (each.key, each.str)
    ]
    drawn += [each.filename for each in (*profile.mapping, *profile.function)]
    for text in (strings[number] for number in (*drawn, *profile.comment)):
        assert '"' not in text and not text.endswith("\\"), "pprof -svg"
    for at in range(len(TYPES)):
        sums = sum(each.values[at] for each in found)
        assert sum(each.value[at] for each in profile.sample) == sums
    if program is not None:
        assert profile.mapping[0].memory_start == program.start


def test_equal_samples_are_one() -> None:
    stack = (Spot(1, (Frame(1, "f"),)),)
    one = Sample(stack, (("name", "a"),), (1, 0, 1, 5))
    profile = read(pprof.document([one] * 3 + [one._replace(labels=())], None, 0, []))
    assert [list(sample.value) for sample in profile.sample] == [[3, 0, 3, 15], [1, 0, 1, 5]]


def test_names_that_are_missing_may_be_looked_up() -> None:
    extent = Extent("/lib/x.so", 0x1000, 0x2000, "ab")
    known = Sample((Spot(0x1001, (Frame(0x1001, "f"),), extent),), (), (1, 0, 0, 0))
    unknown = Sample((Spot(0x1002, (Frame(0x1002),), extent),), (), (1, 0, 0, 0))
    assert read(pprof.document([known], None, 0, [])).mapping[0].has_functions
    profile = read(pprof.document([known, unknown], None, 0, []))
    assert not profile.mapping[0].has_functions and not profile.location[1].line


@pytest.mark.skipif(not shutil.which("go"), reason="needs Go's pprof: golang-go")
def test_pprof_shows_remarks_whole(tmp_path: Path) -> None:
    stack = CurrentStack((), end="it runs: only a stop (--stop) would show where")
    place = Places(cast(Any, None), cast(Any, None)).current(stack)
    data = pprof.document([Sample(place, (), (1, 0, 0, 0))], None, 1.0, [])
    (tmp_path / "a.pb.gz").write_bytes(data)
    command = ["go", "tool", "pprof", "-top", str(tmp_path / "a.pb.gz")]
    env = {**os.environ, "HOME": str(tmp_path), "PPROF_TMPDIR": str(tmp_path)}
    top = subprocess.run(command, capture_output=True, text=True, env=env, timeout=60)
    assert "[it runs: only a stop [--stop] would show where]\n" in top.stdout, top
