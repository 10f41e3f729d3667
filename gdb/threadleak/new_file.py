# SPDX-License-Identifier: MIT
"""Files that several processes write under one name: each makes its own."""

import errno
import os
import stat
from itertools import count
from typing import Tuple


def open_new(path: str) -> Tuple[int, str]:
    """leaks.xml, or leaks-2.xml, leaks-3.xml, ..., and which of them: what is there already stays as it is, whosever
    it is. A link means what it names. A device or a pipe is written to as it is, and nobody waits for who reads it.
    OSError: it cannot.
    """
    if is_stream(path):
        return _open_stream(path), path
    return open_free(os.path.realpath(path) if os.path.islink(path) else path)


def open_free(path: str) -> Tuple[int, str]:
    """No link is followed."""
    stem, extension = os.path.splitext(path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC  # O_EXCL follows no link (open(2))
    for number in count(2):
        try:
            return os.open(path, flags, 0o666), path
        except FileExistsError:
            path = f"{stem}-{number}{extension}"
    raise AssertionError("there is always a next number")


def is_stream(path: str) -> bool:
    """A device or a pipe is there. OSError: what is there cannot be looked at, or the kernel does not follow this link
    (fs.protected_symlinks)."""
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)
    except FileNotFoundError:
        return False


def _open_stream(path: str) -> int:
    try:
        file = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as failure:
        if failure.errno == errno.ENXIO and stat.S_ISFIFO(os.stat(path).st_mode):
            raise OSError(errno.ENXIO, "nobody reads this pipe, start its reader first") from None
        raise
    os.set_blocking(file, True)
    return file
