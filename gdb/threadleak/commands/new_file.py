# SPDX-License-Identifier: MIT
"""Files that several processes write under one name: each makes its own."""

import os
import stat
from itertools import count
from typing import Tuple


def open_new(path: str) -> Tuple[int, str]:
    """leaks.xml, or leaks-2.xml, leaks-3.xml, ..., and which of them: what is there already stays as it is, whosever
    it is. What is neither a file nor free to become one, a pipe or a link, is written to as it is. OSError: it cannot.
    """
    if not _is_place_for_files(path):
        return os.open(path, os.O_WRONLY | os.O_CLOEXEC), path
    stem, extension = os.path.splitext(path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC  # O_EXCL follows no link (open(2))
    for number in count(2):
        try:
            return os.open(path, flags, 0o666), path
        except FileExistsError:
            path = f"{stem}-{number}{extension}"
    raise AssertionError("there is always a next number")


def _is_place_for_files(path: str) -> bool:
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return True
