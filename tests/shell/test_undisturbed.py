# SPDX-License-Identifier: MIT
"""Whoever is looked at does not notice: tests/programs/syscalls.c waits in every system call that a stop
interrupts, and none of them returns, and no thread runs, however often we look. With a stop some do return:
those that docs/probe.md names.
"""

import os
import pathlib
import re
import struct
import subprocess
import sys
import time
from typing import Dict, Iterator, List, NamedTuple, Set

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "gdb"))

from threadleak.target import probe_abi as abi  # noqa: E402
from threadleak.target.probe import Probe  # noqa: E402

SHELL = os.path.join(ROOT, "scripts", "threadleak")
LIBRARY = os.path.join(ROOT, "build", "libthreadleak.so")
SOURCE = os.path.join(ROOT, "tests", "programs", "syscalls.c")
DOCUMENT = os.path.join(ROOT, "docs", "probe.md")
CALL = struct.Struct("=24sIiQq")  # struct call of syscalls.c
WAIT_S = 60


class Call(NamedTuple):
    name: str
    tid: int
    returns: int
    result: int


class Blocked:
    """The program, with all its threads in their system calls."""

    def __init__(self, folder: str):
        program = os.path.join(folder, "syscalls")
        flags = ["-std=gnu11", "-D_GNU_SOURCE", "-g", "-O1", "-Wall", "-Wextra", "-Werror"]
        subprocess.run(["gcc", *flags, SOURCE, "-o", program, "-lpthread", "-lrt"], check=True)
        self._report = os.path.join(folder, "report")
        self._process = subprocess.Popen(
            [program, self._report],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"LD_PRELOAD": LIBRARY, "PATH": "/usr/bin:/bin"},
        )
        self.pid = self._process.pid
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"
        self.settle()

    def close(self) -> None:
        self._process.communicate(timeout=WAIT_S)

    def calls(self) -> List[Call]:
        with open(self._report, "rb") as file:
            rows = CALL.iter_unpack(file.read())
        return [
            Call(name.rstrip(b"\0").decode(), tid, returns, result)
            for name, tid, _, returns, result in rows
        ]

    def returns(self) -> Dict[str, int]:
        return {call.name: call.returns for call in self.calls()}

    def times(self) -> Dict[str, str]:
        """Of each thread how long it has run, waited to run, and how often, in nanoseconds; and of all of
        them the user and system time."""
        folder = f"/proc/{self.pid}/task"
        times = {}
        for tid in os.listdir(folder):
            with open(f"{folder}/{tid}/schedstat", encoding="ascii") as file:
                times[tid] = file.read()
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as file:
            times["process"] = " ".join(file.read().rpartition(")")[2].split()[11:15])
        return times

    def settle(self) -> None:
        """Waits until all threads have come to rest."""
        for _ in range(WAIT_S * 10):
            before = self.times()
            time.sleep(0.1)
            if before == self.times():
                return
        pytest.fail("the threads do not come to rest")


@pytest.fixture(scope="module")
def blocked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Blocked]:
    made = Blocked(str(tmp_path_factory.mktemp("blocked")))
    yield made
    made.close()


@pytest.fixture
def unmoved(blocked: Blocked) -> Iterator[Blocked]:
    """Fails where any call returned, or any thread ran."""
    blocked.settle()
    returns, times = blocked.returns(), blocked.times()
    yield blocked
    assert blocked.returns() == returns
    assert blocked.times() == times


def test_the_probe(unmoved: Blocked) -> None:
    """20 probes, 50 looks each, at every thread: state, stack, name and memory."""
    threads = len(unmoved.calls()) + 1
    for _ in range(20):
        opened = Probe.of_process(unmoved.pid)
        assert opened.info().thread_count == threads
        for _ in range(50):
            for index in range(threads):
                assert opened.look(index) and opened.unwind(index, 64)
                thread = opened.thread(index)
                assert thread["state"] == abi.BLOCKED
                assert len(opened.read(thread["sp"], 4096)) > 0
        assert all(opened.thread_name(index) for index in range(threads))
        ends = [end for _, end in opened.stacks()]
        assert not {abi.RUNS, abi.MOVED, abi.GONE} & set(ends)
        opened.close()


@pytest.mark.parametrize(
    "words, times",
    [
        ("list --all", 12),
        ("check", 12),
        ("stacks", 12),
        ("explain --id 2", 6),
        ("top --samples 100 --interval 0.05", 1),
    ],
)
def test_the_shell(unmoved: Blocked, words: str, times: int) -> None:
    command, *options = words.split()
    for _ in range(times):
        done = subprocess.run(
            [SHELL, command, str(unmoved.pid), *options],
            capture_output=True,
            text=True,
            timeout=WAIT_S,
        )
        assert done.returncode in (0, 3) and done.stdout, done.stderr


def test_a_snapshot(unmoved: Blocked, tmp_path: pathlib.Path) -> None:
    for _ in range(3):
        opened = Probe.of_process(unmoved.pid)
        made = opened.snapshot(str(tmp_path / "a.core"), [])
        assert made.threads == len(unmoved.calls()) + 1 and made.without_sp == 0
        opened.close()


def documented() -> Set[str]:
    """The rows of the table in docs/probe.md that name what returns early."""
    with open(DOCUMENT, encoding="utf-8") as file:
        table = file.read().partition("## What returns early after a stop")[2].partition("\n## ")[0]
    return set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))


def test_a_stop_interrupts_what_the_document_names(blocked: Blocked) -> None:
    blocked.settle()
    before = blocked.returns()
    for _ in range(3):
        opened = Probe.of_process(blocked.pid, abi.STOP)
        opened.look(abi.ALL)
        opened.close()
        blocked.settle()
    after = blocked.returns()
    returned = {name for name in after if after[name] != before[name]}
    assert returned == documented()
    results = {call.name: call.result for call in blocked.calls() if call.name in returned}
    written = results.pop("pipe_write")
    assert 0 < written < 1 << 20
    assert set(results.values()) == {-4}, results  # EINTR
