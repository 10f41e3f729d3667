# SPDX-License-Identifier: MIT
"""`threadleak top`: the threads of a process over time, without stopping it."""

import argparse
import os
import shutil
import sys
import time
from typing import List, Optional

from ..judge.rates import SORT_KEYS
from ..show import top
from ..show.style import PLAIN, Ansi
from .charset import is_utf8
from .command_line import Outcome, Parser, add_alias
from .counting import Counting
from .terminal import Terminal
from .words import count, length_of_time, pid

NAME = "top"
KEYS = "q quit   space pause   s sort   +/- interval"
INTERVALS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
PAUSE_S = 3600.0
SITES = 20  # shown where no screen limits them


def parser() -> Parser:
    parser = Parser(
        NAME,
        "Show how many threads a process has over time, and which sites make them more.",
        "[OPTION]... PID",
        "threadleak top 4711\nthreadleak top --format json --samples 60 4711 > samples",
    )
    group = parser.add_argument_group("what is shown")
    between = group.add_argument(
        "--interval",
        type=length_of_time,
        default=1.0,
        metavar="TIME",
        help="between two samples: 500ms, 1s (default), 1m",
    )
    add_alias(group, "--every", between)
    group.add_argument("--samples", type=count, metavar="N", help="end after N samples")
    group.add_argument(
        "--once", action="store_true", help="the same as --samples 1, not on a screen"
    )
    group.add_argument(
        "--sort", choices=SORT_KEYS, default=SORT_KEYS[0], metavar="KEY", help=", ".join(SORT_KEYS)
    )
    group.add_argument("--format", choices=("text", "json"), default="text", metavar="text|json")
    parser.add_argument("pid", type=pid, metavar="PID", help=argparse.SUPPRESS)
    return parser


def run(session: None, options: argparse.Namespace) -> Outcome:
    counting = Counting(options.pid)
    samples = 1 if options.once else options.samples
    screen = samples is None and options.format == "text" and _has_screen()
    try:
        if screen:
            with Terminal() as terminal:
                ended = _Screen(terminal, counting, options).run()
        else:
            ended = _write(counting, options, samples)
    except KeyboardInterrupt:  # on the screen, where it is as good as q
        return Outcome("")
    if not ended:
        return Outcome("")
    shown = screen and counting.samples.all
    last = "".join(line + "\n" for line in _lines(counting, options.sort)) if shown else ""
    return Outcome(last, 0, f"process {counting.pid} has ended")


def _has_screen() -> bool:
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def _lines(counting: Counting, key: str, look: Optional[top.Look] = None) -> List[str]:
    if look is None:
        width = shutil.get_terminal_size().columns
        look = top.Look(width, SITES + 10, top.blocks(is_utf8()), PLAIN)
    return top.screen(
        counting.subject(), counting.samples, counting.rates(key), counting.chain_of, look
    )


def _write(counting: Counting, options: argparse.Namespace, samples: Optional[int]) -> bool:
    """One after the other; whether the process ended. Rates need a sample before the first."""
    due = time.monotonic()
    written = 0
    if not counting.look():
        return True
    while samples is None or written < samples:
        due += options.interval
        time.sleep(max(0.0, due - time.monotonic()))
        if not counting.look():
            return True
        if options.format == "json":
            rates = counting.rates(options.sort)
            text = top.sample(
                counting.subject(), counting.samples, time.time(), rates, counting.chain_of
            )
        else:
            text = "\n".join(_lines(counting, options.sort)) + "\n" + ("" if samples == 1 else "\n")
        sys.stdout.write(text)
        sys.stdout.flush()
        written += 1
    return False


class _Screen:
    def __init__(self, terminal: Terminal, counting: Counting, options: argparse.Namespace):
        self._terminal = terminal
        self._counting = counting
        self._interval = options.interval
        self._key = options.sort
        self._paused = False
        self._style = PLAIN if os.environ.get("NO_COLOR") else Ansi()

    def run(self) -> bool:
        """Whether the process ended."""
        due = time.monotonic()
        while True:
            now = time.monotonic()
            if self._counting.has_ended():
                return True
            if now >= due and not self._paused:
                due = max(due + self._interval, now)
                if not self._counting.look():
                    return True
            self._terminal.draw(self._lines())
            seconds = PAUSE_S if self._paused else due - time.monotonic()
            for key in self._terminal.wait(seconds, self._counting.ends):
                if key in "qQ":
                    return False
                due = self._press(key, due)

    def _press(self, key: str, due: float) -> float:
        if key == " ":
            self._paused = not self._paused
        elif key == "s":
            self._key = SORT_KEYS[(SORT_KEYS.index(self._key) + 1) % len(SORT_KEYS)]
        elif key == "+":
            longer = [each for each in INTERVALS if each > self._interval]
            self._interval = min(longer, default=self._interval)
        elif key == "-":
            shorter = [each for each in INTERVALS if each < self._interval]
            self._interval = max(shorter, default=self._interval)
        soon: float = time.monotonic() + self._interval
        return min(due, soon)

    def _lines(self) -> List[str]:
        width, height = shutil.get_terminal_size()
        look = top.Look(width, max(1, height - 2), top.blocks(is_utf8()), self._style)
        lines = _lines(self._counting, self._key, look)
        state = "paused" if self._paused else f"every {self._interval:g} s"
        foot = f"{state}, by {self._key}   {KEYS}"
        return [*lines, *[""] * (height - 1 - len(lines)), foot] if height > 2 else lines
