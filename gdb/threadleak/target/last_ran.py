# SPDX-License-Identifier: MIT
"""When a thread ran last, by the scheduler's own clock: se.exec_start of /proc/PID/task/TID/sched, in milliseconds of
the clock of the CPU that it ran on (update_curr in kernel/sched/fair.c). Those clocks differ from CPU to CPU, and tell
nothing of themselves; what they show now is our own se.exec_start while we run on the same CPU.
"""

import os
from contextlib import contextmanager, suppress
from typing import Dict, Iterator, Optional, Sequence

from ..patterns import Pattern
from .procfs import stat_fields

_STARTED = Pattern(r"^se\.exec_start\s*:\s*(\d{1,15})\.(\d{1,6})$")
_PROCESSOR = 36  # of stat_fields
_FAIR = 200_000_000  # of a clock that shows less than what a thread ran by: one was read before the other


def since_ns(pid: int, tids: Sequence[int]) -> Dict[int, int]:
    """tid -> for how long it has not run. Those that nothing tells of are left out: they are not of the fair class, they
    are gone, or the kernel has no such file (it was built without CONFIG_SCHED_DEBUG)."""
    by_cpu: Dict[int, Dict[int, int]] = {}
    for tid in tids:
        ran, cpu = _exec_start_ns(f"/proc/{pid}/task/{tid}"), _cpu(f"/proc/{pid}/task/{tid}")
        if ran and cpu is not None:
            by_cpu.setdefault(cpu, {})[tid] = ran
    found: Dict[int, int] = {}
    with _affinity_kept():
        for cpu, threads in by_cpu.items():
            now = _now_ns(cpu)
            for tid, ran in threads.items() if now else ():
                if now + _FAIR >= ran:
                    found[tid] = max(0, now - ran)
    return found


@contextmanager
def _affinity_kept() -> Iterator[None]:
    """That of the calling thread; nobody else's is touched."""
    before = os.sched_getaffinity(0)
    try:
        yield
    finally:
        with suppress(OSError):
            os.sched_setaffinity(0, before)


def _now_ns(cpu: int) -> int:
    """0: we may not run there, or nothing tells."""
    try:
        os.sched_setaffinity(0, {cpu})
        os.sched_yield()  # which brings our own up to date
        return _exec_start_ns("/proc/thread-self") or 0
    except OSError:
        return 0


def _exec_start_ns(task: str) -> Optional[int]:
    try:
        with open(f"{task}/sched", encoding="ascii", errors="replace") as file:
            for line in file:
                found = _STARTED.match(line)
                if found:
                    return int(found.group(1)) * 1_000_000 + int(found.group(2).ljust(6, "0"))
    except OSError:
        pass
    return None


def _cpu(task: str) -> Optional[int]:
    """The one that it ran on last."""
    try:
        return int(stat_fields(task)[_PROCESSOR])
    except (OSError, ValueError, IndexError):
        return None
