# SPDX-License-Identifier: MIT
"""What threads hold although nobody needs them: address space, memory, mappings; and how many more like these can be
created until pthread_create fails.
"""

from bisect import bisect_left
from contextlib import suppress
from operator import attrgetter
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from ..read.descriptor import Descriptor
from ..read.glibc import glibc_of
from ..read.threads import ThreadInfo
from ..target.base import Target, TargetError
from ..target.procfs import read_maps, starts
from ..target.stack_memory import Pagemap, StackMemory
from ..target.thread_limits import MAPS, SPACE, Limit, limits
from .durations import size

SAMPLE = 64  # threads of a group whose memory is read; for more it is estimated


class Room(NamedTuple):
    more: int  # threads
    limit: Limit  # that bites first


class Cost(NamedTuple):
    threads: int  # those whose stacks are known
    space: int  # bytes of address space, guards included
    maps: Optional[int] = None  # None: not known
    resident: Optional[int] = None  # bytes of the stacks; None: not known
    estimated: bool = False  # `resident` is, from some of them
    stack_size: Optional[int] = None  # None: they differ
    stack_used: Optional[int] = None  # the most that any that is alive ever used; None: not known
    room: Optional[Room] = None

    def text(self) -> str:
        """8 MiB of address space, 12 KiB of memory, 2 mappings"""
        parts = [f"{size(self.space)} of address space"]
        if self.resident is not None:
            about = "about " if self.estimated else ""
            parts.append(f"{about}{size(self.resident)} of memory")
        if self.maps is not None:
            parts.append(f"{self.maps:,} mapping{'' if self.maps == 1 else 's'}")
        return ", ".join(parts)

    def sentences(self) -> Iterator[str]:
        one = self.threads == 1
        who = "It holds" if one else "Those that leaked hold"
        yield f"{who} {self.text()}."
        if self.stack_size is not None:
            used = ""
            if self.stack_used is not None:
                used = f", of which {size(self.stack_used)} {'was' if one else 'at most was'} ever used"
            yield f"The stack is of {size(self.stack_size)}{used}."
        if self.room is not None:
            limit = self.room.limit
            most = size(limit.most) if limit.counts == SPACE else f"{limit.most:,}"
            yield (
                f"Room for {self.room.more:,} more like {'it' if one else 'these'}, until"
                f" pthread_create fails with EAGAIN: {limit.name}, {most}."
            )


class Costs:
    """Of one look at a target."""

    def __init__(self, target: Target):
        self._target = target
        self._descriptors: Dict[int, Descriptor] = {}  # by pthread_t
        self._limits: Optional[List[Limit]] = None
        self._starts: Optional[List[int]] = None  # of mappings

    def of(self, infos: Sequence[ThreadInfo]) -> Optional[Cost]:
        """Of threads of one site. None: glibc's descriptors of them cannot be read."""
        pairs = zip(infos, self._descriptors_of(infos))
        known = [(info, each) for info, each in pairs if each is not None and each.stack_size]
        if not known:
            return None
        made = [each for _, each in known if not each.own_stack]  # by glibc
        space = sum(each.stack_size for each in made)
        sizes = {each.stack_size - each.guard_size for _, each in known}
        same = sizes.pop() if len(sizes) == 1 else None
        cost = Cost(len(known), space, self._maps(made), stack_size=same)
        alive = sum(info.kernel is not None for info, _ in known)
        cost = cost._replace(room=self._room(cost, alive > 0))
        return self._with_memory(cost, known[:SAMPLE])

    def stack_sizes(self, infos: Sequence[ThreadInfo]) -> Dict[int, int]:
        """pthread_t -> bytes of address space, guard included; without stacks that the program itself gave, or, to
        the main thread, the kernel. Those that are missing are not known."""
        found = (each for each in self._descriptors_of(infos) if each is not None)
        return {
            each.pthread: each.stack_size
            for each in found
            if each.stack_size and not each.own_stack
        }

    def _descriptors_of(self, infos: Sequence[ThreadInfo]) -> List[Optional[Descriptor]]:
        """None: it cannot be read, or it is the main thread's."""
        known = self._descriptors
        pthreads = [0 if info.is_main else info.pthread or 0 for info in infos]
        known.update(
            (info.descriptor.pthread, info.descriptor) for info in infos if info.descriptor
        )
        missing = [pthread for pthread in pthreads if pthread and pthread not in known]
        with suppress(TargetError):
            known.update(glibc_of(self._target).descriptors(missing) if missing else {})
        return [known.get(pthread) for pthread in pthreads]

    def _with_memory(self, cost: Cost, sample: List[Tuple[ThreadInfo, Descriptor]]) -> Cost:
        if self._target.local_pid is None:
            return cost
        pagemap = Pagemap(self._target.local_pid)
        found = [(info, _memory(pagemap, each)) for info, each in sample]
        pagemap.close()
        told = [(info, memory) for info, memory in found if memory is not None]
        if not told:
            return cost
        resident = sum(memory.resident for _, memory in told) * cost.threads // len(told)
        # at its end a thread gives the kernel back what of its stack lies below (advise_stack_range of glibc)
        used = [memory.touched for info, memory in told if info.kernel is not None]
        return cost._replace(
            resident=resident,
            estimated=len(told) < cost.threads,
            stack_used=max(used) if used else None,
        )

    def _room(self, cost: Cost, are_alive: bool) -> Optional[Room]:
        if self._limits is None:
            self._limits = list(limits(self._target))
        held = {MAPS: cost.maps or 0, SPACE: cost.space}
        rooms = []
        for limit in self._limits:
            taken = held.get(limit.counts, cost.threads if are_alive else 0)
            if taken:
                rooms.append(Room(limit.left * cost.threads // taken, limit))
        return min(rooms, key=attrgetter("more")) if rooms else None

    def _maps(self, made: Sequence[Descriptor]) -> Optional[int]:
        """A guard is a mapping of its own, unless glibc and the kernel are so new that it needs none."""
        if self._starts is None:
            self._starts = []
            with suppress(TargetError):
                if self._target.local_pid is not None:
                    self._starts = starts(read_maps(self._target.local_pid))
        if not self._starts:
            return None
        bounds = ((each.stack, each.stack + each.stack_size) for each in made)
        at = self._starts
        return sum(bisect_left(at, end) - bisect_left(at, start) for start, end in bounds)


def _memory(pagemap: Pagemap, each: Descriptor) -> Optional[StackMemory]:
    return pagemap.stack(each.stack + each.guard_size, each.stack + each.stack_size)
