# SPDX-License-Identifier: MIT
"""Files that others read while they are written anew: they find the old one or the new one, whole."""

import os
from contextlib import suppress

from .new_file import is_stream, open_free


def replace(path: str, text: str) -> None:
    """A link stays one, and a device or a pipe is written to as it is. OSError: it cannot be written, and is as it was."""
    if is_stream(path):
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(text)
        return
    path = os.path.realpath(path)
    # one of this PID may be left of a process that was killed
    descriptor, new = open_free(f"{path}.{os.getpid()}.new")
    with open(descriptor, "w", encoding="utf-8") as file:
        try:
            file.write(text)
            file.flush()
            os.replace(new, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(new)
            raise
