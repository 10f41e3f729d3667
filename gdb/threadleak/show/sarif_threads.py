# SPDX-License-Identifier: MIT
"""A thread of a JSON document, for SARIF's results."""

from typing import Any, Dict, List, NamedTuple, Optional

from ..judge.blame import first_own, own_frame
from ..judge.names import brief, without_arguments
from ..judge.side import frame_of
from ..target.base import Frame, base_name
from .cases import Case
from .places import function, in_module
from .sanitize import clean

NAME_WIDTH = 80
Shown = Dict[str, Any]


class Thread(NamedTuple):
    case: Case
    shown: Shown

    def frames(self, name: str) -> List[Frame]:
        return [frame_of(each) for each in self.shown.get(name) or []]

    @property
    def handle(self) -> str:
        shown = self.shown
        return str(shown["id"] if shown["id"] is not None else shown["tid"] or shown["pthread"])

    @property
    def start(self) -> Optional[Frame]:
        start = self.shown.get("start")
        return None if start is None else frame_of(start)

    @property
    def made(self) -> Optional[Frame]:
        """Where it was made, as far as that is known: the user's own part of that."""
        return first_own(self.frames("creation_stack")) or self.start

    @property
    def now(self) -> Optional[Frame]:
        """The innermost of its own functions that it is in; of a system library alone nothing is told."""
        frames = self.frames("stack")
        own = own_frame(frames)
        return frames[own] if own is not None and frames[own].file else None


def short(frame: Frame) -> str:
    """start_workers (pool.cc:41)"""
    name = brief(without_arguments(function(frame)), NAME_WIDTH)
    if frame.file and frame.line:
        return f"{name} ({clean(base_name(frame.file))}:{frame.line})"
    where = in_module(frame)
    return f"{name} ({where})" if frame.function and where else name
