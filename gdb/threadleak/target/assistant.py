# SPDX-License-Identifier: MIT
"""The probe at a debugger's side: it unwinds a thread in the time in which GDB reads its first register.

It looks at the same core file, or at the process that the debugger holds. What it cannot know of such a process,
the registers of a thread that was stopped outside the kernel, the debugger tells. Names stay the debugger's.
"""

from typing import Callable, Dict, Iterable, List, NamedTuple, Optional, Sequence, Set, Tuple

from .base import CurrentStack, Frame, LoadedFile, SystemCall, TargetError, Thread
from .imports import Imports
from .native import NativeTarget

# DWARF number -> GDB's name. System V ABI for x86-64, figure 3.36; DWARF for the Arm 64-bit architecture, 4.1.
X86_64 = (
    *("rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp"),
    *("r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rip"),
)
AARCH64 = (*(f"x{number}" for number in range(31)), "sp", "pc")
NAMES = {"i386:x86-64": X86_64, "aarch64": AARCH64}

Registers = Callable[
    [Thread], Optional[Tuple[int, ...]]
]  # by DWARF number; None: they cannot be read


class Held(NamedTuple):
    """A process that stands still."""

    pid: int
    registers: Registers


class Assistant:
    """TargetError if the probe cannot be had."""

    def __init__(self, core: Optional[str], program: Optional[str], held: Optional[Held]):
        self._held = held
        if held is not None:
            self._native = NativeTarget.of_held_process(held.pid)
        elif core is not None:
            self._native = NativeTarget.of_core(core, program)
        else:
            raise TargetError("it reads local processes and core files alone")
        self._told: Set[int] = set()
        self._known = self._native.indices

    def state_of(self, thread: Thread) -> Optional[str]:
        return self._native.state_of(thread) if thread.tid in self._known else None

    def system_calls(
        self, threads: Sequence[Thread], again: bool
    ) -> Dict[int, Optional[SystemCall]]:
        """By tid, as far as they can be told."""
        shared = [thread for thread in threads if thread.tid in self._known]
        calls = self._native.system_calls(shared, again)
        return {
            thread.tid: call
            for thread, call in zip(shared, calls)
            if call is not None or self._native.state_of(thread) != "alive"
        }

    def read_each(self, addresses: Sequence[int], size: int) -> Iterable[Optional[bytes]]:
        return self._native.read_each(addresses, size)

    def imports(self, names: Sequence[str]) -> Imports:
        return self._native.imports(names)

    def data_name(self, address: int) -> Optional[str]:
        return self._native.data_name(address)

    def current_stacks(self, threads: Sequence[Thread], limit: int) -> List[Optional[CurrentStack]]:
        """None for a thread that is the debugger's alone."""
        shared = [thread for thread in threads if thread.tid in self._known]
        if self._held is not None:
            for thread in shared:
                if self._native.state_of(thread) != "blocked":
                    self._tell(self._held.registers, thread)
        stacks = self._native.current_stacks(shared, limit)
        if self._held is not None:
            stacks = [
                self._again(*each, limit, self._held.registers) for each in zip(shared, stacks)
            ]
        found = {thread.tid: stack for thread, stack in zip(shared, stacks)}
        return [found.get(thread.tid) for thread in threads]

    def name_of(self, pc: int, what: int) -> Optional[str]:
        """Of the function that is there."""
        return self._native.symbolize(pc, what)[-1].function

    def symbolize_gone(self, module: LoadedFile, pc: int, what: int) -> List[Frame]:
        return self._native.symbolize_gone(module, pc, what)

    def _again(
        self, thread: Thread, stack: CurrentStack, limit: int, registers: Registers
    ) -> CurrentStack:
        """Of a thread in a call the kernel tells sp and pc alone; most stacks need no more, some do."""
        if not stack.end or len(stack.frames) == limit or not self._tell(registers, thread):
            return stack
        return self._native.current_stacks([thread], limit)[0]

    def _tell(self, registers: Registers, thread: Thread) -> bool:
        """Once for each thread."""
        values = registers(thread) if thread.tid not in self._told else None
        self._told.add(thread.tid)
        if values is not None:
            self._native.set_registers(thread, values)
        return values is not None
