# SPDX-License-Identifier: MIT
"""Who is to blame, in the user's words: the first frame of the user's own code. wrappers.txt is the data."""

import os
from functools import lru_cache
from typing import Dict, Iterable, List, Optional

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


@lru_cache(maxsize=None)
def _wrappers() -> Dict[str, _Globs]:
    globs: Dict[str, List[str]] = {"module": [], "function": []}
    path = os.path.join(os.path.dirname(__file__), "wrappers.txt")
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.strip() and not line.startswith("#"):
                kind, glob = line.strip().split(None, 1)
                globs[kind].append(glob)
    return {kind: _Globs(found) for kind, found in globs.items()}


def is_wrapper(frame: Frame) -> bool:
    if is_wrapper_file(frame):
        return True
    return bool(frame.function and _wrappers()["function"].match(frame.function))


def is_wrapper_file(frame: Frame) -> bool:
    """Whether all that lies in that file is none of the user's own."""
    return bool(frame.module and _wrappers()["module"].match(base_name(frame.module)))


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
