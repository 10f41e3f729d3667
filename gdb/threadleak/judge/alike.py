# SPDX-License-Identifier: MIT
"""Creation stacks that nobody can tell from one another, by the lines of the user's own code."""

from typing import Dict, Iterable, Iterator, List, Optional, Tuple

from ..read.callables import RUNS_IT, STD_THREAD
from ..read.model import Copy
from ..read.stacks import Stacks
from ..read.threads import ThreadInfo
from ..target.base import Frame
from .blame import is_wrapper
from .names import without_arguments

_NAMELESS = "<lambda("  # Server::start()::<lambda()>, whichever of them


class Alike:
    """For what is shown; all else goes by the sites themselves.

    One line has several sites: an unrolled loop calls from several addresses, and a std::vector makes its element in
    one function while there is room, and in another one when it grows. So of a system library's functions, be they
    in its file or expanded from its headers, one alone counts: what the innermost template is made for, since that
    tells apart two lambdas of one line.

    GCC's debug information calls all lambdas of one function the same, and functions that are inlined have no other
    name: there it takes a thread that is alive to tell what std::threads of a site run. Sites of which none is can
    then not be told from one another, but are kept from those that can.
    """

    def __init__(self, stacks: Stacks, threads: Iterable[ThreadInfo]):
        self._stacks = stacks
        self._threads = threads
        self._running: Optional[Dict[Tuple[int, int], ThreadInfo]] = None  # once it is asked for
        self._sites: Dict[Tuple[int, int], int] = {}
        self._looks: Dict[Tuple[int, Tuple[object, ...]], int] = {}

    def first(self, copy: Optional[Copy], index: int) -> int:
        """The first site that looks like this one."""
        if copy is None:
            return index
        key = (copy.number, index)
        if key not in self._sites:
            look = tuple(_look(self._stacks.creation(copy, index).frames))
            if look and _NAMELESS in str(look[0]):
                look = (self._callable(key), *look)
            self._sites[key] = self._looks.setdefault((copy.number, look), index)
        return self._sites[key]

    def _callable(self, site: Tuple[int, int]) -> Optional[str]:
        """What the threads of a site run, as far as one that is alive tells."""
        if self._running is None:
            self._running = {}
            for thread in self._threads:
                if thread.copy is not None and thread.kind is not None and thread.state in RUNS_IT:
                    self._running.setdefault((thread.copy.number, thread.kind.site), thread)
        found = self._running.get(site)
        return self._stacks.callable(found) if found is not None else STD_THREAD


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
