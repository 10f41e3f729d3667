# SPDX-License-Identifier: MIT
"""Which processes a name means."""

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

import pytest
from threadleak.target import processes

OURS = f"odd{os.getpid()}"  # several runs of these tests may go on at once
SAYS = "import sys; {}; print(flush=True); sys.stdin.read()"


@contextmanager
def started(*words: str, does: str = "0", **how: str) -> Iterator[int]:
    """The pid of a Python that has done what it was told, and waits."""
    pipe = subprocess.PIPE
    command = [*words, "-c", SAYS.format(does)]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, **how) as process:  # type: ignore
        assert process.stdout is not None and process.stdout.readline()
        yield process.pid
        process.kill()


def test_by_what_it_was_started_as(tmp_path: Path) -> None:
    with started(f"/some/where/{OURS} [name]", executable=sys.executable) as pid:
        assert processes.find(f"{OURS} [[]name]") == [pid]
        assert pid in processes.find(os.path.basename(os.path.realpath(sys.executable)))
        assert pid in processes.find("python*")


def test_by_the_name_that_it_gave_itself() -> None:
    naming = f"open('/proc/self/comm', 'w').write('{OURS}-name')"
    with started(sys.executable, does=naming) as pid:
        assert processes.find(f"{OURS}-nam?") == [pid]
        assert processes.find(f"{OURS.title()}-name") == []


def test_bytes_that_are_no_utf8(tmp_path: Path) -> None:
    program = os.path.join(os.fsencode(tmp_path), OURS.encode() + b"\xff")
    shutil.copy(os.path.realpath(sys.executable), program)
    with started(os.fsdecode(program), does="0") as pid:
        assert processes.find(f"{OURS}*xff") == [pid]


def test_all_but_ours_and_those_that_are_none() -> None:
    with started(sys.executable) as pid:
        found = processes.find("*")
        assert pid in found and os.getpid() not in found and found == sorted(set(found))
        assert 2 not in found or os.path.exists("/proc/2/exe"), "a thread of the kernel"
    assert pid not in processes.find("*")


def test_one_that_nobody_has_waited_for_yet() -> None:
    with subprocess.Popen(["sleep", "0"]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert process.pid not in processes.find("sleep")


@pytest.mark.parametrize("glob", ["", "no such process anywhere", "[", "a/b"])
def test_none(glob: str) -> None:
    assert processes.find(glob) == []
