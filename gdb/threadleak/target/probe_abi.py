# SPDX-License-Identifier: MIT
"""What helper/include/threadleak_probe.h says: constants and structs of the probe's interface."""

import struct
from typing import Dict, NamedTuple, Optional, Tuple

ABI = 4
STOP, STOPPED = 0x1, 0x2
CORE, PROCESS = 1, 2
ALIVE, RUNNING, BLOCKED = 0, 1, 2
COMPLETE, CUT, LIMIT, RUNS, MOVED, GONE = range(6)
ALL = 0xFFFFFFFF
EXACT = 1 << 63  # in the pc of a frame
RETURN, START, LINES = 0x1, 0x2, 0x4
FRAMES_MAX = 65536

# Struct of the header -> its fields in order, each with its code of the struct module (P: a pointer).
FIELDS: Dict[str, Tuple[Tuple[str, str], ...]] = {
    "info": (
        *(("kind", "I"), ("machine", "I"), ("pid", "I"), ("own_pid", "I"), ("missing", "Q")),
        *(("stopped_ns", "Q"), ("thread_count", "I"), ("module_count", "I")),
        *(("program", "P"), ("command", "P")),
    ),
    "thread": (
        *(("tid", "I"), ("own_tid", "I"), ("state", "I"), ("stack", "I"), ("pthread", "Q")),
        *(("sp", "Q"), ("pc", "Q"), ("syscall", "q"), ("arguments", "48s")),
    ),
    "module": (
        *(("start", "Q"), ("end", "Q"), ("bias", "Q"), ("path", "P"), ("file", "P")),
        *(("build_id", "P"), ("is_system", "I"), ("is_other", "I")),
    ),
    "stack": (("frames", "P"), ("count", "I"), ("end", "I")),
    "frame": (("function", "P"), ("file", "P"), ("line", "I"), ("is_inlined", "I")),
    "snapshot": (
        *(("size", "Q"), ("memory", "Q"), ("threads", "I"), ("without_sp", "I")),
        ("stopped_ns", "Q"),
    ),
}
LAYOUTS = {
    name: struct.Struct("@" + "".join(code for _, code in fields))
    for name, fields in FIELDS.items()
}
THREAD_WORDS = LAYOUTS["thread"].size // 4  # of 32 bits, from one thread to the next
CALLS = struct.Struct("@24xQQq6Q")  # of a thread, from sp on
POSITIONS = {"tid": 0, "own_tid": 1, "state": 2, "stack": 3}


class Info(NamedTuple):
    kind: int
    machine: int
    pid: int
    own_pid: int
    missing: int
    stopped_ns: int
    thread_count: int
    module_count: int
    program: Optional[str]
    command: Optional[str]


class Module(NamedTuple):
    start: int
    end: int
    bias: int
    path: str
    file: Optional[str]
    build_id: str
    is_system: bool
    is_other: bool


class Snapshot(NamedTuple):
    size: int
    memory: int
    threads: int
    without_sp: int
    stopped_ns: int
