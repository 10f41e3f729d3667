# SPDX-License-Identifier: MIT
"""Who runs the init routine of a pthread_once_t: no word of it says so.

While it runs, pthread_once keeps {clear_once_control, the control's address} on its stack, for the case that the
thread is cancelled (nptl/pthread_once.c): a pointer to code of its own library, and the address that waiters
wait at. A waiter has no such pair, unless one is left over from an earlier call: where it waits, its frame lies on the
same memory, and that part of its stack is passed over.
"""

import struct
from typing import Dict, List, NamedTuple, Optional

from ..target.base import CurrentStack, Target, TargetError, Thread
from ..target.system_calls import X86_64
from .primitives import is_once, is_waiting
from .stacks import Stacks

DEPTH = 128  # frames in which an init routine may be
_STACK_MAX = 1 << 18  # bytes of a stack that are searched
_BLOCK = 1 << 12
_ALIGNMENT = 16


class _Candidate(NamedTuple):
    """A thread in pthread_once, waiting there or not."""

    pthread: Optional[int]
    stack: bytes
    module: Optional[str]  # that pthread_once is in


class Runners:
    def __init__(self, target: Target, stacks: Stacks):
        self._target = target
        self._stacks = stacks
        self._candidates: Optional[List[_Candidate]] = None
        self._found: Dict[int, Optional[int]] = {}

    def of(self, control: int) -> Optional[int]:
        """pthread_t of the thread; None: it is not known, or more than one seems to."""
        if control not in self._found:
            if self._candidates is None:
                self._candidates = self._all()
            runners = {each.pthread for each in self._candidates if self._runs(each, control)}
            self._found[control] = runners.pop() if len(runners) == 1 else None
        return self._found[control]

    def _all(self) -> List[_Candidate]:
        threads = self._target.threads()
        try:
            stacks = self._target.current_stacks(threads, DEPTH)
        except TargetError:
            return []
        modules = {stack: self._module(stack) for stack in set(stacks)}
        inside = [pair for pair in zip(threads, stacks) if modules[pair[1]] is not None]
        return [self._candidate(thread, stack, modules[stack]) for thread, stack in inside]

    def _module(self, stack: CurrentStack) -> Optional[str]:
        for pc, what in stack.frames:
            for frame in self._stacks.placed(pc, what):
                if is_once(frame.function or self._target.local_function(pc, what)):
                    return frame.module
        return None

    def _candidate(
        self, thread: Thread, current: CurrentStack, module: Optional[str]
    ) -> _Candidate:
        try:
            pthread = self._target.pthread_of(thread)
        except TargetError:
            pthread = None
        call = self._target.system_calls([thread])[0]
        stack = self._stack(call.sp if call else 0, pthread)
        return _Candidate(pthread, stack[self._waiting_part(stack, current) :], module)

    def _waiting_part(self, stack: bytes, current: CurrentStack) -> int:
        """How much of the stack belongs to a pthread_once that waits itself: up to where its caller goes on. That is
        another pthread_once where a routine ends in a call of it, which compilers make a jump."""
        at = 0
        found: List[Optional[str]] = []  # functions of the one that waits
        for (pc, what), (outer, _) in zip(current.frames, current.frames[1:]):
            names = [each.function for each in self._stacks.placed(pc, what)]
            name = names[-1] or self._target.local_function(pc, what)
            if found and (name in found or not is_once(name)):
                return at
            if not (is_once(name) or is_waiting(name)):
                return 0
            found += [name] if is_once(name) else []
            at = max(at, stack.find(struct.pack("<Q", outer), at))
        return at if found else 0

    def _stack(self, sp: int, pthread: Optional[int]) -> bytes:
        """From sp on; the descriptor lies above, but for main's. Of a thread whose sp is not known, the outer end."""
        end = sp + _STACK_MAX
        if pthread is not None and sp < pthread < end:
            end = pthread
        if not sp:
            end = pthread or 0
            sp = max(0, end - _STACK_MAX // 4)
        data = b""
        while sp + len(data) < end:
            at = sp + len(data)
            try:
                data += self._target.read(at, min(_BLOCK - at % _BLOCK, end - at))
            except TargetError:
                if data:
                    break
                sp += _BLOCK - sp % _BLOCK
        return data

    def _runs(self, candidate: _Candidate, control: int) -> bool:
        data, wanted = candidate.stack, struct.pack("<Q", control)
        at = data.find(wanted, 8)
        while at > 0:
            routine = int.from_bytes(data[at - 8 : at], "little")
            if self._is_function(routine, candidate.module):
                return True
            at = data.find(wanted, at + 1)
        return False

    def _is_function(self, address: int, module: Optional[str]) -> bool:
        """No return address: libc's functions are aligned, and no call ends in front of them."""
        if address % _ALIGNMENT or self._target.module_at(address) != module:
            return False
        try:
            return self._target.machine != X86_64 or self._target.read(address - 5, 1) != b"\xe8"
        except TargetError:
            return False
