# SPDX-License-Identifier: MIT
"""Which threads of the kernel's no record is of, by numbers alone: cheap enough for each second (look.py has it whole).

The registry and the kernel's list are not of one moment where the process runs on. So that is believed only of threads
of which each of several looks says so, a pause between them.
"""

import time
from typing import Callable, Dict, Iterator, Mapping, Optional

from ..target.base import Target
from ..target.tasks import Tasks
from . import abi
from .model import Copy, Registry

# Most are gone after the first: they were just created, or have just ended. As much together as look.py waits at least.
PAUSES_S = (0.002, 0.02)


def untracked(
    target: Target,
    registry: Registry,
    tasks: Tasks,
    there: Mapping[int, int],
    again: Callable[[], Optional[Registry]],
) -> int:
    """How many of those that are `there`, as `tasks` told. `again` reads the registry anew; None: it is gone."""
    found = _unclaimed(target, registry, there)
    for pause in PAUSES_S:
        if not found:
            return 0
        for tid in found.values():
            tasks.forget(tid)
        time.sleep(pause)
        now = again()
        if now is None:
            return 0
        registry, before = now, found
        found = _unclaimed(target, registry, tasks.now())
        found = {own: tid for own, tid in found.items() if before.get(own) == tid}
    # A record of a thread that has not entered itself yet is of one of them, nobody knows which.
    return max(0, sum(map(tasks.runs_program, found.values())) - _starting(registry))


def _unclaimed(target: Target, registry: Registry, there: Mapping[int, int]) -> Dict[int, int]:
    """Own tid -> ours, of those that no record is of; the main thread is known in any case."""
    found = dict(there)
    for copy in registry.copies:
        found.pop(copy.header.pid, None)
        ended: Dict[int, int] = {}  # own tid -> pthread_t
        rows = zip(*map(copy.records.column, ("tid", "state", "pthread")))
        for tid, state, pthread in rows:
            if tid in found:
                if state & (abi.FINISHED | abi.JOINED):
                    ended[tid] = pthread
                else:
                    del found[tid]
        for tid in _still_there(target, copy, ended):
            found.pop(tid, None)
    return found


def _still_there(target: Target, copy: Copy, ended: Dict[int, int]) -> Iterator[int]:
    """Those that the kernel has for a moment more. It sets their word in the descriptor to 0 when they are gone, and
    then another thread may have the number."""
    offset = copy.header.tid_offset
    if ended and offset:
        words = target.read_each([pthread + offset for pthread in ended.values()], 4)
        for tid, word in zip(ended, words):
            if word is not None and int.from_bytes(word, "little") == tid:
                yield tid


def _starting(registry: Registry) -> int:
    over = abi.FINISHED | abi.JOINED | abi.MAIN
    return sum(
        not (state & over) and not (state & abi.STARTED and tid)
        for copy in registry.copies
        for state, tid in zip(copy.records.column("state"), copy.records.column("tid"))
    )
