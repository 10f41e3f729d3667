# SPDX-License-Identifier: MIT
"""Whether the process is at its end although no handler of the library has said so yet.

Exit handlers run in reverse: those that were registered after the library's, at the first creation, run
before it (man 3 exit). The main thread's stack shows them.
"""

from ..target.base import Frame, Target, TargetError, base_name
from .threads import ThreadInfo

FRAMES = 64


def runs_exit_handlers(target: Target, main: ThreadInfo) -> bool:
    if main.kernel is None:
        return False
    try:
        (stack,) = target.current_stacks([main.kernel], FRAMES)
        return any(_is_exit(frame) for at in stack.frames for frame in target.symbolize(*at))
    except TargetError:
        return False


def _is_exit(frame: Frame) -> bool:
    """libc's; a program may have a function of its own called exit."""
    if frame.function == "__run_exit_handlers":
        return True
    file = base_name(frame.module)
    return frame.function in ("exit", "__GI_exit") and file.startswith(("libc.so", "libc-"))
