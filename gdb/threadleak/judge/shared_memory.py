# SPDX-License-Identifier: MIT
"""Whether other processes may hold the locks of a process: those that have its memory."""

import os
from typing import Sequence

from ..target.base import Target, Thread
from ..target.sharers import sharers
from ..target.system_calls import system_call

_MAKES = ("vfork", "clone", "clone3")  # posix_spawn calls one of the last two


def is_shared(target: Target, threads: Sequence[Thread]) -> bool:
    """Whether other processes have its memory now, more than vfork made: whoever made one of these sleeps as long.
    Of a process that is not local, and of a core, nothing tells."""
    if target.local_pid is None or not threads:
        return False
    others = set(sharers(target.local_pid, threads[0].tid, target.machine))
    # where a check of the program started us: the keeper of helper/runtime/spawn.c, which locks nothing
    others.discard(os.getppid())
    if not others:
        return False
    calls = filter(None, target.system_calls(threads))
    sleeping = sum(system_call(target.machine, call.number) in _MAKES for call in calls)
    return len(others) > sleeping
