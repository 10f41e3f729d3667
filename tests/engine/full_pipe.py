# SPDX-License-Identifier: MIT
"""A pipe that has a reader and is full."""

import os
from contextlib import suppress
from typing import Tuple


def full_pipe() -> Tuple[int, int]:
    """(to read, to write): whoever writes more is blocked."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    with suppress(BlockingIOError):
        while True:
            os.write(write, bytes(4096))
    os.set_blocking(write, True)
    return read, write
