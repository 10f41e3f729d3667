# SPDX-License-Identifier: MIT
"""A process as a file (pidfd_open(2))."""

import os
from typing import Optional


def pidfd(pid: int) -> Optional[int]:
    """Readable once the process has ended; None: the kernel, or the interpreter, has no such file."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None
