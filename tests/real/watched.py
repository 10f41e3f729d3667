# SPDX-License-Identifier: MIT
"""A real program, with the library or bare: start it, wait for what it does, end it."""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any, Callable, List, Optional, Set

import pytest

LIBRARY = Path(__file__).resolve().parents[2] / "build" / "libthreadleak.so"
PROGRAMS = Path(__file__).resolve().parent / "programs"
TIMEOUT_S = 60


def need(program: str, package: str) -> str:
    """Path of the program, or a skip that names its Debian package."""
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed (Debian: {package})")
    return path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], Any], what: str) -> Any:
    """The first true value that `condition` gives."""
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"waited {TIMEOUT_S} s for {what}")


def task_count(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/task"))


def task_names(pid: int) -> Set[str]:
    names = set()
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            names.add(Path(f"/proc/{pid}/task/{task}/comm").read_text(encoding="utf-8").strip())
        except OSError:
            pass  # it ended meanwhile
    return names


class Program:
    """A context manager: neither the program nor a child of it survives the block."""

    def __init__(
        self, argv: List[Any], folder: Path, preload: bool = True, port: Optional[int] = None
    ):
        assert LIBRARY.exists(), "run `make` first"
        self.folder = folder
        self.port = port
        self._errors = folder / "stderr"
        with self._errors.open("w") as errors:
            self.process = subprocess.Popen(
                [str(word) for word in argv],
                cwd=folder,
                env={**os.environ, **({"LD_PRELOAD": str(LIBRARY)} if preload else {})},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )
        self.pid = self.process.pid

    def __enter__(self) -> "Program":
        if self.port is not None:
            until(self._listens, f"port {self.port} to open")
        return self

    def __exit__(self, *_: Any) -> None:
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # nobody is left
        self.process.communicate()

    def _listens(self) -> bool:
        assert self.process.poll() is None, self._errors.read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def line(self) -> str:
        """The next line of its output."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        assert line, self._errors.read_text()
        return line

    def quieten(self) -> None:
        """Those in programs/ cease to make threads once their standard input ends."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.stdin = None
        assert self.line() == "quiet"

    def terminate(self) -> int:
        """SIGTERM; the exit status."""
        self.process.terminate()
        return self.process.wait(TIMEOUT_S)

    def children(self) -> List[int]:
        """Of the main thread."""
        path = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        return [int(word) for word in path.read_text(encoding="ascii").split()]

    def await_threads(self, count: int) -> None:
        until(lambda: task_count(self.pid) == count, f"{count} threads")

    def dump_core(self, pid: int) -> Path:
        """Ends a process, the program itself or a child of it, with SIGABRT; the core file."""
        os.kill(pid, signal.SIGABRT)
        if pid == self.pid:
            assert self.process.wait(TIMEOUT_S) == -signal.SIGABRT
        else:
            until(lambda: not os.path.exists(f"/proc/{pid}"), f"process {pid} to end")
        found = [path for path in self.folder.iterdir() if path.name.startswith("core")]
        assert len(found) == 1, f"one core file, not {found}"
        return found[0]
