# SPDX-License-Identifier: MIT
"""File descriptors that threads wait for: what they are, and who holds the other end.

That only the process itself holds it is a suspicion, never a proof: a descriptor is a small number, which any thread,
signal handler or child may use.
"""

from typing import Iterator, List, Optional, Tuple

from ..read.wait import Wait
from ..target.base import Target, TargetError
from ..target.far_ends import Ends, FarEnds
from ..target.open_files import EPOLL, EVENT, PIPE, SOCKET, OpenFile, OpenFiles
from .groups import ranges

TOGETHER_MAX = 8  # descriptors of a wait for more than one whose ends are looked at
WIDTH = 40
PIDS_SHOWN = 3


class Descriptors:
    def __init__(self, target: Target):
        self._target = target
        self._files: Optional[OpenFiles] = None  # once they are asked for
        self._ends: Optional[Ends] = None

    @property
    def files(self) -> OpenFiles:
        if self._files is None:
            self._files = OpenFiles(self._target)
        return self._files

    def name(self, fd: int) -> str:
        """fd 5 (the read end of pipe 1234)"""
        file = self.files.of(fd)
        return f"fd {fd}" if file is None else f"fd {fd} ({described(file)})"

    def suspicions(self, wait: Wait) -> Iterator[str]:
        """What is open in other processes is told by a live process alone."""
        if self._target.local_pid is None:
            return
        found = [(file, self._far(file)) for file in self._awaited(wait)]
        ends = [(file, far) for file, far in found if far is not None]
        if not ends or len(found) > TOGETHER_MAX:
            return
        for file, far in ends:
            if far.elsewhere:
                pids = ", ".join(map(str, far.elsewhere[:PIDS_SHOWN]))
                more = ", ..." if len(far.elsewhere) > PIDS_SHOWN else ""
                noun = "process" if len(far.elsewhere) == 1 else "processes"
                end = _end(file)
                yield f"{end[0].upper()}{end[1:]} is open in {noun} {pids}{more}."
        if len(ends) == len(found) and not any(far.elsewhere or not far.here for _, far in ends):
            yield from self._alone(ends)

    def _alone(self, ends: List[Tuple[OpenFile, FarEnds]]) -> Iterator[str]:
        told = ", ".join(f"{_end(file)}{_at(file, far)}" for file, far in ends)
        unread = max(far.unread for _, far in ends)
        but = f"; what {unread:,} other processes have open could not be read" if unread else ""
        yield f"A suspicion: only this process itself can wake it, since nobody else has {told} open{but}."

    def _awaited(self, wait: Wait) -> List[OpenFile]:
        files = [self.files.of(fd) for fd in wait.fds[: TOGETHER_MAX + 1]]
        found: List[OpenFile] = []
        for file in files:
            if file is None:
                return []
            inner = [self.files.of(fd) for fd in file.watched[: TOGETHER_MAX + 1]]
            if file.kind == EPOLL and None in inner:
                return []
            found += [each for each in inner if each is not None] if inner else [file]
        return found

    def _far(self, file: OpenFile) -> Optional[FarEnds]:
        try:
            if self._ends is None:
                self._ends = Ends(self._target.local_pid or 0)
            return self._ends.of(file, not file.reads)
        except (OSError, TargetError):
            return None


def described(file: OpenFile) -> str:
    if file.kind == PIPE:
        end = "read" if file.reads else "write"
        return f"the {end} end of pipe {file.number}"
    if file.kind == SOCKET:
        return f"socket {file.number}" + (f", {file.ends}" if file.ends else "")
    if file.kind == EPOLL:
        watched = ranges(file.watched, WIDTH) if file.watched else ""
        return f"epoll of fd {watched}" if watched else "epoll"
    if file.kind == EVENT:
        return "eventfd" if file.value is None else f"eventfd, its value is {file.value}"
    return file.path if file.path.startswith("/") else file.path.partition(":")[2] or file.path


def _end(file: OpenFile) -> str:
    """The other one."""
    if file.kind == PIPE:
        return f"the {'write' if file.reads else 'read'} end of pipe {file.number}"
    return (
        f"the other end of fd {file.fd}" if file.kind == SOCKET else f"the eventfd of fd {file.fd}"
    )


def _at(file: OpenFile, far: FarEnds) -> str:
    fds = [fd for fd in far.here if file.kind != EVENT or fd != file.fd]
    return f" (fd {ranges(fds, WIDTH)} here)" if fds else ""
