# SPDX-License-Identifier: MIT
"""A futex wait with the primitive that the stack names: its object, and who holds that.

An object that does not look like one of its kind costs one step of confidence, and has no owner.
"""

from typing import Callable, Dict, List, Optional

from ..target.base import Target, TargetError, Thread
from . import locks, wait
from .futexes import WAIT, Futex
from .glibc import Glibc
from .locks import Seen
from .once import Runners
from .primitives import Primitive, is_stdio_function
from .wait import EXACT, HIGH, LOW, MEDIUM, Wait

_STACK = 1024  # bytes from sp on: the frames of glibc that lead to the kernel
_STREAMS = ("_IO_2_1_stdin_", "_IO_2_1_stdout_", "_IO_2_1_stderr_")


class Objects:
    """`glibc`: None where its layout is not known."""

    def __init__(self, target: Target, glibc: Optional[Glibc]):
        self._target = target
        self._glibc = glibc
        self._runners = Runners(target, glibc)
        self._streams: Optional[List[int]] = None
        self._pthreads: Optional[Dict[int, int]] = None  # by tid, as the process itself sees it
        self._readers: Dict[str, Callable[[Futex, int], Seen]] = {
            wait.MUTEX: self._mutex,
            wait.CONDITION: self._condition,
            wait.SEMAPHORE: lambda futex, sp: locks.semaphore(target.read, futex.word),
            wait.RWLOCK_READ: lambda futex, sp: locks.rwlock(target.read, futex),
            wait.RWLOCK_WRITE: lambda futex, sp: locks.rwlock(target.read, futex),
            wait.BARRIER: lambda futex, sp: locks.barrier(target.read, futex.word),
            wait.ONCE: lambda futex, sp: self._once(futex.word),
            wait.STATIC_GUARD: lambda futex, sp: locks.guard(target.read, futex.word),
            wait.FUTURE: lambda futex, sp: locks.future(target.read, futex.word),
        }

    def forget(self) -> None:
        """What may have changed in a process that moves."""
        self._runners = Runners(self._target, self._glibc)
        self._pthreads = None

    def join(self, futex: Futex, joined: int) -> Wait:
        """Of the thread `joined`, by glibc's lists."""
        tid = None
        try:
            tid = self._glibc.descriptor(joined).tid if self._glibc is not None else None
        except TargetError:
            pass  # it has just ended
        return Wait(wait.JOIN, EXACT, "futex", futex.word, joined, owner=joined, owner_tid=tid)

    def decide(self, primitive: Primitive, futex: Futex, sp: int) -> Wait:
        """Of any thread that has this primitive and futex; own() adds what is a thread's own."""
        kind = primitive.kind
        if futex.words > 1:
            detail = f"the first of {futex.words} words"
            return Wait(wait.FUTEX, LOW, "futex", futex.word, shared=futex.shared, detail=detail)
        if kind == wait.CONDITION and (futex.command == WAIT or futex.is_lock_of_kernel):
            if not futex.is_lock_of_kernel and not self._is_taken_again(futex, sp):
                return Wait(wait.FUTEX, LOW, "futex", futex.word)
            kind = wait.MUTEX
        if kind == wait.FUTEX and futex.is_lock_of_kernel:
            return self._wait(kind, futex, locks.mutex(self._target.read, futex.word), MEDIUM)
        if primitive.is_private_lock:
            return self._private_lock(primitive, futex)
        if primitive.flavour or kind not in self._readers:
            confidence = LOW if kind == wait.FUTEX else MEDIUM
            at = None if kind in (wait.FUTEX, wait.JOIN) else futex.word
            return Wait(
                *(kind, confidence, "futex", futex.word, at, primitive.flavour),
                shared=futex.shared and kind == wait.FUTEX,
            )
        return self._wait(kind, futex, self._readers[kind](futex, sp), HIGH)

    def _wait(self, kind: str, futex: Futex, seen: Seen, confidence: str) -> Wait:
        if not seen.plausible:
            lower = LOW if confidence == MEDIUM else MEDIUM
            return Wait(kind, lower, "futex", futex.word, seen.object, parked=seen.parked)
        if kind == wait.FUTEX:
            kind = wait.MUTEX  # with priority inheritance, by the command
        owner = seen.owner
        if owner is None and seen.owner_tid is not None:
            owner = self._pthread_of(seen.owner_tid)
        if owner is not None and seen.object is not None and "robust" in seen.flavour:
            shared = not locks.is_held_by(self._target.read, seen.object, owner)
            seen = seen._replace(shared=shared)
        return Wait(
            *(kind, confidence, "futex", futex.word, seen.object, seen.flavour, owner),
            *(seen.owner_tid, seen.mutex),
            shared=seen.shared,
            in_kernel_hands=seen.in_kernel_hands,
            parked=seen.parked,
            detail=seen.detail,
        )

    def own(self, found: Wait, futex: Futex, thread: Thread) -> Wait:
        """The kernel makes the next thread the owner before that runs: it waits for itself no longer then."""
        if futex.is_lock_of_kernel and found.owner_tid == thread.own_tid:
            return found._replace(in_kernel_hands=True)
        return found

    def _pthread_of(self, tid: int) -> Optional[int]:
        """None: no thread has that tid, or nothing tells."""
        if self._pthreads is None:
            listed = self._glibc.threads() if self._glibc is not None else []
            self._pthreads = {each.tid: each.pthread for each in listed if each.tid > 0}
            alive = [each for each in self._target.threads() if each.own_tid not in self._pthreads]
            for thread in alive if self._glibc is None else ():
                try:
                    self._pthreads[thread.own_tid] = self._target.pthread_of(thread) or 0
                except TargetError:
                    continue
        return self._pthreads.get(tid) or None

    # ---- by kind -------------------------------------------------------------------------------------

    def _stack(self, sp: int) -> bytes:
        for size in (_STACK, _STACK // 4):
            try:
                return self._target.read(sp, size)
            except TargetError:
                continue
        return b""

    def _mutex(self, futex: Futex, sp: int) -> Seen:
        if futex.value == 0 and sp <= futex.word < sp + _STACK and not futex.is_lock_of_kernel:
            return locks.parked(self._target.read, sp, self._stack(sp))
        return locks.mutex(self._target.read, futex.word)

    def _is_taken_again(self, futex: Futex, sp: int) -> bool:
        return locks.is_taken_again(self._target.read, futex.word, self._stack(sp))

    def _condition(self, futex: Futex, sp: int) -> Seen:
        return locks.condition(self._target.read, futex.word, self._stack(sp))

    def _once(self, control: int) -> Seen:
        seen = locks.once(self._target.read, control)
        return seen._replace(owner=self._runners.of(control)) if seen.plausible else seen

    def _private_lock(self, primitive: Primitive, futex: Futex) -> Wait:
        """A FILE's, or one of those that malloc, the loader and others have for themselves."""
        if self._streams is None:
            self._streams = [at for name in _STREAMS for at in self._target.symbol(name)]
        seen = locks.private_lock(self._target.read, futex.word, self._streams)
        tid = self._tid_of(seen.owner) if seen.owner is not None else None
        is_file = seen.object is not None
        if tid is None and not is_file:
            seen = seen._replace(owner=None)  # the lock alone does not tell that it notes one
        found = seen._replace(owner_tid=tid, object=seen.object or futex.word)
        is_stdio = is_file or (tid is not None and is_stdio_function(primitive.function))
        kind = wait.STDIO if is_stdio else wait.LIBC_LOCK
        detail = f"in {primitive.function}" if primitive.function and not is_stdio else ""
        return self._wait(kind, futex, found, HIGH)._replace(detail=detail)

    def _tid_of(self, pthread: int) -> Optional[int]:
        """None: no thread that is alive is there."""
        if self._glibc is None:
            return None
        try:
            tid = self._glibc.descriptor(pthread).tid
        except TargetError:
            return None
        return tid if tid > 0 else None
