# SPDX-License-Identifier: MIT
"""tests/programs/grows.c, at the command of a test."""

import subprocess

from workshop import LIBRARY, READY_S


class Growing:
    def __init__(self, path: str, preload: str = LIBRARY):
        pipe = subprocess.PIPE
        env = {"LD_PRELOAD": preload} if preload else {}
        self.process = subprocess.Popen([path], stdin=pipe, stdout=pipe, env=env, text=True)
        self.pid = str(self.process.pid)
        assert self._line() == "ready\n"

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def make(self, letters: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(letters + "\n")
        self.process.stdin.flush()
        assert self._line() == "done\n"

    def end(self) -> None:
        self.process.communicate(timeout=READY_S)

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()
