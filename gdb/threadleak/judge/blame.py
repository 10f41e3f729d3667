# SPDX-License-Identifier: MIT
"""Who is to blame, in the user's words: the first frame of the user's own code. wrappers.txt is the data."""

import os
import re
from fnmatch import translate
from functools import lru_cache
from typing import Iterable, List, NamedTuple, Optional, Pattern

from ..target.base import Frame


class _Wrappers(NamedTuple):
    modules: Pattern[str]
    functions: Pattern[str]


@lru_cache(maxsize=None)
def _wrappers() -> _Wrappers:
    globs = {"module": ["(?!)"], "function": ["(?!)"]}
    path = os.path.join(os.path.dirname(__file__), "wrappers.txt")
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.strip() and not line.startswith("#"):
                kind, glob = line.strip().split(None, 1)
                globs[kind].append(translate(glob))
    return _Wrappers(re.compile("|".join(globs["module"])), re.compile("|".join(globs["function"])))


def is_wrapper(frame: Frame) -> bool:
    wrappers = _wrappers()
    if frame.module and wrappers.modules.match(frame.module.rsplit("/", 1)[-1]):
        return True
    return bool(frame.function and wrappers.functions.match(frame.function))


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
