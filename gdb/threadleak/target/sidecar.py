# SPDX-License-Identifier: MIT
"""What no core file holds of the process, kept beside it by threadleak-core-handler as CORE.threadleak: an archive of
files of /proc, whose format helper/core-handler/sidecar.h tells. Another process's is refused.
"""

import os
import stat
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

from ..escapes import decoded
from . import elf
from .base import TargetError

SUFFIX = ".threadleak"
FOLDER = "/var/lib/threadleak"  # where the handler puts those of cores that another handler takes
SIZE_MAX = 32 << 20  # bytes; the handler writes 16 MiB at most
_MAGIC = b"threadleak-sidecar/"
_VERSION = b"1\n"
_NAME_MAX = 256


class Sidecar:
    """The records by name: "self/status" is /proc/PID/status, "loadavg" is /proc/loadavg."""

    def __init__(self, path: str):
        """TargetError, one sentence, if it is none, or not whole."""
        self.path = path
        try:
            self._records = _records(_read(path))
        except OSError as error:
            raise TargetError(f"the sidecar {path} cannot be read: {error.strerror}") from None
        except ValueError as error:
            raise TargetError(f"the sidecar {path} is not used: {error}") from None
        self._names: Optional[Dict[int, str]] = None

    def text(self, name: str) -> Optional[str]:
        data = self._records.get(name)
        return None if data is None else decoded(data)

    def number(self, name: str) -> Optional[int]:
        data = self._records.get(name, b"").strip()
        return int(data) if data.isdigit() and len(data) < 20 else None

    def names(self, folder: str) -> List[str]:
        """Of the records directly within "self/fd/", say."""
        start = len(folder)
        found = (name[start:] for name in self._records if name.startswith(folder))
        return [name for name in found if "/" not in name]

    @property
    def host(self) -> Optional[str]:
        return self.text("host") or None

    @property
    def pid(self) -> Optional[int]:
        """In the PID namespace of the handler."""
        word = (self.text("self/stat") or "").partition(" ")[0]
        return _small(word)

    @property
    def time_s(self) -> Optional[float]:
        """When the process died, seconds since 1970."""
        found = self.number("time_ns")
        return None if found is None else found / 1e9

    @property
    def cut(self) -> Optional[str]:
        """Why something is missing."""
        return self.text("cut")

    def thread_name(self, own_tid: int) -> Optional[str]:
        """`own_tid`: as the process itself has it, and so its core."""
        if self._names is None:
            self._names = dict(self._thread_names())
        return self._names.get(own_tid)

    def _thread_names(self) -> Iterator[Tuple[int, str]]:
        for name in self._records:
            if name.startswith("self/task/") and name.endswith("/comm"):
                tid = _small(name.split("/")[2])
                if tid is not None:
                    yield self._own(f"self/task/{tid}/status", tid), decoded(self._records[name])

    def _own(self, status: str, tid: int) -> int:
        """The last of the ids that the line NSpid has is that of the innermost namespace."""
        for line in (self.text(status) or "").splitlines():
            if line.startswith("NSpid:"):
                return _small((line.split() or [""])[-1]) or tid
        return tid

    def same_start(self, core: elf.Core) -> bool:
        """The kernel chooses anew for each process what the auxiliary vector has: where the stack, the dynamic linker
        and the vdso lie."""
        mine, its = self._records.get("self/auxv"), core.auxv()
        return mine is not None and its is not None and mine.rstrip(b"\0") == its.rstrip(b"\0")

    def why_not_of(self, core: elf.Core, own_pid: int) -> Optional[str]:
        """Whether another process wrote this core."""
        if "self/auxv" not in self._records or core.auxv() is None:
            return "nothing tells whether it is this core's"
        pid = self.pid
        if not self.same_start(core) or pid is None or self._own("self/status", pid) != own_pid:
            return f"it is of another process{'' if pid is None else f', {pid}'}"
        return None


class Found(NamedTuple):
    sidecar: Optional[Sidecar]
    why: str = ""  # there is one that is not used: a sentence


def of_core(path: Optional[str], core: elf.Core, own_pid: int) -> Found:
    """That beside the core."""
    if path is None or not os.path.lexists(path + SUFFIX):
        return Found(None)
    try:
        sidecar = Sidecar(path + SUFFIX)
    except TargetError as error:
        return Found(None, str(error))
    why = sidecar.why_not_of(core, own_pid)
    if why is not None:
        return Found(None, f"the sidecar {sidecar.path} is not used: {why}")
    return Found(sidecar)


def is_of(path: str, core: str) -> bool:
    """Whether the pid is the same is not asked: a core in a folder of its own was chosen by it."""
    return Sidecar(path).same_start(elf.Core(core))


def _read(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("it is no file")
        if status.st_size > SIZE_MAX:
            raise ValueError(f"it is larger than {SIZE_MAX >> 20} MiB")
        return file.read(SIZE_MAX)


def _records(data: bytes) -> Dict[str, bytes]:
    if not data.startswith(_MAGIC):
        raise ValueError("it is none")
    at = len(_MAGIC)
    if not data.startswith(_VERSION, at):
        version = decoded(data[at : at + 8].partition(b"\n")[0])
        raise ValueError(f"its version is {version}, and 1 is read here")
    at += len(_VERSION)
    found: Dict[str, bytes] = {}
    while True:
        end = data.find(b"\n", at, at + _NAME_MAX)
        name, _, size = data[at : max(at, end)].rpartition(b" ")
        if end < 0 or not size.isdigit() or len(size) > 9:
            raise ValueError("it is damaged, or was cut short")
        at = end + 1 + int(size)
        if data[at : at + 1] != b"\n":
            raise ValueError("it is damaged, or was cut short")
        if name == b"end":
            return found
        found.setdefault(decoded(name), data[end + 1 : at])
        at += 1


def _small(word: str) -> Optional[int]:
    return int(word) if word.isascii() and word.isdecimal() and len(word) < 11 else None
