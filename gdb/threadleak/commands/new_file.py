# SPDX-License-Identifier: MIT
"""A file of its own for what a process has at its exit."""

import os
from itertools import count
from typing import Tuple


def new_file(path: str) -> Tuple[int, str]:
    """leaks.xml, or leaks-2.xml, leaks-3.xml, ...: what is there already stays as it is, whosever it is."""
    stem, extension = os.path.splitext(path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC  # O_EXCL follows no link (open(2))
    for number in count(2):
        try:
            return os.open(path, flags, 0o666), path
        except FileExistsError:
            path = f"{stem}-{number}{extension}"
    raise AssertionError("numbers do not end")
