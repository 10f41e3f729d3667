# SPDX-License-Identifier: MIT
"""Names for what the registry keeps as addresses: creation stacks and start routines.

Lazy and cached, since names cost far more than records. An address is named by the target only if the file
that lies there now is the one that lay there when the stack was taken; else by that file itself, if it can still
be read, as after dlclose; else by what the registry kept of it.
"""

import os
from functools import lru_cache
from typing import (
    Dict,
    Iterable,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
    Union,
)

from ..target.base import (
    RETURN,
    START,
    CurrentStack,
    Frame,
    LoadedFile,
    Target,
    Thread,
    base_name,
)
from . import abi
from .callables import std_thread_callable
from .model import Copy
from .records import Kind
from .threads import ThreadInfo

STACK_FRAMES = 256  # of the stack that a thread has now


class Stack(NamedTuple):
    """Innermost first, inlined functions as frames of their own."""

    frames: List[Frame]
    complete: bool
    end: str  # why the outer frames are missing, or ""


NO_STACK = Stack([], False, "no creation stack was kept")


class Stacks:
    def __init__(self, target: Target, copies: List[Copy]):
        self.target = target
        self.copies = copies
        self._sites: Dict[Tuple[int, int], Stack] = {}
        self._build_ids: Set[Optional[str]] = set()  # once it is asked for
        self._places: Dict[Tuple[int, int, int, int], List[Frame]] = {}
        self._current: Dict[CurrentStack, Stack] = {}

    def take_names(self, earlier: "Stacks") -> None:
        """Those that an earlier look at the same process found: a module of the registry is one file at one place,
        for good, so what its addresses are called does not change. What has no module there is not taken.
        """
        known = {key: frames for key, frames in earlier._places.items() if key[0] and key[2]}
        self._places.update(known)

    def creation(self, copy: Optional[Copy], index: int) -> Stack:
        if copy is None:
            return NO_STACK
        key = (copy.number, index)
        if key not in self._sites:
            self._sites[key] = self._read(copy, index)
        return self._sites[key]

    def walk(self, copy: Optional[Copy], index: int) -> Iterator[Frame]:
        """The frames of a creation stack, each named when it is asked for."""
        site = copy.site(index) if copy is not None else None
        for pc, module in site.frames if site is not None else ():
            yield from self.at(copy, pc, module, RETURN)

    def start(self, copy: Optional[Copy], record: Union[abi.Record, Kind]) -> Frame:
        """The start routine."""
        return self.at(copy, record.start, record.start_module, START)[-1]

    def callable(self, thread: ThreadInfo) -> Optional[str]:
        """Of a std::thread what it runs, since all of these have one start routine."""
        if thread.kind is None:
            return None
        return std_thread_callable(self.target, thread, self.start(thread.copy, thread.kind))

    def current(self, threads: Sequence[Thread], limit: int) -> List[Stack]:
        """Where threads are now: one stack a thread, equal ones as one object. TargetError if none can be read."""
        return self.named(self.target.current_stacks(threads, limit))

    def named(self, found: Iterable[CurrentStack]) -> List[Stack]:
        by_id: Dict[
            int, Stack
        ] = {}  # to compare ten thousand equal ones frame by frame takes its time
        stacks = []
        for raw in found:
            stack = by_id.get(id(raw))
            if stack is None:
                stack = by_id[id(raw)] = self._named(raw)
            stacks.append(stack)
        return stacks

    def _named(self, raw: CurrentStack) -> Stack:
        if raw not in self._current:
            frames = [frame for at in raw.frames for frame in self.placed(*at)]
            self._current[raw] = Stack(frames, not raw.end, raw.end)
        return self._current[raw]

    def placed(self, pc: int, what: int) -> List[Frame]:
        """Addresses in files counted as those of creation stacks are: the target may not know where a file that
        is not position-independent begins."""
        key = (0, pc, 0, what)
        if key not in self._places:
            frames = self.target.symbolize(pc, what)
            modules = [each for copy in self.copies for each in copy.modules if each is not None]
            for module in modules:
                if module.start <= pc < module.end and _is_same_file(
                    frames[0].module or "", module.name
                ):
                    frames = [frame._replace(offset=pc - module.bias) for frame in frames]
            self._places[key] = frames
        return self._places[key]

    def _read(self, copy: Copy, index: int) -> Stack:
        site = copy.site(index)
        if site is None:
            return NO_STACK
        end = ""
        if site.flags & abi.SITE_TRUNCATED:
            end = "more frames than the option `frames` keeps"
        elif site.flags & abi.SITE_CUT:
            end = "no unwind rule for the last frame, so the outer ones are not known"
        frames = list(self.walk(copy, index))
        return Stack(frames, bool(site.flags & abi.SITE_COMPLETE), end)

    def at(self, copy: Optional[Copy], pc: int, module_index: int, what: int) -> List[Frame]:
        if copy is None:
            return self.placed(pc, what)
        key = (copy.number, pc, module_index, what)
        if key not in self._places:
            self._places[key] = self._symbolize(copy.module(module_index), pc, what)
        return self._places[key]

    def _symbolize(self, module: Optional[LoadedFile], pc: int, what: int) -> List[Frame]:
        if module is None:
            return self.target.symbolize(pc, what)
        offset = (pc - module.bias) & 0xFFFFFFFFFFFFFFFF
        if not self._is_known(module, pc):
            return self.target.symbolize_gone(module, pc, what) or [
                Frame(pc, None, module.name, offset)
            ]
        frames = self.target.symbolize(pc, what)
        return [frame._replace(module=module.name, offset=offset) for frame in frames]

    def _is_known(self, module: LoadedFile, pc: int) -> bool:
        """Whether the file still lies there, and is one that the target takes names from."""
        now = self.target.module_at(pc)
        if now is None or not _is_same_file(now, module.name):
            return False
        if module.build_id:
            return module.build_id in self.build_ids()
        return any(_is_same_file(now, path) for path in self.target.files())

    def build_ids(self) -> Set[Optional[str]]:
        """Of the files that the target has."""
        if not self._build_ids:
            self._build_ids = set(self.target.files().values())
        return self._build_ids

    def other_files(self) -> List[str]:
        """Files of which the target has another build than the process used; and its program, if no stack
        leads through that."""
        modules = [each for copy in self.copies for each in copy.modules if each and each.build_id]
        files, exe = self.target.files(), self.target.exe
        found = [
            module.name
            for module in modules
            if module.build_id not in self.build_ids()
            and any(_is_same_file(path, module.name) for path in files)
            and _is_same_file(self.target.module_at(module.start) or "", module.name)
        ]
        program = files.get(exe) if exe is not None else None
        used = [module.build_id for module in modules]
        if exe and program and used and program not in used:
            found = [name for name in found if base_name(name) != base_name(exe)] + [exe]
        return found


@lru_cache(maxsize=4096)
def _is_same_file(path: str, name: str) -> bool:
    """`path`: as the kernel has it; `name`: as the dynamic linker has it: mostly a link, which tells less of the
    version, or leads to another name, if it can still be followed."""
    base = base_name(name)
    same = base_name(path).startswith(base) if ".so" in base else base_name(path) == base
    return same or os.path.realpath(name) == path
