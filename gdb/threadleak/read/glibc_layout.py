# SPDX-License-Identifier: MIT
"""Where glibc keeps what it knows of a thread: offsets in struct pthread, glibc 2.34 to 2.43.

Where a field is, libc itself tells debuggers, in symbols that libthread_db reads (nptl_db/structs.def): three numbers
of 32 bits, size in bits, how many, offset. What libthread_db has no need of lies at the same distance from such a field
in each of these versions (nptl/descr.h of each, compiled). Nothing of this needs debug information, or more
symbols than a stripped libc has.
"""

import struct
from typing import Dict, NamedTuple, Optional, Tuple

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
# Field -> distance from `start`. `state`: joinid, and since 2.43 the join state.
_BESIDE_START = {"state": -24, "result": -16, "argument": 8}
# Field -> distance from the end of `nextevent`, of _Unwind_Exception behind it, which is aligned to 16 bytes.
_BEHIND_EXCEPTION = {"stack": 0, "stack_size": 8, "guard_size": 16}
_EXCEPTION_SIZE = 32
# Distance from `report_events` to `start` -> from `report_events` to the field that is told to be `user_stack`,
# its size, and its value if the program gave the stack. 2.42 made an enum allocate_stack_mode_t of the bool.
_USER_STACK: Dict[int, Tuple[int, str, int]] = {39: (1, "B", 1), 47: (3, "I", 2)}
_SELF = 16  # tcbhead_t of sysdeps/x86_64/nptl/tls.h, `self`
_X86_64 = 62  # EM_X86_64
_SIZE_MAX = 1 << 16
_CODES = {"tid": "i", "cancelhandling": "I"}  # of 64 bits are the others


class Layout(NamedTuple):
    """`fields`, in the order of their offsets, are what `struct` unpacks of the bytes from `first` on."""

    offsets: Dict[str, int]
    fields: Tuple[str, ...]
    first: int
    struct: struct.Struct
    own_stack: Optional[int]  # value of `user_stack` that says so; None: unknown layout
    has_self: bool  # the descriptor begins with its own address, which x86-64 needs

    def unpack(self, data: bytes) -> Dict[str, int]:
        return dict(zip(self.fields, self.struct.unpack(data)))


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


def read_layout(target: Target) -> Layout:
    """TargetError where this is no glibc that is known."""
    size = int.from_bytes(target.read(symbol(target, "_thread_db_sizeof_pthread"), 4), "little")
    offsets = {field: offset_of(target, "pthread_" + name) for field, name in _TOLD.items()}
    gap = offsets["start"] - offsets.pop("report_events")
    user_stack = _USER_STACK.get(gap)
    offsets.update({field: offsets["start"] + at for field, at in _BESIDE_START.items()})
    exception = offsets.pop("nextevent") + 8 + 15 & ~15
    offsets.update(
        {field: exception + _EXCEPTION_SIZE + at for field, at in _BEHIND_EXCEPTION.items()}
    )
    offsets["previous"] = offsets["link"] + 8
    codes = {field: _CODES.get(field, "Q") for field in offsets}
    if user_stack is not None:
        offsets["user_stack"] = offsets["start"] - gap + user_stack[0]
        codes["user_stack"] = user_stack[1]
    if target.machine == _X86_64:
        offsets["self"], codes["self"] = _SELF, "Q"
    if size > _SIZE_MAX or not all(0 < at <= size - 8 for at in offsets.values()):
        raise unknown(f"struct pthread has {size} bytes, and fields outside")
    own = user_stack[2] if user_stack is not None else None
    return _layout(offsets, codes, own, target.machine == _X86_64)


def _layout(
    offsets: Dict[str, int], codes: Dict[str, str], own_stack: Optional[int], has_self: bool
) -> Layout:
    fields = tuple(sorted(offsets, key=offsets.__getitem__))
    first = at = offsets[fields[0]]
    format = "<"
    for field in fields:
        if offsets[field] < at:
            raise unknown(f"{field} lies in another field")
        format += f"{offsets[field] - at}x{codes[field]}"
        at = offsets[field] + struct.calcsize("<" + codes[field])
    return Layout(offsets, fields, first, struct.Struct(format), own_stack, has_self)
