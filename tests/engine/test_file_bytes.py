# SPDX-License-Identifier: MIT
"""Parts of files that are cut short, or whose headers promise what no file has; and words in them."""

import os
import pathlib
import shutil
from typing import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from threadleak.target.file_bytes import _BLOCK, holds, part
from threadleak.target.program import why_not_preloaded


@pytest.fixture
def file(tmp_path: pathlib.Path) -> Iterator[int]:
    descriptor = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    yield descriptor
    os.close(descriptor)


@pytest.mark.parametrize("at", [0, 1, _BLOCK - 8, _BLOCK - 7, _BLOCK - 1, _BLOCK, 3 * _BLOCK - 5])
def test_a_word_wherever_it_lies(file: int, at: int) -> None:
    os.pwrite(file, b"THRDLEAK", at)
    assert holds(file, b"THRDLEAK")
    os.ftruncate(file, at + 7)
    assert not holds(file, b"THRDLEAK")


def test_a_part(file: int) -> None:
    os.pwrite(file, b"0123456789", 0)
    assert part(file, 3, 4) == b"3456"
    os.ftruncate(file, 5)  # as somebody may while we look
    assert (part(file, 3, 4), part(file, 7, 4)) == (b"34", b"")
    for offset, size in (0, 1 << 60), (1 << 63, 1), ((1 << 64) - 1, (1 << 64) - 1):
        with pytest.raises(ValueError):
            part(file, offset, size)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(0, 1 << 16),
    st.lists(st.tuples(st.integers(0, 5000), st.binary(min_size=1, max_size=8)), max_size=4),
)
def test_any_file(tmp_path: pathlib.Path, size: int, changes: list) -> None:
    """Cut anywhere, with anything in its headers, a file is judged or not, and raises nothing."""
    path = str(tmp_path / "program")
    shutil.copyfile("/bin/true", path)
    with open(path, "r+b") as file:
        for at, content in changes:
            file.seek(at)
            file.write(content)
        file.truncate(size)
    assert not why_not_preloaded(path) or size
