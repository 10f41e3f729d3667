# SPDX-License-Identifier: MIT
"""What a std::thread of libstdc++ runs. All of them start in one routine of the library; its argument is an
object that lives as long as the callable runs, and whose class is named after the callable's type
(libstdc++, std_thread.h: thread::_State_impl; thread.cc: execute_native_thread_routine).
"""

from typing import Optional

from ..patterns import Pattern
from ..target.base import Frame, Target, TargetError, base_name
from .threads import ALIVE, BLOCKED, RUNNING, ThreadInfo

STD_THREAD = "std::thread"
_STATE = Pattern(r"vtable for std::thread::_State_impl<.*_Invoker<std::tuple<(.*)")
RUNS_IT = (ALIVE, BLOCKED, RUNNING)  # states in which there is the object
_POINTERS = 1 << 47  # of user space, x86-64


def std_thread_callable(target: Target, thread: ThreadInfo, start: Frame) -> Optional[str]:
    """The callable's type; "std::thread" if only that can be told; None for a thread that is none."""
    module = base_name(start.module)
    if start.function != "execute_native_thread_routine" and not (
        start.function is None and module.startswith("libstdc++.so")
    ):
        return None
    argument = thread.argument
    if argument is None or thread.state not in RUNS_IT:
        return STD_THREAD
    try:
        vtable = int.from_bytes(target.read(argument, 8), "little")
        name = target.data_symbol(vtable) if 0 < vtable < _POINTERS else None
    except TargetError:
        return STD_THREAD
    found = _STATE.match(name or "")
    return _first(found.group(1)) if found else STD_THREAD


def _first(arguments: str) -> str:
    """The first of a template's arguments."""
    depth = 0
    for at, character in enumerate(arguments):
        if character in ",>" and depth == 0:
            return arguments[:at].rstrip()
        depth += (character in "<({[") - (character in ">)}]")
    return arguments
