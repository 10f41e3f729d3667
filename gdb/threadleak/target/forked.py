# SPDX-License-Identifier: MIT
"""Whether a process is a fork child that has not become another program by exec.

The kernel keeps that of each process as PF_FORKNOEXEC (include/linux/sched.h), and tells it in /proc/PID/stat and
in the note NT_PRPSINFO of a core (fs/binfmt_elf.c).
"""

from typing import Optional

from . import elf
from .base import Target
from .procfs import stat_fields

_PF_FORKNOEXEC = 0x40
_STAT_FLAGS = 6  # of stat_fields


def is_fork_child(target: Target) -> Optional[bool]:
    """None: that cannot be told."""
    flags: Optional[int] = None
    if target.core is not None:
        flags = elf.Core(target.core).process_flags()
    elif target.local_pid is not None:
        flags = _of_process(target.local_pid)
    return None if not flags else bool(flags & _PF_FORKNOEXEC)


def _of_process(pid: int) -> Optional[int]:
    try:
        return int(stat_fields(f"/proc/{pid}")[_STAT_FLAGS])
    except (OSError, ValueError, IndexError):
        return None
