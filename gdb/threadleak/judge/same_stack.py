# SPDX-License-Identifier: MIT
"""Threads that are at one place now are one group, whoever made them."""

from collections import Counter
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from ..read.stacks import Stack
from ..target.base import Frame, Target, Thread
from .blame import is_wrapper, own_frame
from .report import Report
from .verdicts import Verdict

NAMES_SHOWN = 5
NAMES_READ = 64  # of one group: in a live process each is a file
# Where every thread begins; that tells nothing of any (glibc: nptl/pthread_create.c, csu/libc-start.c).
_BEGINS = {
    *("start_thread", "clone3", "__clone3", "clone", "__clone"),
    *("__libc_start_call_main", "__libc_start_main", "__libc_start_main_impl", "_start"),
}


class Seen(NamedTuple):
    """A thread, and what is known of it."""

    thread: Thread
    state: str
    verdict: Optional[Verdict]


class Group(NamedTuple):
    stack: Stack
    seen: List[Seen]

    def states(self) -> Dict[str, int]:
        """Most frequent first."""
        return dict(Counter(each.state for each in self.seen).most_common())

    def verdicts(self) -> List[Verdict]:
        return [each.verdict for each in self.seen if each.verdict is not None]


def group(seen: Sequence[Seen], stacks: Iterable[Stack]) -> List[Group]:
    """The largest first; of equally large ones that with the lowest tid. Stacks look the same if their frames
    have the same names: code that was inlined twice, for one, lies at two addresses."""
    by_id: Dict[int, Tuple[object, ...]] = {}
    members: Dict[Tuple[object, ...], Tuple[Stack, List[Seen]]] = {}
    for each, stack in zip(seen, stacks):
        look = by_id.get(id(stack))
        if look is None:
            look = by_id[id(stack)] = _look(stack)
            members.setdefault(look, (stack, []))
        members[look][1].append(each)
    groups = [Group(stack, sorted(found)) for stack, found in members.values()]
    return sorted(groups, key=lambda each: (-len(each.seen), each.seen[0].thread.tid))


def _look(stack: Stack) -> Tuple[object, ...]:
    frames = tuple(
        (frame.function, frame.file, frame.line) if frame.line else frame.pc
        for frame in stack.frames
    )
    return frames, stack.end


def names(target: Target, report: Optional[Report], group: Group) -> List[str]:
    """Some of the names of its threads, each once; "..." stands for more."""
    found: Dict[str, None] = {}
    for each in group.seen[:NAMES_READ]:
        if each.verdict is not None and report is not None:
            name = report.name_of(each.verdict.thread)
        else:
            name = target.thread_name(each.thread)
        if name:
            found[name] = None
        if len(found) > NAMES_SHOWN:
            return [*list(found)[:NAMES_SHOWN], "..."]
    return list(found)


class Place(NamedTuple):
    """What a stack says at a glance."""

    waits_in: Optional[Frame]  # the library function that the user's own code called
    own: Optional[Frame]  # that code


def place_of(stack: Stack) -> Place:
    frames = stack.frames
    own = _own(frames)
    if own is None:
        return Place(None, None)
    # A thread of a library: what it was started with. The main thread once main has returned: exit().
    if _is_empty(frames[own]):
        inner = [frame for frame in frames if frame.function not in _BEGINS] or frames
        return Place(inner[0] if len(inner) > 1 else None, inner[-1])
    return Place(frames[own - 1] if own else None, frames[own])


def _own(frames: List[Frame]) -> Optional[int]:
    """Code of which the lines are known is nearer to the user than code without, such as libc's in a static
    program."""
    known = (at for at, frame in enumerate(frames) if frame.line and not is_wrapper(frame))
    return next(known, own_frame(frames))


def _is_empty(frame: Frame) -> bool:
    return frame.function in _BEGINS or is_wrapper(frame)


def runs(frames: Sequence[Frame]) -> Iterator[Tuple[int, int, bool]]:
    """(first, end, whether it tells nothing): library frames outside of the user's own code, two or more in a
    row, are what led there, the same for all such threads."""
    own = _own(list(frames))
    first = 0
    while first < len(frames):
        end = first + 1
        if own is not None and first > own and _is_empty(frames[first]):
            while end < len(frames) and _is_empty(frames[end]):
                end += 1
        yield first, end, end - first > 1
        first = end
