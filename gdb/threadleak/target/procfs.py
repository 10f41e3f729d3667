# SPDX-License-Identifier: MIT
"""What /proc says of a local process (proc(5)): its memory, the files that its code comes from, its ids."""

import contextlib
import os
import time
from bisect import bisect_right
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple

from ..escapes import ESCAPED, decoded
from ..patterns import Pattern
from .base import Region, TargetError


_OF_CODE_OR_DATA = Pattern(
    r"^([0-9a-f]+)-([0-9a-f]+) (rw-p|r-xp) \S+ \S+ [1-9]\d* +(/.*)$", 8  # re.MULTILINE
)
_IN_USE = Pattern(rb"[\x40-\xff]+")  # highest byte of an entry: bit 63: present, 62: swapped out
PAGE = os.sysconf("SC_PAGESIZE")


class Mapping(NamedTuple):
    path: str
    base: int  # where its first page lies: for all but fixed executables the load bias


class Mappings:
    """Finds the file that is mapped at an address."""

    def __init__(self, files: Iterable[Tuple[int, int, str]]):
        self._files = sorted(files)
        self._starts = [start for start, _, _ in self._files]
        self._bases: Dict[str, int] = {}
        for start, _, path in self._files:
            self._bases.setdefault(path, start)

    def at(self, address: int) -> Optional[Mapping]:
        index = bisect_right(self._starts, address) - 1
        if index < 0 or address >= self._files[index][1]:
            return None
        path = self._files[index][2]
        return Mapping(path, self._bases[path])


def _fields(line: str) -> Tuple[int, int, str, int, str]:
    """(start, end, permissions, inode, path)"""
    words = line.split(None, 5)
    start, _, end = words[0].partition("-")
    return int(start, 16), int(end, 16), words[1], int(words[4]), "".join(words[5:])


def writable_regions(text: str, of_file: bool) -> Iterator[Region]:
    """Private ones, adjacent ones joined. Shared ones are left out: no registry lies there, and reading a
    device's memory may do something."""
    last = Region(0, 0)
    for line in _lines_of_files(text) if of_file else text.splitlines():
        start, end, permissions, inode, path = _fields(line)
        if not permissions.startswith("rw") or permissions[3] != "p":
            continue
        if of_file != (inode != 0 and not path.startswith("/dev/")):
            continue
        if last.end == start:
            last = Region(last.start, end)
            continue
        if last.end:
            yield last
        last = Region(start, end)
    if last.end:
        yield last


def starts(text: str) -> List[int]:
    """Where mappings begin, in order."""
    return [int(line.partition("-")[0], 16) for line in text.splitlines()]


def present(pid: int, regions: Iterable[Region]) -> Iterator[Region]:
    """The pages of these that are in memory or swapped out. All others are zero, or as in the file, and reading
    one of the process's own that it never touched makes the kernel give it a page (proc(5), pagemap).
    """
    try:
        with open(f"/proc/{pid}/pagemap", "rb", buffering=0) as file:
            for region in regions:
                yield from _present(file.fileno(), region)
    except OSError:
        yield from regions  # nothing tells


def _present(pagemap: int, region: Region) -> Iterator[Region]:
    for start in range(region.start, region.end, PAGE << 16):
        end = min(region.end, start + (PAGE << 16))
        entries = os.pread(pagemap, (end - start) // PAGE * 8, start // PAGE * 8)
        for run in _IN_USE.finditer(entries[7::8]):
            yield Region(start + run.start() * PAGE, start + run.end() * PAGE)


def files(text: str) -> List[Tuple[int, int, str]]:
    found = []
    for line in _lines_of_files(text):
        start, end, _, inode, path = _fields(line)
        if inode:
            path = path[: -len(" (deleted)")] if path.endswith(" (deleted)") else path
            # the kernel writes a newline so, and nothing else (fs/proc/task_mmu.c)
            found.append((start, end, path.replace("\\012", "\n")))
    return found


def runs_code_of(text: str, mark: str) -> bool:
    """Whether a file with `mark` in its path is mapped so that its code can run. A debugger maps files that others run
    as data."""
    if mark not in text:
        return False
    fields = map(_fields, _lines_of_files(text))
    return any("x" in permissions and mark in path for _, _, permissions, _, path in fields)


def data_of_code(text: str) -> List[Region]:
    """What is mapped to be written to, of files that code runs from."""
    found = [each.groups() for each in _OF_CODE_OR_DATA.finditer(text)]
    of_code = {path for _, _, permissions, path in found if permissions == "r-xp"}
    return [
        Region(int(start, 16), int(end, 16))
        for start, end, permissions, path in found
        if permissions == "rw-p" and path in of_code
    ]


def _lines_of_files(text: str) -> Iterator[str]:
    """Those with a path: most lines of a process with many threads are their stacks."""
    at = text.find("/")
    while at >= 0:
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        yield text[text.rfind("\n", 0, at) + 1 : end]
        at = text.find("/", end)


def read_maps(pid: int) -> str:
    """The text of /proc/PID/maps. Once the main thread has left by pthread_exit it is empty; any other thread
    tells then."""
    try:
        text = _read_maps(f"/proc/{pid}")
        for tid in [] if text else os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError):
                text = text or _read_maps(f"/proc/{pid}/task/{tid}")
        return text
    except OSError as error:
        raise TargetError(f"the memory map of {pid} cannot be read: {error}") from None


def _read_maps(folder: str) -> str:
    with open(f"{folder}/maps", "rb", buffering=0) as file:
        return decoded(file.read())


def ns_ids(task: str) -> List[int]:
    """The ids of a process or task, from our PID namespace to its own; empty where nothing tells."""
    try:
        with open(f"/proc/{task}/status", encoding="ascii", errors="replace") as file:
            lines = [line for line in file if line.startswith("NSpid:")]
    except OSError:
        return []
    return [int(word) for word in lines[0].split()[1:]] if lines else []


def own_tids(pid: int) -> List[int]:
    """The tids of the threads that are there now, as the process itself has them; empty where nothing tells. A main
    thread that has left by pthread_exit is kept by the kernel, and is none."""
    try:
        tids = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []
    alive = (tid for tid in tids if not is_zombie(f"/proc/{pid}/task/{tid}"))
    return [ids[-1] for ids in (ns_ids(f"{pid}/task/{tid}") for tid in alive) if ids]


def times_run(pid: int, tid: int) -> Optional[int]:
    """How often the thread was given a processor, and gave it back: as long as it blocks, that stays the same."""
    try:
        with open(f"/proc/{pid}/task/{tid}/status", "rb") as file:
            lines = [line.split() for line in file if b"ctxt_switches:" in line]
        return sum(int(line[1]) for line in lines) if len(lines) == 2 else None
    except (OSError, ValueError, IndexError):
        return None


def stat_fields(folder: str) -> List[str]:
    """Of /proc/PID, or of a task's folder, the fields of `stat` behind the command name, which may hold anything:
    the third one of proc(5), the state, is the first here. OSError if it is gone."""
    with open(f"{folder}/stat", encoding="ascii", errors="replace") as file:
        return file.read().rpartition(") ")[2].split()


# PF_EXITING, PF_IO_WORKER, PF_USER_WORKER (include/linux/sched.h)
_NO_PROGRAM = 0x4 | 0x10 | 0x4000
_FLAGS, _STARTED = 6, 19  # of stat_fields


def started(pid: int, tid: int) -> Optional[int]:
    """Ticks of the clock at which the thread began. None: it is gone, or ending, or it is a worker of the kernel's own
    (io_uring), and runs no code of the program. 0: that cannot be told."""
    try:
        fields = stat_fields(f"/proc/{pid}/task/{tid}")
        return None if int(fields[_FLAGS]) & _NO_PROGRAM else int(fields[_STARTED])
    except OSError:
        return None
    except (ValueError, IndexError):
        return 0


def runs_program(pid: int, tid: int) -> bool:
    """True also where that cannot be told."""
    return started(pid, tid) is not None


def thread_count(pid: int) -> int:
    """A link count tells (proc(5)), so that the folder need not be read; 0: the process is gone."""
    try:
        return os.stat(f"/proc/{pid}/task").st_nlink - 2
    except OSError:
        return 0


def command(pid: int) -> str:
    """Its name, as its main thread has it; "": the process is gone."""
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors=ESCAPED) as file:
            return file.read().rstrip("\n")
    except OSError:
        return ""


def host() -> str:
    """uname(2): in a container mostly its id or the pod's name."""
    return os.uname().nodename


def has_our_clock(pid: int) -> bool:
    """Another time namespace has another CLOCK_MONOTONIC (time_namespaces(7))."""
    try:
        return os.readlink(f"/proc/{pid}/ns/time") == os.readlink("/proc/self/ns/time")
    except OSError:
        return True  # a kernel without them


def started_ns() -> int:
    """CLOCK_MONOTONIC when we were started, no later than that: the field starttime counts ticks of
    CLOCK_BOOTTIME, which goes on while the machine sleeps."""
    now_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    booted_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    try:
        ticks = int(stat_fields("/proc/self")[19])
    except (OSError, ValueError, IndexError):
        return 0
    return now_ns - (booted_ns - ticks * 1_000_000_000 // os.sysconf("SC_CLK_TCK"))


def has_died(pid: int) -> bool:
    """Killed behind its tracer's back: each thread is a zombie until the tracer looks. The main thread alone
    is one too if it called pthread_exit."""
    try:
        if not is_zombie(f"/proc/{pid}"):
            return False
        tasks = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return os.path.exists("/proc/self/stat")
    return all(is_zombie(f"/proc/{pid}/task/{tid}") for tid in tasks)


def is_stopped(pid: int) -> bool:
    """By a signal, or by whoever traces it (proc(5), T and t)."""
    try:
        return stat_fields(f"/proc/{pid}")[:1] in (["T"], ["t"])
    except OSError:
        return False


def is_zombie(folder: str) -> bool:
    """Or gone."""
    try:
        return stat_fields(folder)[:1] in (["Z"], ["X"])
    except OSError:
        return True
