# SPDX-License-Identifier: MIT
"""Who runs the init routine of a pthread_once_t: no word of it says so.

While it runs, pthread_once has the thread that runs it keep, for the case that it is cancelled, what is to be undone: the
newest of the buffers that its descriptor's `cleanup` leads to (nptl/pthread_once.c; pthread_cleanup_combined_push of
nptl/pthreadP.h). Whatever way the routine ends, longjmp too, takes it off again, so that nothing left over or alike on
any stack is one.
"""

import struct
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

from ..target.base import Target, TargetError
from .descriptor import Descriptor
from .glibc import Glibc

# struct _pthread_cleanup_buffer: routine, argument, type of cancellation, the one before
_BUFFER = struct.Struct("<QQi4xQ")
# The argument is the frame that the buffer lies in: routine, argument (the control), whether it is to be done.
_FRAME = struct.Struct("<QQi4x")
_MOST = 1 << 8  # buffers of a thread, one in the other
_STACK_MAX = 1 << 18  # bytes of a stack that is not the thread's own


class _Run(NamedTuple):
    """Of the routine of a control."""

    descriptor: Descriptor
    buffer: int


class Runners:
    """`glibc`: None where its layout is not known."""

    def __init__(self, target: Target, glibc: Optional[Glibc]):
        self._target = target
        self._glibc = glibc
        self._runs: Optional[Dict[int, List[_Run]]] = None  # by control

    def of(self, control: int) -> Optional[int]:
        """pthread_t of the thread; None: it is not known."""
        if self._runs is None:
            self._runs = {}
            for started, run in self._all():
                self._runs.setdefault(started, []).append(run)
        runs = self._runs.get(control, [])
        return runs[0].descriptor.pthread if len(runs) == 1 and self._is_there(runs[0]) else None

    def _all(self) -> Iterator[Tuple[int, _Run]]:
        if self._glibc is None:
            return
        alive = [each for each in self._glibc.threads() if each.tid > 0]
        heads = [each.pthread + self._glibc.layout.offsets["cleanup"] for each in alive]
        for descriptor, head in zip(alive, self._target.read_each(heads, 8)):
            for buffer, control in self._of_thread(int.from_bytes(head or b"", "little")):
                yield control, _Run(descriptor, buffer)

    def _of_thread(self, buffer: int) -> Iterator[Tuple[int, int]]:
        """(buffer, control), the newest first."""
        try:
            for _ in range(_MOST):
                if not buffer:
                    return
                _, frame, _, before = _BUFFER.unpack(self._target.read(buffer, _BUFFER.size))
                if frame == buffer - _FRAME.size:
                    yield buffer, _FRAME.unpack(self._target.read(frame, _FRAME.size))[1]
                buffer = before
        except TargetError:
            pass  # it goes on, or this is no list

    def _is_there(self, run: _Run) -> bool:
        """On a stack that the thread is on. One that it has left, as coroutines do, any other may go on with."""
        own = run.descriptor
        if own.stack <= run.buffer < own.stack + own.stack_size:
            return True
        threads = [each for each in self._target.threads() if each.own_tid == own.tid]
        calls = self._target.system_calls(threads)
        return all(call is None or call.sp <= run.buffer < call.sp + _STACK_MAX for call in calls)
