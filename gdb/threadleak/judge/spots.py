# SPDX-License-Identifier: MIT
"""Stacks as they are written into a profile: places in code, and the files that these lie in, each once."""

from typing import Callable, Dict, Iterable, List, NamedTuple, Optional, Tuple

from ..read.model import Copy
from ..read.records import Kind
from ..read.stacks import Stacks
from ..read.threads import ThreadInfo
from ..target.base import RETURN, START, CurrentStack, Frame, LoadedFile, Target
from .blame import is_wrapper

# A file whose size in memory is not known is said to have one: equal files stay equal.
EXTENT = 1 << 24
ADDRESS_MAX = (1 << 64) - 1


class Extent(NamedTuple):
    """A file where it is, or was, mapped."""

    path: str
    start: int
    end: int
    build_id: str


class Spot(NamedTuple):
    """A place in code, inlined functions first. Without an address: a remark that stands for a stack."""

    address: int
    frames: Tuple[Frame, ...]
    extent: Optional[Extent] = None


class Places:
    """Of one target. Equal stacks are one object."""

    def __init__(self, target: Target, stacks: Stacks):
        self._target = target
        self._stacks = stacks
        self._made: Dict[object, Tuple[Spot, ...]] = {}
        self._extents: Dict[object, Optional[Extent]] = {}
        self._kinds: List[Optional[Kind]] = []

    def remark(self, text: str) -> Tuple[Spot, ...]:
        return self._once(text, lambda: (_remark(text),))

    def current(self, stack: CurrentStack) -> Tuple[Spot, ...]:
        def make() -> Tuple[Spot, ...]:
            spots = tuple(self._spot(None, pc, 0, what) for pc, what in stack.frames)
            return spots or (_remark(stack.end or "the stack cannot be read"),)

        return self._once(stack, make)

    def creation(self, thread: ThreadInfo) -> Tuple[Spot, ...]:
        """Frame 0 is the caller of pthread_create. Where no stack was kept the start routine has to do."""
        kind = thread.kind
        key = (id(kind), thread.is_main)
        known = self._made.get(key)
        if known is None:
            # the kind is kept, so that its id stays its own
            known = self._made[key] = self._creation(thread)
            self._kinds.append(kind)
        return known

    def _creation(self, thread: ThreadInfo) -> Tuple[Spot, ...]:
        copy, kind = thread.copy, thread.kind
        if thread.is_main:
            return self.remark("the main thread")
        if kind is None:
            return self.remark("not in the registry")
        return self.site(copy, kind.site) or self._start(copy, kind.start, kind.start_module)

    def _start(self, copy: Optional[Copy], start: int, module: int) -> Tuple[Spot, ...]:
        none = "no creation stack was kept"
        return self._once(
            (copy, start, module),
            lambda: (self._spot(copy, start, module, START), _remark(none)),
        )

    def site(self, copy: Optional[Copy], index: int) -> Tuple[Spot, ...]:
        site = copy.site(index) if copy is not None else None
        if copy is None or site is None:
            return ()

        frames = site.frames
        return self._once(
            (copy.number, index),
            lambda: _own(self._spot(copy, pc, module, RETURN) for pc, module in frames),
        )

    def _once(self, key: object, make: Callable[[], Tuple[Spot, ...]]) -> Tuple[Spot, ...]:
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    def _spot(self, copy: Optional[Copy], pc: int, module_index: int, what: int) -> Spot:
        """The address of a call is that of its last byte, as other profilers have it."""
        frames = tuple(self._stacks.at(copy, pc, module_index, what))
        module = copy.module(module_index) if copy is not None else self._module_at(pc)
        extent = self._extent(module, frames[0]) if frames else None
        return Spot(max(0, pc - 1) if what == RETURN else pc, frames, extent)

    def _module_at(self, pc: int) -> Optional[LoadedFile]:
        modules = (each for copy in self._stacks.copies for each in copy.modules if each)
        return next((each for each in modules if each.start <= pc < each.end), None)

    def _extent(self, module: Optional[LoadedFile], frame: Frame) -> Optional[Extent]:
        path = frame.module
        if not path or frame.offset is None:
            return None
        start = max(0, frame.pc - frame.offset)
        if module is not None:
            path, start = path or module.name, module.start
        key = (path, start)
        if key not in self._extents:
            build_id = module.build_id if module is not None else ""
            build_id = build_id or self._target.files().get(path) or ""
            end = module.end if module is not None else min(start + EXTENT, ADDRESS_MAX)
            self._extents[key] = Extent(path, start, end, build_id)
        return self._extents[key]


def _own(spots: Iterable[Spot]) -> Tuple[Spot, ...]:
    """From the first frame of the user's own code on, to which profilers count what is counted: else each std::thread would
    be libstdc++'s. All, if there is none."""
    whole = tuple(spots)
    for index, spot in enumerate(whole):
        for at, frame in enumerate(spot.frames):
            if not is_wrapper(frame):
                return (spot._replace(frames=spot.frames[at:]), *whole[index + 1 :])
    return whole


def _remark(text: str) -> Spot:
    """pprof takes what is in parentheses for a function's parameters, which it does not show."""
    text = text.replace("(", "[").replace(")", "]")
    return Spot(0, (Frame(0, f"[{text}]"),))
