# SPDX-License-Identifier: MIT
"""A line on the terminal for work that takes more than a second."""

import sys
import time
from contextlib import contextmanager
from typing import Iterator

from .sanitize import clean, shorten

NAME_WIDTH = 50


@contextmanager
def progress(name: str) -> Iterator[None]:
    """Says what is read, and for how long already, on stderr, if that is a terminal. A thread does: calls into
    the probe let it run."""
    if not sys.stderr.isatty():
        yield
        return
    import threading

    done = threading.Event()
    began = time.monotonic()
    shown = shorten(clean(name), NAME_WIDTH)

    def tell() -> None:
        while not done.wait(1):
            seconds = time.monotonic() - began
            sys.stderr.write(f"\r\033[Kthreadleak: reading {shown}, {seconds:.0f} s")
            sys.stderr.flush()

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        done.set()
        teller.join()
        if time.monotonic() - began > 1:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()
