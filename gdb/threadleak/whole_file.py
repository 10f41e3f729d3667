# SPDX-License-Identifier: MIT
"""Files that others read while they are written anew: they find the old one or the new one, whole."""

import os
from contextlib import suppress


def replace(path: str, text: str) -> None:
    """A link stays one. OSError: it cannot be written, and is as it was."""
    path = os.path.realpath(path)
    new = f"{path}.{os.getpid()}.new"
    with open(new, "x", encoding="utf-8") as file:  # nobody's link is followed
        try:
            file.write(text)
            file.flush()
            os.replace(new, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(new)
            raise
