# SPDX-License-Identifier: MIT
"""Files that are replaced whole, by --baseline and `metrics -o`, and what is no file."""

import os
import stat
from pathlib import Path

import pytest
from threadleak import whole_file


def test_a_pipe_stays_one_and_is_written_to(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), encoding="utf-8") as reader:
        whole_file.replace(str(path), "text")
        assert reader.read() == "text"
    assert path.is_fifo() and os.listdir(tmp_path) == ["pipe"]


def test_a_device_stays_one(tmp_path: Path) -> None:
    path = tmp_path / "null"
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        path.write_text("")
    except OSError:
        pytest.skip("devices cannot be made, or not used, here")
    (tmp_path / "link").symlink_to("null")
    for name in ("null", "link"):
        whole_file.replace(str(tmp_path / name), "text")
    assert path.is_char_device() and sorted(os.listdir(tmp_path)) == ["link", "null"]


def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("file")
    for text in ("made", "again"):
        whole_file.replace(str(tmp_path / "link"), text)
        assert (tmp_path / "file").read_text() == text
    assert sorted(os.listdir(tmp_path)) == ["file", "link"] and (tmp_path / "link").is_symlink()


def test_what_a_killed_process_of_this_pid_left_is_in_nobodys_way(tmp_path: Path) -> None:
    """In a container PIDs come again soon. Nor is a link of that name followed."""
    left = tmp_path / f"file.{os.getpid()}.new"
    left.symlink_to("others")
    (tmp_path / "others").write_text("theirs")
    whole_file.replace(str(tmp_path / "file"), "text")
    assert (tmp_path / "file").read_text() == "text"
    assert (tmp_path / "others").read_text() == "theirs" and left.is_symlink()
    assert len(os.listdir(tmp_path)) == 3


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        whole_file.replace(str(tmp_path), "text")
    assert not os.listdir(tmp_path)
