# SPDX-License-Identifier: MIT
"""What hints say that a program is to be started with: it has to work as it stands."""

from pathlib import Path

import pytest
from threadleak import libraries


@pytest.mark.parametrize(
    "folder, shown",
    [
        ("/usr/lib", "libthreadleak.so"),
        ("/usr/lib/x86_64-linux-gnu", "libthreadleak.so"),
        ("/usr/local/lib", "/usr/local/lib/libthreadleak.so"),
        ("/home/me/threadleak/build", "/home/me/threadleak/build/libthreadleak.so"),
    ],
)
def test_the_path_where_the_name_is_not_enough(
    monkeypatch: pytest.MonkeyPatch, folder: str, shown: str
) -> None:
    monkeypatch.setattr(libraries, "LIBRARY_DIR", folder)
    monkeypatch.setattr("os.path.exists", lambda path: True)
    monkeypatch.setattr("os.path.realpath", lambda path: path)
    assert libraries.preload() == f"LD_PRELOAD={shown}"


def test_without_the_headers_there_is_the_name_that_programs_load(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(libraries, "LIBRARY_DIR", str(tmp_path))
    assert libraries.preload() == f"LD_PRELOAD={tmp_path.resolve()}/libthreadleak.so.0"
