# SPDX-License-Identifier: MIT
"""What GDB's events tell of its processes: when one ran last, and that something may have changed."""

import time
from typing import Any, Tuple

import gdb

from . import procfs
from .lastrun import LastRun

_last_run = LastRun(lambda: time.clock_gettime_ns(time.CLOCK_MONOTONIC), procfs.started_ns())
_generation = 0


def _changed(event: Any) -> None:
    global _generation
    _generation += 1


def process_of(inferior: Any) -> Tuple[int, int]:
    return inferior.num, inferior.pid


def _of_event(event: Any) -> Tuple[int, int]:
    """Of several processes only the selected one surely runs or stops, unless the event names a thread, as it
    does in non-stop mode."""
    thread = event.inferior_thread
    return process_of(gdb.selected_inferior() if thread is None else thread.inferior)


def _resumed(event: Any) -> None:
    _last_run.resumed(_of_event(event))
    _changed(event)


def _stopped(event: Any) -> None:
    _last_run.stopped(_of_event(event))
    _changed(event)


def _new_thread(event: Any) -> None:
    _last_run.appeared(process_of(event.inferior_thread.inferior))
    _changed(event)


def watch_events() -> None:
    """Called once: lets `generation` and `now_ns` know when the inferior ran."""
    gdb.events.before_prompt.connect(_last_run.prompt)
    gdb.events.cont.connect(_resumed)
    gdb.events.stop.connect(_stopped)
    gdb.events.new_thread.connect(_new_thread)
    for name in ("exited", "new_objfile", "clear_objfiles", "memory_changed"):
        getattr(gdb.events, name).connect(_changed)
    for name in ("inferior_deleted", "register_changed"):
        getattr(gdb.events, name).connect(_changed)
    for inferior in gdb.inferiors():
        if inferior.pid:
            _last_run.appeared(process_of(inferior))


def generation() -> Any:
    """Changes whenever what a target has read may no longer be so."""
    inferior = gdb.selected_inferior()
    died = is_native(inferior) and procfs.has_died(inferior.pid)
    return (_generation, inferior.num, inferior.pid, str(inferior.connection), died)


def is_native(inferior: Any) -> bool:
    return inferior.connection is not None and inferior.connection.type == "native"


def last_ran_ns(inferior: Any) -> int:
    """CLOCK_MONOTONIC of the latest moment at which the process is known to have run."""
    return _last_run.at_ns(process_of(inferior))
