# SPDX-License-Identifier: MIT
"""What creation sites are called among others that are shown beside them: by the first frame of the user's own code,
and where several have that in common, as those made by a wrapper have, by the next callers that differ."""

from itertools import count
from typing import Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

from ..target.base import Frame
from .blame import is_wrapper

Chain = Sequence[Frame]  # innermost first; empty: nothing is known of the stack


class _Walk:
    """The frames of the user's own code, named as far as they are asked for; all of them where none is."""

    def __init__(self, frames: Iterable[Frame]):
        self._own = self._only_own(iter(frames))
        self._known: List[Frame] = []

    @staticmethod
    def _only_own(frames: Iterator[Frame]) -> Iterator[Frame]:
        others: List[Frame] = []
        for frame in frames:
            if not is_wrapper(frame):
                yield frame
                others = []
                break
            others.append(frame)
        yield from others
        yield from (frame for frame in frames if not is_wrapper(frame))

    def at(self, depth: int) -> Optional[Frame]:
        while len(self._known) <= depth:
            frame = next(self._own, None)
            if frame is None:
                return None
            self._known.append(frame)
        return self._known[depth]


def told_apart(stacks: Iterable[Iterable[Frame]]) -> List[Chain]:
    """Of each stack the shortest chain that no other one has. Callers that all have who have it so far are left out of it.
    Those that differ in nothing that people see have the same."""
    walks = list(map(_Walk, stacks))
    chains: List[List[Frame]] = [[] for _ in walks]
    alike = [(list(range(len(walks))), 0)]
    while alike:
        members, depth = alike.pop()
        parts: Dict[object, List[int]] = {}
        for each in members:
            frame = walks[each].at(depth)
            parts.setdefault(frame and look(frame), []).append(each)
        for seen, part in parts.items():
            if seen is None:
                continue  # they end here
            for each in part:
                frame = walks[each].at(depth)
                if frame is not None and (not depth or len(parts) > 1):
                    chains[each].append(frame)
            if len(part) > 1:
                alike.append((part, depth + 1))
    return list(chains)


def own_frames(frames: Iterable[Frame]) -> Iterator[Frame]:
    """Those of the user's own code, named as they are asked for; all of them where none is."""
    walk = _Walk(frames)
    for depth in count():
        frame = walk.at(depth)
        if frame is None:
            return
        yield frame


def look(frame: Frame) -> Tuple[object, ...]:
    """What people see of it: show/places.py."""
    if frame.file:
        return frame.function, frame.file, frame.line
    return frame.function, frame.module, frame.pc if frame.offset is None else frame.offset
