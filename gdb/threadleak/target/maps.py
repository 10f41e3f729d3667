# SPDX-License-Identifier: MIT
"""What /proc/PID/maps says (proc(5)): memory that can be written, and the files that code comes from."""

from bisect import bisect_right
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple

from .base import Region


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


def _lines(text: str) -> Iterator[Tuple[int, int, str, int, str]]:
    """(start, end, permissions, inode, path)"""
    for line in text.splitlines():
        words = line.split(None, 5)
        span = words[0].split("-")
        yield int(span[0], 16), int(span[1], 16), words[1], int(words[4]), "".join(words[5:])


def writable_regions(text: str) -> List[Region]:
    """Private ones, adjacent ones joined. Shared ones are left out: no registry lies there, and reading a
    device's memory may do something."""
    regions: List[Region] = []
    for start, end, permissions, inode, path in _lines(text):
        if permissions[0] != "r" or permissions[1] != "w" or permissions[3] != "p":
            continue
        of_file = inode != 0 and not path.startswith("/dev/")
        last = regions[-1] if regions else None
        if last is not None and last.end == start and last.of_file == of_file:
            regions[-1] = Region(last.start, end, of_file)
        else:
            regions.append(Region(start, end, of_file))
    return regions


def files(text: str) -> List[Tuple[int, int, str]]:
    found = []
    for line in text.splitlines():
        if "/" in line:  # most lines of a process with many threads are their stacks
            for start, end, _, inode, path in _lines(line):
                if inode:
                    found.append((start, end, path.replace(" (deleted)", "")))
    return found
