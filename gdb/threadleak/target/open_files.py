# SPDX-License-Identifier: MIT
"""What a file descriptor of the target is: from /proc/PID/fd and fdinfo (proc(5)) of a process, from the note that
`threadleak snapshot` writes into its cores, or from a core's sidecar; no other core tells.
"""

import os
from contextlib import suppress
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

from ..escapes import decoded
from . import elf
from .base import Target, TargetError
from .sidecar import Sidecar
from .sockets import peers

PIPE, SOCKET, EVENT, EPOLL, INOTIFY = "pipe", "socket", "eventfd", "epoll", "inotify"
TIMER, SIGNALS, FILE, DEVICE, OTHER = "timerfd", "signalfd", "file", "device", "other"

_ANONYMOUS = {
    "[eventfd]": EVENT,
    "[eventpoll]": EPOLL,
    "inotify": INOTIFY,
    "[timerfd]": TIMER,
    "[signalfd]": SIGNALS,
}
_ACCESS = os.O_RDONLY | os.O_WRONLY | os.O_RDWR
_INFO_MAX = 256 << 10
_WATCHED_MAX = 4096  # descriptors of one epoll


class OpenFile(NamedTuple):
    fd: int
    kind: str
    path: str  # as the kernel has it: "pipe:[1234]"
    flags: int  # of open(2)
    number: int = 0  # of the pipe, socket or eventfd, in the whole machine; 0: not known
    watched: Tuple[int, ...] = ()  # by an epoll
    value: Optional[int] = None  # of an eventfd
    ends: str = ""  # of a socket: between whom it is

    @property
    def reads(self) -> bool:
        return self.flags & _ACCESS in (os.O_RDONLY, os.O_RDWR)

    @property
    def writes(self) -> bool:
        return self.flags & _ACCESS in (os.O_WRONLY, os.O_RDWR)


class OpenFiles:
    """Of one process, each read when it is asked for."""

    def __init__(self, target: Target):
        self.why = ""  # nothing can be told
        self.folder: Optional[str] = None  # /proc/PID, or that of one of its threads
        self._known: Dict[int, Optional[OpenFile]] = {}
        if target.local_pid is not None:
            self.folder = folder_of(target.local_pid)
        elif target.kind == "core" and target.core is not None:
            self._of_core(target.core, target.beside.sidecar)
        else:
            self.why = "what is open there is told on the machine of the process alone"

    def of(self, fd: int) -> Optional[OpenFile]:
        """None: it is not open, or that cannot be told."""
        if fd not in self._known and self.folder is not None:
            self._known[fd] = read(self.folder, fd)
        return self._known.get(fd)

    def _of_core(self, path: str, sidecar: Optional[Sidecar]) -> None:
        if sidecar is not None:
            self._known.update(_of_sidecar(sidecar))
            return
        try:
            text = elf.Core(path).open_files()
        except TargetError:
            text = None
        if text is None:
            self.why = "a core does not tell what was open, unless it has a sidecar or `threadleak snapshot` made it"
            return
        for line in text.split("\n"):
            words = line.split(" ", 2)
            if len(words) == 3 and words[0].isdecimal() and len(words[0]) < 10:
                with suppress(ValueError):
                    fd, flags = int(words[0]), int(words[1], 8)
                    self._known[fd] = _described(fd, words[2].replace("\\012", "\n"), flags, "")


def _of_sidecar(sidecar: Sidecar) -> Iterator[Tuple[int, OpenFile]]:
    ends = peers(lambda table: sidecar.text(f"self/net/{table}"))
    for word in sidecar.names("self/fd/"):
        if word.isascii() and word.isdecimal() and len(word) < 10:
            path = sidecar.text(f"self/fd/{word}") or ""
            info = sidecar.text(f"self/fdinfo/{word}") or ""
            file = _described(int(word), path, 0, info)
            yield file.fd, file._replace(
                ends=ends.get(file.number, "")
            ) if file.kind == SOCKET else file


def folder_of(pid: int) -> str:
    """Where /proc tells of it. Once the main thread has left by pthread_exit its own folder tells nothing."""
    folder = f"/proc/{pid}"
    with suppress(OSError):
        os.readlink(f"{folder}/exe")
        return folder
    with suppress(OSError):
        for tid in os.listdir(f"{folder}/task"):
            with suppress(OSError):
                os.readlink(f"{folder}/task/{tid}/exe")
                return f"{folder}/task/{tid}"
    return folder


def read(folder: str, fd: int) -> Optional[OpenFile]:
    try:
        path = decoded(os.readlink(os.fsencode(f"{folder}/fd/{fd}")))
        with open(f"{folder}/fdinfo/{fd}", encoding="ascii", errors="replace") as file:
            info = file.read(_INFO_MAX)
    except (OSError, ValueError):
        return None
    return _described(fd, path, 0, info)


def all_of(folder: str) -> List[OpenFile]:
    """OSError where they cannot be read."""
    found = (read(folder, int(name)) for name in os.listdir(f"{folder}/fd") if name.isdecimal())
    return [each for each in found if each is not None]


def _described(fd: int, path: str, flags: int, info: str) -> OpenFile:
    """`info`: the text of fdinfo, or "" where the flags are all that is known."""
    kind, _, rest = path.partition(":")
    fields = _fields(info)
    with suppress(ValueError):
        flags = int(fields.get("flags", ["x"])[0], 8)
    if kind in (PIPE, SOCKET) and rest.startswith("["):
        return OpenFile(fd, kind, path, flags, _number(rest.strip("[]")))
    if kind != "anon_inode":
        return OpenFile(fd, DEVICE if path.startswith("/dev/") else FILE, path, flags)
    kind = _ANONYMOUS.get(rest, OTHER)
    number, value = 0, None
    if kind == EVENT:
        number = _number(fields.get("eventfd-id", ["0"])[0])
        with suppress(ValueError, LookupError):
            value = int(fields["eventfd-count"][0], 16)
    watched = [_number(each.split()[0]) for each in fields.get("tfd", ()) if each.split()]
    return OpenFile(fd, kind, path, flags, number, tuple(sorted(watched[:_WATCHED_MAX])), value)


def _fields(info: str) -> Dict[str, List[str]]:
    found: Dict[str, List[str]] = {}
    for line in info.splitlines():
        name, _, value = line.partition(":")
        found.setdefault(name.strip(), []).append(value.strip())
    return found


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else 0
