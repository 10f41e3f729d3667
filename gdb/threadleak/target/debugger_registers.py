# SPDX-License-Identifier: MIT
"""What GDB's registers of a thread tell of the system call that it is in (syscall(2)).

x86-64: orig_rax is its number, -1 in none, and the instruction `syscall` is in front of rip. aarch64: x8 holds it
if there is one, which only the code tells; the kernel puts pc back onto `svc 0` where the call is to begin anew
(do_signal in arch/arm64/kernel/signal.c), and where it does not, x0 is no longer the first argument.
"""

from typing import Any, Callable, NamedTuple, Optional, Tuple

from .base import SystemCall
from .system_calls import AARCH64, X86_64

_WORD = 0xFFFFFFFFFFFFFFFF


class _Registers(NamedTuple):
    machine: int
    number: str
    arguments: Tuple[str, ...]
    instruction: bytes
    steps_back: bool


_BY_NAME = {
    "i386:x86-64": _Registers(
        X86_64, "orig_rax", ("rdi", "rsi", "rdx", "r10", "r8", "r9"), b"\x0f\x05", False
    ),
    "aarch64": _Registers(
        AARCH64, "x8", tuple(f"x{number}" for number in range(6)), b"\x01\0\0\xd4", True
    ),
}


def machine_of(architecture: Any) -> int:
    known = _BY_NAME.get(architecture.name())
    return known.machine if known is not None else 0


def system_call_of(frame: Any, read: Callable[[int, int], bytes]) -> Optional[SystemCall]:
    """Of a thread by its innermost frame; `read` gives memory. gdb.error, or TargetError of `read`, where
    something cannot be read."""
    known = _BY_NAME.get(frame.architecture().name())
    if known is None:
        return None
    pc, size = frame.pc(), len(known.instruction)
    code = read(pc - size, 2 * size if known.steps_back else size)
    number = int(frame.read_register(known.number)) & 0xFFFFFFFF
    if number >= 1 << 31 or known.instruction not in (code[:size], code[size:]):
        return None
    arguments = tuple(int(frame.read_register(name)) & _WORD for name in known.arguments)
    return SystemCall(number, arguments, pc, int(frame.read_register("sp")) & _WORD)
