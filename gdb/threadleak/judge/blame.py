# SPDX-License-Identifier: MIT
"""Who is to blame, in the user's words: the first frame of the user's own code, and where a test begins.
wrappers.txt is the data."""

import os
from functools import lru_cache
from typing import Dict, Iterable, List, NamedTuple, Optional

from ..target.base import Frame, base_name
from .globs import matcher, start


class _Globs:
    """Whether a text matches one of many globs. Most are a plain text, or end in the one `*` that they have."""

    def __init__(self, globs: Iterable[str]) -> None:
        globs = set(globs)
        self._texts = {glob for glob in globs if glob == start(glob)}
        starts = {glob for glob in globs if glob == start(glob) + "*"}
        self._starts = tuple(map(start, starts))
        self._rest = [matcher(glob) for glob in globs - self._texts - starts]

    def match(self, text: str) -> bool:
        if text in self._texts or text.startswith(self._starts):
            return True
        return any(matches(text) for matches in self._rest)


class _Library:
    """What belongs to one library; `name`: of a test framework."""

    def __init__(self, name: str, globs: Dict[str, List[str]]) -> None:
        self.name = name
        self._modules = _Globs(globs["module"])
        self._functions = _Globs(globs["function"])

    def has_file(self, frame: Frame) -> bool:
        return bool(frame.module and self._modules.match(base_name(frame.module)))

    def has(self, frame: Frame) -> bool:
        return self.has_file(frame) or bool(
            frame.function and self._functions.match(frame.function)
        )


class _Wrappers(NamedTuple):
    all: _Library
    frameworks: List[_Library]


@lru_cache(maxsize=None)
def _wrappers() -> _Wrappers:
    by_name: Dict[str, Dict[str, List[str]]] = {"": {"module": [], "function": []}}
    all = current = by_name[""]
    path = os.path.join(os.path.dirname(__file__), "wrappers.txt")
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.strip() and not line.startswith("#"):
                kind, text = line.strip().split(None, 1)
                if kind == "framework":
                    current = by_name[text] = {"module": [], "function": []}
                    continue
                current[kind].append(text)
                if current is not all:
                    all[kind].append(text)
    frameworks = [_Library(name, globs) for name, globs in by_name.items() if name]
    return _Wrappers(_Library("", all), frameworks)


def is_wrapper(frame: Frame) -> bool:
    return _wrappers().all.has(frame)


def is_wrapper_file(frame: Frame) -> bool:
    """Whether all that lies in that file is none of the user's own."""
    return _wrappers().all.has_file(frame)


class Body(NamedTuple):
    """What is the user's own of a stack: its frames before `end`. Outside of them `framework` runs the test that
    this is ("": no test) or there is nothing but what calls main and starts threads."""

    end: int
    framework: str
    outside: int  # frames of the framework, and of whoever calls it


def body(frames: List[Frame]) -> Body:
    last = _without_wrappers(frames, len(frames))
    own = own_frame(frames) or 0
    for index in range(own + 1, last):
        for framework in _wrappers().frameworks:
            if framework.has(frames[index]):
                end = _without_wrappers(frames, index)
                return Body(end, framework.name, last - end)
    return Body(last, "", 0)


def _without_wrappers(frames: List[Frame], end: int) -> int:
    """The first frame stays, whatever it is."""
    while end > 1 and is_wrapper(frames[end - 1]):
        end -= 1
    return end


def first_own(frames: Iterable[Frame]) -> Optional[Frame]:
    """The frame that own_frame tells; looks no further than that."""
    first = None
    for frame in frames:
        if not is_wrapper(frame):
            return frame
        first = first or frame
    return first


def own_frame(frames: List[Frame]) -> Optional[int]:
    """Index of the first frame of the user's own code; of the first frame, if all are wrappers."""
    for index, frame in enumerate(frames):
        if not is_wrapper(frame):
            return index
    return 0 if frames else None
