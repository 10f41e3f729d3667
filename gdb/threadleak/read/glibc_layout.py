# SPDX-License-Identifier: MIT
"""Where glibc keeps what it knows of a thread: offsets in struct pthread, glibc 2.34 to 2.43.

Where a field is, libc itself tells debuggers, in symbols that libthread_db reads (nptl_db/structs.def): three numbers
of 32 bits, size in bits, how many, offset. What libthread_db has no need of lies at the same distance from such a field
in each of these versions (nptl/descr.h of each, compiled). Nothing of this needs debug information, or more
symbols than a stripped libc has.
"""

import struct
from typing import Dict, NamedTuple, Optional, Sequence, Tuple

from ..target.base import Target, TargetError

# Field -> the symbol that tells its offset, behind _thread_db_pthread_.
_TOLD = {
    "link": "list",
    "tid": "tid",
    "cancelhandling": "cancelhandling",
    "start": "start_routine",
    "nextevent": "nextevent",
    "report_events": "report_events",
}
# Field -> distance from `start`.
_BESIDE_START = {"state": -24, "result": -16, "argument": 8}
_CLEANUP = -16  # from `cancelhandling`, of the list of cleanup buffers
# Field -> distance from the end of `nextevent`, of _Unwind_Exception behind it, which is aligned to 16 bytes.
_BEHIND_EXCEPTION = {"stack": 0, "stack_size": 8, "guard_size": 16}
_EXCEPTION_SIZE = 32
# Distance from `report_events` to `start` -> from `report_events` to the field that is told to be `user_stack`,
# its size, and its value if the program gave the stack. 2.42 made an enum allocate_stack_mode_t of the bool.
_USER_STACK: Dict[int, Tuple[int, str, int]] = {39: (1, "B", 1), 47: (3, "I", 2)}
# tcbhead_t of sysdeps/x86_64/nptl/tls.h, `self`; other machines have something else there
_SELF = 16
_X86_64 = 62  # EM_X86_64
_SIZE_MAX = 1 << 16
_CODES = {"tid": "i", "cancelhandling": "I"}  # of 64 bits are the others


class Fields(NamedTuple):
    """What is read of a struct pthread, in the order in which it lies there in each version."""

    self: int
    link: int
    previous: int
    tid: int
    cancelhandling: int
    user_stack: int
    state: int  # joinid, and since 2.43 the join state
    result: int
    start: int
    argument: int
    stack: int
    stack_size: int
    guard_size: int


# What tells of a thread that has finished whether it is there still, in a third of the time.
_END = ("self", "tid", "state", "start")
# What rings.py needs.
_RING = ("self", "link", "tid", "user_stack", "state", "start", "stack_size")


class Layout(NamedTuple):
    offsets: Dict[str, int]
    struct: struct.Struct  # of Fields, from `self` on
    end: struct.Struct  # of _END, from `self` on
    ring: struct.Struct  # of _RING, from `self` on
    own_stack: Optional[int]  # value of `user_stack` that says so; None: not known
    has_self: bool  # whether `self` is the descriptor's own address

    def unpack(self, data: bytes, pthread: int) -> Optional[Fields]:
        """None: no descriptor lies there."""
        fields = Fields._make(self.struct.unpack(data))
        return None if self.has_self and fields.self != pthread else fields

    @property
    def first(self) -> int:
        return self.offsets["self"]


def offset_of(target: Target, name: str) -> int:
    """What libthread_db is told; `name` without the prefix of all of them."""
    bits, _, offset = struct.unpack("<3I", target.read(symbol(target, "_thread_db_" + name), 12))
    if not 0 < bits <= _SIZE_MAX * 8 or offset > _SIZE_MAX:
        raise unknown(f"_thread_db_{name} says {bits} bits at {offset}")
    return int(offset)


def symbol(target: Target, name: str) -> int:
    found = target.symbol(name)
    if not found:
        raise unknown(f"there is no symbol {name}")
    return found[0]


def unknown(why: str) -> TargetError:
    return TargetError(f"unknown libc layout: {why}")


def heads(target: Target) -> Tuple[int, int]:
    """Addresses of the two rings: fields of ld.so's _rtld_global; in a static program variables, which it has
    names for unless it is stripped."""
    names = ("_dl_stack_used", "_dl_stack_user")
    if target.symbol("_rtld_global"):
        rtld = symbol(target, "_rtld_global")
        used, user = (rtld + offset_of(target, "rtld_global_" + name) for name in names)
    else:
        used, user = (symbol(target, name) for name in names)
    return used, user


def read_layout(target: Target) -> Layout:
    """TargetError where this is no glibc that is known."""
    size = int.from_bytes(target.read(symbol(target, "_thread_db_sizeof_pthread"), 4), "little")
    offsets = {field: offset_of(target, "pthread_" + name) for field, name in _TOLD.items()}
    report_events, nextevent = offsets.pop("report_events"), offsets.pop("nextevent")
    start = offsets["start"]
    user_stack = _USER_STACK.get(start - report_events)
    offsets["self"], offsets["previous"] = _SELF, offsets["link"] + 8
    offsets["cleanup"] = offsets["cancelhandling"] + _CLEANUP
    offsets["user_stack"] = report_events + (user_stack[0] if user_stack is not None else 0)
    offsets.update({field: start + at for field, at in _BESIDE_START.items()})
    stack = (nextevent + 8 + 15 & ~15) + _EXCEPTION_SIZE
    offsets.update({field: stack + at for field, at in _BEHIND_EXCEPTION.items()})
    if size > _SIZE_MAX or not all(0 < at <= size - 8 for at in offsets.values()):
        raise unknown(f"struct pthread has {size} bytes, and fields outside")
    codes = {**_CODES, "user_stack": user_stack[1] if user_stack is not None else "B"}
    own = user_stack[2] if user_stack is not None else None
    whole, end, ring = (_struct(fields, offsets, codes) for fields in (Fields._fields, _END, _RING))
    return Layout(offsets, whole, end, ring, own, target.machine == _X86_64)


def _struct(fields: Sequence[str], offsets: Dict[str, int], codes: Dict[str, str]) -> struct.Struct:
    format, at = "<", offsets["self"]
    for field in fields:
        code = codes.get(field, "Q")
        if offsets[field] < at:
            raise unknown(f"{field} lies in another field of struct pthread, or before it")
        format += f"{offsets[field] - at}x{code}"
        at = offsets[field] + struct.calcsize("<" + code)
    return struct.Struct(format)
