# SPDX-License-Identifier: MIT
"""Which processes of this machine a name means (proc(5))."""

import os
from contextlib import suppress
from fnmatch import fnmatchcase
from typing import Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Set, Tuple

from ..escapes import decoded, readable
from . import family, file_bytes, procfs
from .base import Region, TargetError

_DATA_BYTES = 16 << 20  # of a file that is loaded, in which a registry is looked for
_LINE_BYTES = 4096  # of a command line: more than the longest path


def find(glob: str) -> List[int]:
    """By the name that the process gave itself (comm), and by what it was started as: the last part of argv[0], or of
    the path of its program. Ours, and what the library starts for a check, are left out."""
    return sorted(pid for pid in every() if any(fnmatchcase(name, glob) for name in names_of(pid)))


def every() -> Iterator[int]:
    """Those that run, but for ours. The kernel's own threads have no program, and are none."""
    for pid in family.pids():
        if pid == os.getpid() or not _has_memory(pid):
            continue
        if not family.is_engine(pid) and not family.is_keeper(pid):
            yield pid


Registries = Callable[[bytes, int], Iterable[int]]


class _Loaded(NamedTuple):
    data: List[Region]  # where a registry may be
    has: bool
    looks: int


class Holders:
    """Those that have the library: loaded, in their own program (its registry begins with `magic`), or in what they have
    loaded: `registries` gives the addresses of those in bytes from an address."""

    def __init__(self, library: str, magic: bytes, registries: Registries):
        self._mark = "/" + library
        self._magic = magic
        self._registries = registries
        self._programs: Dict[Tuple[int, ...], bool] = {}  # device, inode, time -> whether it has
        self._loaded: Dict[int, _Loaded] = {}

    def find(self) -> Tuple[List[int], int]:
        """Their pids, and how many processes do not let us look."""
        found, closed = [], 0
        loaded, self._loaded = self._loaded, {}
        for pid in every():
            try:
                maps = procfs.read_maps(pid)
                has = procfs.runs_code_of(maps, self._mark) or self._is_inside(f"/proc/{pid}/exe")
                if not has:
                    has = self._is_loaded(pid, procfs.data_of_code(maps), loaded.get(pid))
                found += [pid] if has else []
            except (TargetError, OSError):
                closed += os.path.exists(f"/proc/{pid}")
        return sorted(found), closed

    def _is_loaded(self, pid: int, data: List[Region], known: Optional[_Loaded]) -> bool:
        if known is None or known.data != data:
            known = _Loaded(data, False, 0)
        if not known.has and known.looks < 2:  # at the first it may just be starting
            with open(f"/proc/{pid}/mem", "rb", buffering=0) as file:
                has = any(self._has(file.fileno(), each) for each in data)
            known = _Loaded(data, has, known.looks + 1)
        self._loaded[pid] = known
        return known.has

    def _has(self, memory: int, region: Region) -> bool:
        try:
            size = min(region.end - region.start, _DATA_BYTES)
            return any(self._registries(os.pread(memory, size, region.start), region.start))
        except (OSError, OverflowError):
            return False  # unmapped since

    def _is_inside(self, path: str) -> bool:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            key = (status.st_dev, status.st_ino, status.st_mtime_ns)
            if key not in self._programs:
                self._programs[key] = file_bytes.holds(file.fileno(), self._magic)
        return self._programs[key]


def names_of(pid: int) -> Set[str]:
    """Empty: it is gone."""
    found = {procfs.command(pid), os.path.basename(readable(family.program_of(pid)))}
    with suppress(OSError), open(f"/proc/{pid}/cmdline", "rb", buffering=0) as file:
        found.add(decoded(os.path.basename(file.read(_LINE_BYTES).split(b"\0", 1)[0])))
    return found - {""}


def _has_memory(pid: int) -> bool:
    """statm is all zeros for what runs in the kernel alone, and for what has ended and was not waited for."""
    try:
        with open(f"/proc/{pid}/statm", "rb", buffering=0) as file:
            return not file.read().startswith(b"0 ") or procfs.thread_count(pid) > 1
    except OSError:
        return False
