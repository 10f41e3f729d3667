# SPDX-License-Identifier: MIT
"""What the globs of rules, and of options, are compared with: facts of a thread by the names of their fields."""

from typing import Callable, Dict, Iterable, Optional, Tuple

from ..read import abi
from ..read.model import Copy, text_of
from ..read.records import Kind
from ..read.stacks import STACK_FRAMES, Stack, Stacks
from ..read.threads import ThreadInfo
from ..target.base import Frame, TargetError, base_name
from .blame import is_wrapper_file
from .fingerprint import fingerprint
from .names import without_arguments
from .rules import MADE_BY


Texts = Tuple[str, ...]
_OF_STACK = ("top", "stack", "idle")
_LIBC = ("libc.so", "libc-", "libpthread", "ld-linux", "[vdso]")  # beginnings of the names of files


class Values:
    def __init__(self, stacks: Stacks):
        self.stacks = stacks
        self._values: Dict[Tuple[object, ...], Texts] = {}
        self._stacks: Dict[int, Tuple[Stack, Dict[str, Texts]]] = {}

    def of(self, thread: ThreadInfo) -> Callable[[str], Texts]:
        return lambda field: self.value(thread, field)

    def value(self, thread: ThreadInfo, field: str) -> Texts:
        kind, copy = thread.kind, thread.copy
        if field == "name":
            return self._name(thread)
        if field in _OF_STACK:
            return self._current(thread).get(field, ())
        if kind is None:
            return ()
        if field == "detached":
            return ("yes" if kind.state & abi.DETACHED else "no",)
        start = (kind.start, kind.start_module)
        number = copy.number if copy is not None else 0
        key: Tuple[object, ...] = (field, number, *start)
        if field in ("site", "through", MADE_BY):
            key = (field, number, kind.site)
        elif field == "scope":
            key = (field, number, kind.scope)
        elif field == "fingerprint":
            key = (*key, kind.site)
        if key not in self._values:
            self._values[key] = self._make(copy, kind, field)
        return self._values[key]

    def _make(self, copy: Optional[Copy], kind: Kind, field: str) -> Texts:
        if field == "scope":
            chain = copy.scope_chain(kind.scope) if copy is not None else []
            return tuple(scope.name for scope in chain)
        if field == "site":
            return function_names(self.stacks.creation(copy, kind.site).frames)
        if field == MADE_BY:
            frames = self.stacks.creation(copy, kind.site).frames
            files = (each for frame in frames for each in (frame.file, frame.module) if each)
            return (*function_names(frames), *files)
        if field == "start":
            return function_names([self.stacks.start(copy, kind)])
        if field == "fingerprint":
            return (fingerprint(self.stacks, copy, kind),)
        # files, which need no names of functions
        if copy is None:
            path = self.stacks.target.module_at(kind.start) if field == "module" else None
            return (path, path.rsplit("/", 1)[-1]) if path else ()
        indices = [kind.start_module]
        if field == "through":
            site = copy.site(kind.site)
            indices = [module for _, module in site.frames] if site is not None else []
        paths = [module.name for module in map(copy.module, dict.fromkeys(indices)) if module]
        return tuple(each for path in paths for each in (path, base_name(path)))

    def _name(self, thread: ThreadInfo) -> Texts:
        if thread.copy is not None:
            return (text_of(thread.copy.records.name(thread.index)),)
        name = self.stacks.target.thread_name(thread.kernel) if thread.kernel is not None else None
        return (name,) if name else ()

    def _current(self, thread: ThreadInfo) -> Dict[str, Texts]:
        """What its stack tells; nothing where that cannot be read."""
        if thread.kernel is None:
            return {}
        try:
            (stack,) = self.stacks.current([thread.kernel], STACK_FRAMES)
        except TargetError:
            return {}
        if id(stack) not in self._stacks:
            self._stacks[id(stack)] = stack, _of_stack(stack)
        return self._stacks[id(stack)][1]


def _of_stack(stack: Stack) -> Dict[str, Texts]:
    frames = stack.frames
    in_libc = [base_name(frame.module).startswith(_LIBC) for frame in frames]
    tops = in_libc.index(False) + 1 if False in in_libc else len(frames)
    foreign = [frame for frame in frames if not is_wrapper_file(frame)]
    idle: Texts = ("yes",) if frames and stack.complete else ()
    if any(stack.complete or frame.module for frame in foreign):
        idle = ("no",)
    return {
        "top": function_names(frames[:tops]),
        "stack": function_names(frames),
        "idle": idle,
    }


def function_names(frames: Iterable[Frame]) -> Texts:
    """The functions, C++ ones with and without their argument lists."""
    names = [frame.function for frame in frames if frame.function]
    both = (each for name in names for each in (name, without_arguments(name)))
    return tuple(dict.fromkeys(both))
