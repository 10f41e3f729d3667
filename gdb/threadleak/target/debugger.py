# SPDX-License-Identifier: MIT
"""GDB as the target. Besides in_gdb.py only this file and its parts, debugger_*.py, import gdb.

Memory is read in blocks, never by gdb.Value, which costs 50 times as much per record. Registers and frames
need the thread to be selected; whatever is selected is selected again afterwards.
"""

import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

import gdb

from . import imports, procfs
from .base import (
    CurrentStack,
    Frame,
    LoadedFile,
    SystemCall,
    TargetError,
    Thread,
    one_by_one,
)
from .debugger_frames import (
    current_stack,
    keep_selection,
    names_at,
    symbol_at,
    text,
)
from .debugger_registers import machine_of, system_call_of
from .debugger_source import Source
from .debugger_variables import Variables

if TYPE_CHECKING:
    from .assistant import Assistant

_WORD = 0xFFFFFFFFFFFFFFFF
FEW = 4  # threads whose stacks are sooner read by GDB than the probe is opened


class DebuggerTarget(Source):
    """The selected inferior, as it is now."""

    moves = False

    def __init__(self, with_probe: bool = True) -> None:
        self._helps: "Optional[Assistant]" = None
        self._why_alone = "" if with_probe else "`set threadleak probe off`"
        self.inferior = gdb.selected_inferior()
        self._handles = {
            lwp or tid: thread for thread in self._all() for _, lwp, tid in [thread.ptid]
        }
        self._threads: Optional[List[Thread]] = None
        if not self._handles:
            raise TargetError(
                "there is nothing to look at: attach to a process (gdb -p PID) or load a core"
                " file (gdb PROGRAM CORE)"
            )
        super().__init__(self.inferior)
        if self.kind == "core":
            self._drop_made_up()
        self.exe: Optional[str] = text(lambda: gdb.current_progspace().filename)
        self.machine = machine_of(self.inferior.architecture())
        self._files: Optional[Dict[str, Optional[str]]] = None
        self._variables = Variables()

    def _all(self) -> Iterable[Any]:
        threads = self.inferior.threads()
        if any(thread.is_running() for thread in threads[:1]):
            raise TargetError("the process runs: stop it first (Ctrl-C, or `interrupt`)")
        return threads  # type: ignore[no-any-return]

    def _drop_made_up(self) -> None:
        """libthread_db lists threads by what glibc's memory says. Where a core's numbers are those of another PID
        namespace, GDB adds threads by that, behind those of the core, with numbers without registers.
        """
        made_up = []
        for thread in sorted(self.threads(), key=self.number_of, reverse=True):
            with contextlib.suppress(TargetError), self._in(thread) as frame:
                frame.pc()
                break
            made_up.append(thread)
        if len(made_up) < len(self._handles):
            for thread in made_up:
                del self._handles[thread.tid]
        self._threads = None

    def read(self, address: int, size: int) -> bytes:
        try:
            return bytes(self.inferior.read_memory(address, size))
        except (gdb.error, OverflowError) as error:
            raise TargetError(f"memory at {address:#x} cannot be read: {error}") from None

    def read_each(self, addresses: Sequence[int], size: int) -> Iterable[Optional[bytes]]:
        assistant = self._helps if len(addresses) <= FEW else self._assistant()
        if assistant is None:
            yield from one_by_one(self.read, addresses, size)
            return
        for address, found in zip(addresses, assistant.read_each(addresses, size)):
            yield found if found is not None else next(one_by_one(self.read, [address], size))

    def symbol(self, name: str) -> List[int]:
        """One copy's, in GDB's order; the scan for magic bytes finds the others. This call knows symbols
        without debug info too."""
        with contextlib.suppress(gdb.error):
            with gdb.with_parameter("language", "c"):
                return [int(gdb.parse_and_eval(f"(unsigned long)&{name}"))]
        return []

    def threads(self) -> List[Thread]:
        if self._threads is None:
            self._threads = self._read_threads()
        return self._threads

    def _read_threads(self) -> List[Thread]:
        found = list(map(Thread, self._handles, self._handles))
        if self.local and len(procfs.ns_ids(f"{self.pid}")) > 1:
            for index, thread in enumerate(found):
                ids = procfs.ns_ids(f"{self.pid}/task/{thread.tid}")
                found[index] = thread._replace(own_tid=ids[-1] if ids else thread.tid)
        return found

    def thread_name(self, thread: Thread) -> Optional[str]:
        name: Optional[str] = text(lambda: self._handles[thread.tid].name)
        if name is None and self.beside.sidecar is not None:
            return self.beside.sidecar.thread_name(thread.own_tid)
        return name

    def number_of(self, thread: Thread) -> int:
        return self._handles[thread.tid].num  # type: ignore[no-any-return]

    @contextlib.contextmanager
    def _in(self, thread: Thread) -> Iterator[Any]:
        """Its innermost frame."""
        with keep_selection():
            try:
                self._handles[thread.tid].switch()
                yield gdb.newest_frame()
            except (RuntimeError, ValueError) as error:  # gdb.error is a RuntimeError
                raise TargetError(f"thread {thread.tid} cannot be read: {error}") from None

    def pthread_of(self, thread: Thread) -> Optional[int]:
        with self._in(thread) as frame:
            return int(frame.read_register("fs_base")) & _WORD

    def current_stacks(self, threads: Sequence[Thread], limit: int) -> List[CurrentStack]:
        # without the program's unwind rules GDB guesses, and wrongly; the probe finds the program by itself
        alone = len(threads) <= FEW and self.exe is not None
        assistant = self._helps if alone else self._assistant()
        found: List[Optional[CurrentStack]] = [None] * len(threads)
        if assistant is not None:
            found = assistant.current_stacks(threads, limit)
        with gdb.with_parameter("backtrace past-main", True), keep_selection():
            pairs = zip(found, threads)
            return [
                stack or current_stack(self._handles[thread.tid], limit) for stack, thread in pairs
            ]

    @property
    def unwinder(self) -> str:
        if self._assistant() is not None:
            return "libthreadleak-probe.so"
        return f"GDB ({self._why_alone})"

    def _assistant(self) -> "Optional[Assistant]":
        if self._helps is None and not self._why_alone:
            from .assistant import Assistant, Held  # and ctypes: only where there are many stacks

            try:
                core = self.core if self.kind == "core" else None
                held = Held(self.inferior.pid, self._registers) if self.local else None
                self._helps = Assistant(core, self.exe, held)
            except TargetError as error:
                self._why_alone = str(error)
        return self._helps

    def _registers(self, thread: Thread) -> Optional[Tuple[int, ...]]:
        from .assistant import NAMES

        try:
            with self._in(thread) as frame:
                names = NAMES.get(frame.architecture().name())
                if names is None:
                    return None
                return tuple(int(frame.read_register(name)) & _WORD for name in names)
        except TargetError:
            return None

    def read_stacks(self, limit: int) -> None:
        """The process stands still: they are read when they are asked for."""

    def release(self) -> None:
        """Who stops it here is the user."""

    def state_of(self, thread: Thread) -> str:
        known = self._helps.state_of(thread) if self._helps is not None else None
        if known is not None:
            return known
        try:
            with self._in(thread) as frame:
                before = self.read(frame.pc() - 2, 2)
        except TargetError:
            return "alive"
        return "blocked" if before == b"\x0f\x05" else "running"  # the instruction `syscall`

    def system_call(self, thread: Thread) -> Optional[str]:
        return None

    def system_calls(
        self, threads: Sequence[Thread], again: bool = False
    ) -> List[Optional[SystemCall]]:
        alone = len(threads) <= FEW
        assistant = self._helps if alone else self._assistant()
        known = assistant.system_calls(threads, again) if assistant is not None else {}
        return [
            known[each.tid] if each.tid in known else self._system_call(each) for each in threads
        ]

    def _system_call(self, thread: Thread) -> Optional[SystemCall]:
        with contextlib.suppress(TargetError):
            with self._in(thread) as frame:
                return system_call_of(frame, self.read)
        return None

    def symbolize(self, pc: int, what: int) -> List[Frame]:
        mapping = self._mapping(pc)
        module, offset = (mapping.path, pc - mapping.base) if mapping else (None, None)
        return [Frame(pc, named[0], module, offset, *named[1:]) for named in names_at(pc, what)]

    def symbolize_gone(self, module: LoadedFile, pc: int, what: int) -> List[Frame]:
        assistant = self._assistant() if module.build_id else None
        return assistant.symbolize_gone(module, pc, what) if assistant is not None else []

    def local_function(self, pc: int, what: int) -> Optional[str]:
        assistant = self._assistant() if self._mapping(pc) is not None else None
        return assistant.name_of(pc, what) if assistant is not None else None

    def data_symbol(self, address: int) -> Optional[str]:
        return symbol_at(address)

    def data_name(self, address: int) -> Optional[str]:
        def by_probe() -> Optional[str]:
            assistant = self._assistant()
            return assistant.data_name(address) if assistant is not None else None

        return self._variables.name_at(address, by_probe)

    def module_at(self, pc: int) -> Optional[str]:
        mapping = self._mapping(pc)
        return mapping.path if mapping is not None else text(lambda: gdb.solib_name(pc))

    def files(self) -> Dict[str, Optional[str]]:
        if self._files is None:
            own = [objfile for objfile in gdb.objfiles() if objfile.owner is None]
            named = [(text(partial(getattr, each, "filename")), each.build_id) for each in own]
            self._files = {name: build_id for name, build_id in named if name}
        return self._files

    def imports(self, names: Sequence[str]) -> imports.Imports:
        """What a core lacks GDB may read from a file of another build."""
        assistant = self._assistant()
        if assistant is not None:
            return assistant.imports(names)
        if not self.local:
            why = f"GDB alone cannot read its symbols ({self._why_alone})"
            return imports.Imports(frozenset(), why)
        program = f"/proc/{self.pid}/exe"  # no other file is asked for
        source = imports.Source(self.read, list(self._mapped_files()), lambda start: program)
        return imports.imports(source, names)
