# SPDX-License-Identifier: MIT
"""What each blocked thread waits for, from registers and memory alone: no debug information, live or in a core.

The system call tells most of it (calls.py). Of a futex, glibc's lists tell a join; for all else the functions on the
stack name the primitive (primitives.py), and the object must look like one (objects.py). What is equal for many
threads, call and stack, is decided once.
"""

from typing import Dict, Hashable, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from ..target.base import CurrentStack, Frame, SystemCall, Target, TargetError, Thread
from . import calls, wait
from .futexes import NAMES, Futex, futex_of
from .glibc import Glibc
from .objects import Objects
from .primitives import Primitive, primitive_of
from .stacks import Stacks
from .threads import ThreadInfo
from .wait import Wait

DEPTH = 24  # frames that lead from user code to the kernel, and then some
_ROUNDS = 3  # for threads that go on while they are looked at
_NO_STACK = CurrentStack((), "")


class _Asleep(NamedTuple):
    """A thread in futex(2)."""

    thread: Thread
    call: SystemCall
    name: str  # of the call
    futex: Futex


class Waits:
    """`glibc`: None where its layout is not known."""

    def __init__(self, target: Target, stacks: Stacks, glibc: Optional[Glibc]):
        self._target = target
        self._stacks = stacks
        self._glibc = glibc
        self._objects = Objects(target, glibc)
        self._waits: Dict[int, Optional[Wait]] = {}  # by tid
        self._calls: Dict[int, Optional[SystemCall]] = {}  # those that they were found in
        self._primitives: Dict[Tuple[Tuple[int, int], ...], Primitive] = {}

    def of(self, infos: Sequence[ThreadInfo]) -> List[Optional[Wait]]:
        """One a thread, read once. None: it is not blocked, or that cannot be told."""
        threads = [info.kernel for info in infos if info.kernel is not None]
        missing = [thread for thread in threads if thread.tid not in self._waits]
        for _ in range(_ROUNDS if missing else 0):
            found = self._target.system_calls(missing)
            self._calls.update((each.tid, call) for each, call in zip(missing, found))
            self._waits.update(self._find(missing, found))
            if not self._target.moves:
                break
            # reading a stack looks anew: whoever went on meanwhile is in another call now
            after = self._target.system_calls(missing)
            missing = [each for each, *two in zip(missing, found, after) if two[0] != two[1]]
        self._waits.update((thread.tid, None) for thread in missing if self._target.moves)
        return [self._waits[info.kernel.tid] if info.kernel else None for info in infos]

    def again(self, infos: Sequence[ThreadInfo]) -> List[Optional[Wait]]:
        """As they are now, for what holds only if two looks agree. None also where a thread is in another call
        than of() found it in, or in the same at another place: it went on meanwhile."""
        threads = [info.kernel for info in infos if info.kernel is not None]
        self._objects.forget()
        found = self._target.system_calls(threads, again=True)
        same = [
            (thread, call)
            for thread, call in zip(threads, found)
            if call is not None and self._calls.get(thread.tid) == call
        ]
        waits = self._find([thread for thread, _ in same], [call for _, call in same])
        return [waits.get(info.kernel.tid) if info.kernel else None for info in infos]

    def _find(
        self, threads: Sequence[Thread], found: Sequence[Optional[SystemCall]]
    ) -> Dict[int, Optional[Wait]]:
        """By tid."""
        waits: Dict[int, Optional[Wait]] = {thread.tid: None for thread in threads}
        names: Dict[Tuple[int, int], str] = {}
        asleep = []
        for thread, call in zip(threads, found):
            if call is None:
                continue
            key = (call.number, call.pc)
            if key not in names:
                names[key] = self._name(thread, call)
            name = names[key]
            if name not in NAMES:
                waits[thread.tid] = calls.decode(self._target, call, name)
                continue
            futex = futex_of(self._target, call, name)
            if futex is None:
                waits[thread.tid] = Wait(wait.FUTEX, wait.LOW, name)
            else:
                asleep.append(_Asleep(thread, call, name, futex))
        waits.update(self._find_futexes(asleep))
        return waits

    def _name(self, thread: Thread, call: SystemCall) -> str:
        def callers() -> List[int]:
            return [pc for pc, _ in self._stacks_of([thread])[0].frames[1:]]

        return calls.name_of(self._target, call, callers)

    def _stacks_of(self, threads: Sequence[Thread]) -> List[CurrentStack]:
        try:
            return self._target.current_stacks(threads, DEPTH) if threads else []
        except TargetError:
            return [_NO_STACK] * len(threads)

    def _find_futexes(self, asleep: Sequence[_Asleep]) -> Dict[int, Wait]:
        waits: Dict[int, Wait] = {}
        others = []
        for each in asleep:
            joined = self._glibc.joined_at(each.futex.word) if self._glibc else None
            if joined is None:
                others.append(each)
            else:
                found = self._objects.join(each.futex, joined)
                waits[each.thread.tid] = _with_call(found, each, self._target)
        stacks = self._stacks_of([each.thread for each in others])
        decided: Dict[Hashable, Wait] = {}
        for each, stack, number in zip(others, stacks, _numbered(stacks)):
            futex = each.futex
            same = futex._replace(timeout=1) if futex.timeout else futex
            key = (each.name, same, number)
            if key not in decided:
                primitive = self._primitive(stack)
                decided[key] = self._objects.decide(primitive, futex, each.call.sp)
            own = self._objects.own(decided[key], futex, each.thread)
            waits[each.thread.tid] = _with_call(own, each, self._target)
        return waits

    def _primitive(self, stack: CurrentStack) -> Primitive:
        if stack.frames not in self._primitives:
            self._primitives[stack.frames] = primitive_of(self._frames(stack))
        return self._primitives[stack.frames]

    def _frames(self, stack: CurrentStack) -> Iterator[Frame]:
        for pc, what in stack.frames:
            for frame in self._stacks.placed(pc, what):
                if frame.function is None:
                    frame = frame._replace(function=self._target.local_function(pc, what))
                yield frame


def _numbered(stacks: Iterable[CurrentStack]) -> Iterator[int]:
    """Equal ones have one number. To compare ten thousand equal ones frame by frame takes its time."""
    by_id: Dict[int, int] = {}
    numbers: Dict[Tuple[Tuple[int, int], ...], int] = {}
    for stack in stacks:
        number = by_id.get(id(stack))
        if number is None:
            number = by_id[id(stack)] = numbers.setdefault(stack.frames, len(numbers))
        yield number


def _with_call(found: Wait, each: _Asleep, target: Target) -> Wait:
    if not each.futex.timeout and found.call == each.name:
        return found
    deadline = each.futex.deadline_ns(target)
    return found._replace(call=each.name, timed=each.futex.timeout != 0, deadline_ns=deadline)
