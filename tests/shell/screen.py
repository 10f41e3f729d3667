# SPDX-License-Identifier: MIT
"""A terminal that the shell command runs in, as a person before it would see it."""

import codecs
import fcntl
import os
import re
import select
import struct
import subprocess
import termios
import time
from typing import Any, Callable, List, Tuple

import pytest
from run_shell import environment

WAIT_S = 60
ESCAPES = re.compile(r"\033\[[?0-9;]*[A-Za-z]")
FRAMES = re.compile(r"\033\[H(.*?)\033\[J", re.S)
ENTER, LEAVE = "\033[?1049h", "\033[?1049l"


def open_terminal() -> Tuple[int, int]:
    """The two ends of a pseudo terminal; a chroot without devpts has none."""
    try:
        return os.openpty()
    except OSError as error:
        pytest.skip(f"no pseudo terminal can be opened here: {error.strerror}")


class Screen:
    """What top draws stands between two sequences each time."""

    def __init__(self, *command: str, rows: int = 24, columns: int = 100, **env: str):
        self._master, slave = open_terminal()
        self.resize(rows, columns)
        self.mode = termios.tcgetattr(slave)
        self._slave = slave
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment(**{"TERM": "xterm", **env}),
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0) and None,
            start_new_session=True,
        )
        self.text = ""
        self._decode = codecs.getincrementaldecoder("utf-8")().decode

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)
        os.close(self._slave)

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def send(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def mode_now(self) -> List[Any]:
        return termios.tcgetattr(self._slave)

    def frame(self) -> List[str]:
        """The last that was drawn whole."""
        drawn = FRAMES.findall(self.text)
        return ESCAPES.sub("", drawn[-1]).split("\r\n") if drawn else []

    def wait(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WAIT_S
        while not holds():
            assert (
                time.monotonic() < deadline
            ), f"it shows {self.frame()}, after {self.text[-2000:]!r}"
            if select.select([self._master], [], [], 0.05)[0]:
                self.text += self._decode(os.read(self._master, 1 << 16))

    def wait_for(self, pattern: str) -> List[str]:
        """A frame in which the pattern is found."""
        self.wait(lambda: re.search(pattern, "\n".join(self.frame())) is not None)
        return self.frame()

    def end(self) -> int:
        """The exit status, once it ends."""
        self.wait(lambda: self.process.poll() is not None)
        self.wait(lambda: not select.select([self._master], [], [], 0)[0])
        return self.process.returncode
