# SPDX-License-Identifier: MIT
"""A process, or a core, with glibc's lists of threads, without one."""

import struct
from typing import Dict, Iterator, List, Optional, Sequence

from threadleak.target.base import TargetError, one_by_one

NAMES, RINGS, HEAP = 0x1000, 0x8000, 0x10000  # where the fake process has its parts
SIZE, THREADS = 0x900, 4  # of a struct pthread, and how many there are
# Where glibc 2.36 has what it tells debuggers, and how many bits that has.
OFFSETS = {
    "pthread_list": (704, 128),
    "pthread_tid": (720, 32),
    "pthread_cancelhandling": (776, 32),
    "pthread_report_events": (1553, 8),
    "pthread_start_routine": (1592, 64),
    "pthread_nextevent": (1640, 64),
    "rtld_global__dl_stack_used": (0, 128),
    "rtld_global__dl_stack_user": (16, 128),
}
FIELDS = [16, 704, 712, 720, 776, 1554, 1568, 1576, 1592, 1600, 1680, 1688, 1696]
MACHINE = 62


class Process:
    """Some memory with glibc's lists in it, which a test may change."""

    kind, machine = "core", MACHINE

    def __init__(self, moves: bool = False, threads: int = THREADS):
        self.moves = moves
        self.parts: Dict[int, bytearray] = {}
        self.symbols: Dict[str, int] = {"_rtld_global": RINGS}
        self.reads = 0
        names = bytearray(struct.pack("<I", SIZE))
        self.symbols["_thread_db_sizeof_pthread"] = NAMES
        for name, (offset, bits) in OFFSETS.items():
            self.symbols["_thread_db_" + name] = NAMES + len(names)
            names += struct.pack("<3I", bits, 1, offset)
        self.symbols["__nptl_version"] = NAMES + len(names)
        self.parts[NAMES] = names + b"2.36\0".ljust(16, b"\0")
        self.parts[RINGS] = bytearray(32)
        self.parts[HEAP] = bytearray(SIZE * threads)
        self.descriptors = [HEAP + SIZE * number for number in range(threads)]
        self._link([RINGS, *(each + 704 for each in self.descriptors[1:])])
        self._link([RINGS + 16, self.descriptors[0] + 704])
        for number, pthread in enumerate(self.descriptors):
            self.put(pthread + 16, pthread)
            self.put(pthread + 720, 4000 + number if number < threads - 1 else 0)
            self.put(pthread + 1592, 0x401000 if number else 0)

    def _link(self, ring: List[int]) -> None:
        for at, after in zip(ring, ring[1:] + ring[:1]):
            self.put(at, after)
            self.put(after + 8, at)

    def put(self, address: int, value: int) -> None:
        for start, data in self.parts.items():
            if start <= address <= start + len(data) - 8:
                data[address - start : address - start + 8] = struct.pack("<Q", value)

    def read(self, address: int, size: int) -> bytes:
        self.reads += 1
        assert 0 <= size < 1 << 20
        for start, data in self.parts.items():
            if start <= address and address + size <= start + len(data):
                return bytes(data[address - start : address - start + size])
        raise TargetError(f"memory at {address:#x} cannot be read")

    def symbol(self, name: str) -> List[int]:
        return [self.symbols[name]] if name in self.symbols else []

    def read_each(self, addresses: Sequence[int], size: int) -> Iterator[Optional[bytes]]:
        return one_by_one(self.read, addresses, size)
