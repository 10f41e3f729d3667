# SPDX-License-Identifier: MIT
"""Whether a finished thread that nobody joined is about to be joined, where glibc's lists alone tell of it.

A thread that somebody joins lies unjoined for a moment: from its end until whoever joins it has run. Two looks at a
process that runs on tell such threads apart (look.py). One look, at a core or at a process that stands still,
does not: but a thread that is in its join then, or has not yet returned from creating it, is seen there, and before a
process is stopped it can be looked at while it still runs.
"""

import time
from typing import Collection, FrozenSet, Iterable, Optional, Sequence, Set

from ..target.base import SystemCall, Target, TargetError
from ..target.system_calls import system_call
from .descriptor import Descriptor
from .glibc import glibc_of
from .threads import FINISHED, JOINING, JUST_FINISHED, ThreadInfo

PEEKS, PEEKS_MAX = 40, 2000  # in a pause: at each finished thread, at all of them
_CLONE_TLS = 56  # of struct clone_args, linux/sched.h
PAUSE_S = 0.02  # that a thread must have been finished for


def settled(target: Target) -> Optional[FrozenSet[Descriptor]]:
    """Of a process that runs on, the finished threads that nobody joins for as long as PAUSE_S. None: it cannot be
    told."""
    try:
        found = [each for each in glibc_of(target).threads() if each.finished and each.start]
    except TargetError:
        return None
    return frozenset(set(found) - begun_anew(target, found, PAUSE_S))


def begun_anew(target: Target, finished: Sequence[Descriptor], pause: float) -> Set[Descriptor]:
    """Lasts that long, if there are any. Those that did not stay so: each was joined, and another thread has its
    descriptor, which looks the same to a further look if that has finished by then, too."""
    gone: Set[Descriptor] = set()
    times = min(PEEKS, 1 + PEEKS_MAX // max(1, len(finished)))
    for _ in range(times if finished else 0):
        time.sleep(pause / times)
        gone.update(each for each in finished if each not in gone and not _is_still(target, each))
    return gone


def _is_still(target: Target, descriptor: Descriptor) -> bool:
    try:
        return glibc_of(target).descriptor(descriptor.pthread) == descriptor
    except TargetError:
        return False


def mark_unsettled(
    infos: Iterable[ThreadInfo], target: Target, before: Optional[Collection[Descriptor]]
) -> None:
    """Of a target that stands still. `before`: what settled() gave just before it was stopped."""
    doubtful = {
        info.descriptor.pthread: info
        for info in infos
        if info.state == FINISHED and info.descriptor is not None
    }
    if not doubtful:
        return
    for info in doubtful.values():
        if before is not None and info.descriptor not in before:
            info.unsettled = JUST_FINISHED
    calls = [call for call in target.system_calls(target.threads()) if call is not None]
    created = {each for call in calls for each in _created(target, call)}
    waited_for = {call.arguments[0] for call in calls}
    glibc = glibc_of(target)
    for pthread, info in doubtful.items():
        if pthread in created:
            info.unsettled = JUST_FINISHED
        # whoever joins it was woken, and has not run since
        if glibc.join_word(pthread) in waited_for:
            info.unsettled = JOINING


def _created(target: Target, call: SystemCall) -> Sequence[int]:
    """Possible pthread_t of the thread that the call makes: the new thread pointer, of clone(2) one of two arguments, as
    the machine has it."""
    name = system_call(target.machine, call.number)
    if name == "clone":
        return call.arguments[3:5]
    if name != "clone3":
        return ()
    try:
        return [int.from_bytes(target.read(call.arguments[0] + _CLONE_TLS, 8), "little")]
    except TargetError:
        return ()
