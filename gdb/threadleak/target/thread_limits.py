# SPDX-License-Identifier: MIT
"""What limits how many more threads a process can create, and how much of it is left: pthread_create(3), "EAGAIN".
Sources: kernel/fork.c (copy_process), mm/mmap.c, proc(5), cgroups(7). Each is what is left now, or was when the process died; whoever else creates
threads takes from the same, but for those of the process's own memory.
"""

import os
from contextlib import suppress
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Protocol, Tuple

from .base import Target, TargetError
from .open_files import folder_of
from .procfs import read_maps, thread_count
from .sidecar import Sidecar

MAPS, SPACE, TASKS = (
    "maps",
    "space",
    "tasks",
)  # what it is counted in: mappings, bytes, threads that are alive

_CAP_SYS_ADMIN, _CAP_SYS_RESOURCE = 1 << 21, 1 << 24
_ADDRESSES = 1 << 47  # bytes that a process can map, but for pages of five levels
_KIB = 1024
_CGROUP = "pids.max of its cgroup"


class Limit(NamedTuple):
    name: str
    counts: str  # MAPS, SPACE or TASKS
    most: int
    left: int


class Source(Protocol):
    """Who tells."""

    def lines(self, name: str) -> List[str]:
        """Of a file below /proc, "self" being the process; none: not known."""

    def maps(self) -> Optional[int]:
        """How many mappings it has."""

    def tasks_of(self, uid: int) -> Optional[int]:
        """How many threads that user has."""

    def cgroup_limits(self) -> Iterator[Limit]:
        """Of all groups around it."""


def limits(target: Target) -> Iterator[Limit]:
    """As far as /proc tells, or told when the process died."""
    source: Source
    if target.local_pid is not None:
        source = _Live(target.local_pid)
    elif target.beside.sidecar is not None:
        source = _Dead(target.beside.sidecar)
    else:
        return
    status = _fields(source.lines("self/status"))
    yield from _of_memory(source, status)
    yield from _of_tasks(source, status)


class _Live:
    def __init__(self, pid: int):
        self._pid = pid
        self._folder = folder_of(pid)

    def lines(self, name: str) -> List[str]:
        inside = name.startswith("self/")
        return list(_lines(f"{self._folder}{name[4:]}" if inside else f"/proc/{name}"))

    def maps(self) -> Optional[int]:
        with suppress(TargetError):
            return read_maps(self._pid).count("\n")
        return None

    def tasks_of(self, uid: int) -> Optional[int]:
        return _tasks_of(uid)

    def cgroup_limits(self) -> Iterator[Limit]:
        yield from _of_cgroups(self._folder)


class _Dead:
    def __init__(self, sidecar: Sidecar):
        self._sidecar = sidecar

    def lines(self, name: str) -> List[str]:
        return (self._sidecar.text(name) or "").splitlines()

    def maps(self) -> Optional[int]:
        return self._sidecar.number("self/maps.count")

    def tasks_of(self, uid: int) -> Optional[int]:
        return None

    def cgroup_limits(self) -> Iterator[Limit]:
        most, now = (self._sidecar.number(f"cgroup/pids.{name}") for name in ("max", "current"))
        yield from _limit(_CGROUP, TASKS, most, now)


def _limit(name: str, counts: str, most: Optional[int], used: Optional[int]) -> Iterator[Limit]:
    if most is not None and used is not None:
        yield Limit(name, counts, most, max(0, most - used))


def _of_memory(source: Source, status: Dict[str, str]) -> Iterator[Limit]:
    # whatever maps counts beyond them, [vsyscall] for one, is one or two
    most = _number(source.lines("sys/vm/max_map_count"))
    yield from _limit("vm.max_map_count", MAPS, most, source.maps())
    size = _leading(status.get("VmSize"))
    used = size * _KIB if size is not None else None
    yield from _limit("RLIMIT_AS (ulimit -v)", SPACE, _rlimit(source, "Max address space"), used)
    yield from _limit("the address space", SPACE, _ADDRESSES, used)
    if _number(source.lines("sys/vm/overcommit_memory")) == 2:
        memory = _fields(source.lines("meminfo"))
        most, promised = (_leading(memory.get(name)) for name in ("CommitLimit", "Committed_AS"))
        if most is not None and promised is not None:
            name = "vm.overcommit_memory=2"
            yield from _limit(name, SPACE, most * _KIB, promised * _KIB)


def _of_tasks(source: Source, status: Dict[str, str]) -> Iterator[Limit]:
    total = _tasks(source)
    most = _number(source.lines("sys/kernel/pid_max"))
    yield from _limit("kernel.pid_max", TASKS, most, total)
    most = _number(source.lines("sys/kernel/threads-max"))
    yield from _limit("kernel.threads-max", TASKS, most, total)
    uid = _leading(status.get("Uid"))
    if uid is not None and not _is_exempt(uid, status):
        most = _rlimit(source, "Max processes")
        if most is not None:
            name = f"RLIMIT_NPROC (ulimit -u) of user {uid}"
            yield from _limit(name, TASKS, most, source.tasks_of(uid))
    yield from source.cgroup_limits()


def _is_exempt(uid: int, status: Dict[str, str]) -> bool:
    """From RLIMIT_NPROC. In a user namespace others count, so nothing can be told: it holds the lower of them."""
    with suppress(ValueError):
        capabilities = int(status.get("CapEff", "0"), 16)
        return uid == 0 or bool(capabilities & (_CAP_SYS_ADMIN | _CAP_SYS_RESOURCE))
    return False


def _of_cgroups(folder: str) -> Iterator[Limit]:
    """Of all groups around it the one that leaves the least."""
    found = []
    for directory, top in _pids_directories(folder):
        while True:
            most, now = (_number(_lines(f"{directory}/pids.{name}")) for name in ("max", "current"))
            found += list(_limit(_CGROUP, TASKS, most, now))
            if directory == top or not directory.startswith(top):
                break
            directory = os.path.dirname(directory)
    if found:
        yield min(found, key=lambda each: each.left)


def _pids_directories(folder: str) -> Iterator[Tuple[str, str]]:
    """(that of the process, where its hierarchy is mounted)"""
    mounts: Dict[
        str, Tuple[str, str]
    ] = {}  # controller, or "" for version 2 -> (root, mount point)
    for line in _lines("/proc/self/mountinfo"):
        before, _, after = line.partition(" - ")
        words, kinds = before.split(), after.split()
        if len(words) > 4 and len(kinds) > 2:
            if kinds[0] == "cgroup2":
                mounts.setdefault("", (words[3], words[4]))
            elif kinds[0] == "cgroup" and "pids" in kinds[2].split(","):
                mounts.setdefault("pids", (words[3], words[4]))
    for line in _lines(f"{folder}/cgroup"):
        _, controllers, path = (line.split(":", 2) + ["", ""])[:3]
        key = "pids" if "pids" in controllers.split(",") else controllers
        if key in mounts and ".." not in path:
            root, top = mounts[key]
            inside = path[len(root) :] if root != "/" and path.startswith(root) else path
            yield os.path.normpath(f"{top}/{inside}"), top


def _tasks(source: Source) -> Optional[int]:
    """All of the machine, as far as the PID namespace of whoever reads shows them."""
    for line in source.lines("loadavg"):
        with suppress(ValueError, IndexError):
            return int(line.split()[3].partition("/")[2])
    return None


def _tasks_of(uid: int) -> int:
    count = 0
    for name in os.listdir("/proc"):
        if name.isdecimal() and _leading(_fields(_lines(f"/proc/{name}/status")).get("Uid")) == uid:
            count += thread_count(int(name))
    return count


def _rlimit(source: Source, name: str) -> Optional[int]:
    """The soft one; None: unlimited, or not known."""
    for line in source.lines("self/limits"):
        if line.startswith(name):
            return _leading(line[len(name) :])
    return None


def _fields(lines: Iterable[str]) -> Dict[str, str]:
    pairs = (line.partition(":") for line in lines)
    return {name: value.strip() for name, _, value in pairs}


def _number(lines: Iterable[str]) -> Optional[int]:
    return _leading(next(iter(lines), None))


def _leading(text: Optional[str]) -> Optional[int]:
    word = (text or "").split(None, 1)[:1]
    return int(word[0]) if word and word[0].isdecimal() else None


def _lines(path: str) -> Iterator[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            yield from file.read().splitlines()
    except OSError:
        return
