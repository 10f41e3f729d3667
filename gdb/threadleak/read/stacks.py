# SPDX-License-Identifier: MIT
"""Names for what the registry keeps as addresses: creation stacks and start routines.

Lazy and cached, since names cost far more than records. An address is named by the target only if the file
that lies there now is the one that lay there when the stack was taken; else by what the registry kept of
that file.
"""

from typing import Dict, Iterator, List, NamedTuple, Tuple

from ..target.base import Frame, Target
from . import abi
from .model import Copy, Module


class Stack(NamedTuple):
    """A creation stack, innermost first, inlined functions as frames of their own."""

    frames: List[Frame]
    complete: bool
    end: str  # why the outer frames are missing, or ""


NO_STACK = Stack([], False, "no creation stack was kept")


class Stacks:
    def __init__(self, target: Target):
        self.target = target
        self._sites: Dict[Tuple[int, int], Stack] = {}
        self._places: Dict[Tuple[int, int, int, bool], List[Frame]] = {}

    def creation(self, copy: Copy, index: int) -> Stack:
        key = (copy.number, index)
        if key not in self._sites:
            self._sites[key] = self._read(copy, index)
        return self._sites[key]

    def walk(self, copy: Copy, index: int) -> Iterator[Frame]:
        """The frames of a creation stack, each named when it is asked for."""
        site = copy.site(index)
        for pc, module in site.frames if site is not None else ():
            yield from self.at(copy, pc, module, True)

    def start(self, copy: Copy, record: abi.Record) -> Frame:
        """The start routine."""
        return self.at(copy, record.start, record.start_module, False)[-1]

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

    def at(self, copy: Copy, pc: int, module_index: int, is_return: bool) -> List[Frame]:
        key = (copy.number, pc, module_index, is_return)
        if key not in self._places:
            self._places[key] = self._symbolize(copy.module(module_index), pc, is_return)
        return self._places[key]

    def other_files(self, copy: Copy) -> List[str]:
        """Modules in whose place another build of the same file is known now: a core read with the wrong
        program, or a file that was replaced."""
        found = []
        for module in copy.modules:
            now = self.target.module_at(module.start) if module is not None else None
            if module is not None and now is not None and _base(module.name) == _base(now.name):
                if not _same(module, now.name, now.build_id):
                    found.append(module.name)
        return found

    def _symbolize(self, module: "Module | None", pc: int, is_return: bool) -> List[Frame]:
        if module is None:
            return self.target.symbolize(pc, is_return)
        offset = (pc - module.bias) & 0xFFFFFFFFFFFFFFFF
        now = self.target.module_at(pc)
        if now is None or not _same(module, now.name, now.build_id):
            return [Frame(pc, None, module.name, offset)]
        frames = self.target.symbolize(pc, is_return)
        return [frame._replace(module=module.name or now.name, offset=offset) for frame in frames]


def _same(module: Module, name: str, build_id: "str | None") -> bool:
    if module.build_id and build_id:
        return module.build_id == build_id
    return not module.name or _base(module.name) == _base(name)


def _base(path: str) -> str:
    return path.rsplit("/", 1)[-1]
