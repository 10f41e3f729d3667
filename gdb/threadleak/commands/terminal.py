# SPDX-License-Identifier: MIT
"""A terminal as a screen that is drawn anew: the alternate one, so that what was there comes back.

Sources: console_codes(4) and xterm's control sequences (1049: alternate screen, 25: cursor, 7: wrapping);
termios(3); the control characters for interrupt and suspension stay signals.
"""

import os
import re
import select
import signal
import sys
import termios
import tty
from typing import Any, List, Optional

ENTER, LEAVE = "\033[?1049h\033[?25l\033[?7l", "\033[?7h\033[?25h\033[?1049l"
_SEQUENCE = re.compile(rb"\033(?:\[[0-9;?]*[@-~]|O?.)?")  # what a key without a character sends
ENDING = (signal.SIGTERM, signal.SIGHUP)


class Terminal:
    """While it is entered, keys come unbuffered and are not echoed. Whatever ends it, the terminal is restored."""

    def __init__(self) -> None:
        self._input: Optional[int] = sys.stdin.fileno() if sys.stdin.isatty() else None
        self._saved: Any = None
        self._stop_asked = False
        self._wakes, self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def __enter__(self) -> "Terminal":
        signal.signal(signal.SIGWINCH, lambda *_: None)  # wakes wait()
        signal.signal(signal.SIGTSTP, self._ask_for_stop)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for number in ENDING:
            signal.signal(number, _end)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        self._take()
        return self

    def __exit__(self, *_: Any) -> None:
        self._give_back()
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGWINCH, signal.SIGTSTP, signal.SIGINT, *ENDING):
            signal.signal(number, signal.SIG_DFL)
        os.close(self._wakes)
        os.close(self._wake)

    def _take(self) -> None:
        if self._input is not None:
            self._saved = termios.tcgetattr(self._input)
            tty.setcbreak(self._input)
        self._write(ENTER)

    def _give_back(self) -> None:
        self._write(LEAVE)
        if self._input is not None:
            termios.tcsetattr(self._input, termios.TCSADRAIN, self._saved)

    def _ask_for_stop(self, *_: Any) -> None:
        """Not at once: something may be half drawn."""
        self._stop_asked = True

    def _suspend(self) -> None:
        """Ctrl-Z: stops as if nobody had caught the signal, and goes on when the shell says so."""
        self._stop_asked = False
        self._give_back()
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, self._ask_for_stop)
        self._take()

    def draw(self, lines: List[str]) -> None:
        """Over what was there, line by line, so that nothing flickers."""
        self._write("\033[H" + "".join(f"{line}\033[m\033[K\n" for line in lines[:-1]))
        self._write(lines[-1] + "\033[m\033[K\033[J")

    def _write(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    def wait(self, seconds: float, ends: Optional[int]) -> str:
        """Until keys come, which are returned, or the window's size changes, or `ends` can be read."""
        fds = [fd for fd in (self._wakes, self._input, ends) if fd is not None]
        ready = select.select(fds, [], [], max(0.0, seconds))[0]
        if self._wakes in ready:
            os.read(self._wakes, 4096)
        if self._stop_asked:
            self._suspend()
        if self._input is None or self._input not in ready:
            return ""
        keys = os.read(self._input, 64)
        if not keys:
            self._input = None  # hung up, or closed
        return _SEQUENCE.sub(b"", keys).decode("ascii", "ignore")


def _end(number: int, _: Any) -> None:
    sys.exit(128 + number)
