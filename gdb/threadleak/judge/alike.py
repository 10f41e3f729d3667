# SPDX-License-Identifier: MIT
"""Creation stacks that nobody can tell from one another, by the lines of the user's own code."""

from typing import Dict, Iterator, List, Optional, Tuple

from ..read.model import Copy
from ..read.stacks import Stacks
from ..target.base import Frame
from .blame import is_wrapper
from .names import without_arguments


class Alike:
    """For what is shown; all else goes by the sites themselves.

    One line has several sites: an unrolled loop calls from several addresses, and a std::vector makes its element in
    one function while there is room, and in another one when it grows. So of a system library's functions, be they
    in its file or expanded from its headers, one alone counts: what the innermost template is made for, since that
    tells apart two lambdas of one line.
    """

    def __init__(self, stacks: Stacks):
        self._stacks = stacks
        self._sites: Dict[Tuple[int, int], int] = {}
        self._looks: Dict[Tuple[int, Tuple[object, ...]], int] = {}

    def first(self, copy: Optional[Copy], index: int) -> int:
        """The first site that looks like this one."""
        if copy is None:
            return index
        key = (copy.number, index)
        if key not in self._sites:
            look = tuple(_look(self._stacks.creation(copy, index).frames))
            self._sites[key] = self._looks.setdefault((copy.number, look), index)
        return self._sites[key]


def _look(frames: List[Frame]) -> Iterator[object]:
    own = [frame for frame in frames if not is_wrapper(frame)]
    if own:
        yield next(filter(None, map(_template, frames[: frames.index(own[0])])), None)
    for frame in own or frames:
        yield (frame.function, frame.file, frame.line) if frame.line else frame.pc


def _template(frame: Frame) -> Optional[str]:
    """std::thread::thread<Server::start()::{lambda()#1}, , void>"""
    name = without_arguments(frame.function or "")
    return name if name.endswith(">") else None
