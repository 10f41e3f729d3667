# SPDX-License-Identifier: MIT
"""The probe as the target: a core file, or a process that runs on unless it is asked to stop."""

import time
from functools import partial
from typing import Callable, Dict, FrozenSet, Iterable, List, Optional, Sequence, Tuple

from . import elf, imports, procfs, sidecar
from . import probe_abi as abi
from .base import (
    EXACT,
    RETURN,
    START,
    CurrentStack,
    Frame,
    LoadedFile,
    Region,
    SystemCall,
    TargetError,
    Thread,
)
from .gone_files import GoneFiles
from .native_stacks import NativeStacks
from .probe import Probe
from .system_calls import system_call

_FLAGS = {RETURN: abi.RETURN, EXACT: 0, START: abi.START}
_STATES = {abi.ALIVE: "alive", abi.RUNNING: "running", abi.BLOCKED: "blocked"}
# Thread(*pair) and SystemCall(*row) in half the time: there are ten thousand.
_make_thread: Callable[[Tuple[int, int]], Thread] = partial(tuple.__new__, Thread)  # type: ignore
_make_call: Callable[[Tuple[object, ...]], SystemCall] = partial(tuple.__new__, SystemCall)  # type: ignore


class NativeTarget:
    """`system_lines`: source lines of system libraries too, whose tables take long to read."""

    unwinder = "libthreadleak-probe.so"

    def __init__(self, probe: Probe, core: Optional[elf.Core], path: Optional[str]):
        self._probe = probe
        self._core = core
        self.core = path
        info = probe.info()
        self.kind = "core" if info.kind == abi.CORE else "process"
        self.pid: Optional[int] = info.pid or None
        self.exe = info.program
        self.machine = info.machine
        self.moves = False
        made = core.made() if core is not None else None
        self.blurred = made is not None and not made.stopped_ns
        self.system_lines = False
        self.when_closed: Callable[[], None] = _nothing
        self._own_pid = info.own_pid or info.pid
        self._now_ns = made.monotonic_ns if made is not None else None
        self._beside: Optional[sidecar.Found] = None
        self._maps: Optional[str] = None
        self._threads: Optional[List[Thread]] = None
        self._indices: Dict[int, int] = {}
        self._stacks = NativeStacks(probe)
        self._gone = GoneFiles(probe, self.local_pid)
        self._states: Sequence[int] = probe.thread_column("state")  # as they are now
        self._files: Optional[Dict[str, Optional[str]]] = None
        self._mappings: Optional[procfs.Mappings] = None

    @classmethod
    def of_core(cls, path: str, program: Optional[str] = None) -> "NativeTarget":
        return cls(Probe.of_core(path, program), elf.Core(path), path)

    @classmethod
    def of_process(cls, pid: int, stop: bool = False) -> "NativeTarget":
        """Whoever asks for a stop must call close()."""
        now_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        target = cls(Probe.of_process(pid, abi.STOP if stop else 0), None, None)
        target.moves = not stop
        target._now_ns = now_ns if procfs.has_our_clock(pid) else None
        return target

    @classmethod
    def of_held_process(cls, pid: int) -> "NativeTarget":
        """One that a debugger has stopped."""
        return cls(Probe.of_process(pid, abi.STOPPED), None, None)

    def close(self) -> None:
        self._states = ()
        self._stacks.close()
        self._gone.close()
        self._probe.close()
        self.when_closed()

    def set_registers(self, thread: Thread, values: Sequence[int]) -> None:
        """Of a thread of a process that a debugger has stopped, all of them, by DWARF number."""
        self._probe.set_registers(self._index(thread), values, (1 << len(values)) - 1)

    def release(self) -> None:
        self._probe.resume()

    @property
    def stood_ns(self) -> Optional[int]:
        """How long the process stood still for us, once it goes on again."""
        return self._probe.info().stopped_ns or None

    def snapshot(self, path: str, memory: Sequence[Tuple[int, bytes]]) -> abi.Snapshot:
        """A core file of this process; in it `memory`, (address, bytes), is as given here."""
        return self._probe.snapshot(path, memory)

    @property
    def local_pid(self) -> Optional[int]:
        return self.pid if self.kind == "process" else None

    @property
    def host(self) -> Optional[str]:
        if self.kind == "process":
            return procfs.host()
        return self.beside.sidecar.host if self.beside.sidecar is not None else None

    @property
    def beside(self) -> sidecar.Found:
        if self._beside is None:
            core = self._core
            found = None if core is None else sidecar.of_core(self.core, core, self._own_pid)
            self._beside = found or sidecar.Found(None)
        return self._beside

    def steady(self) -> FrozenSet[int]:
        return self._core.steady() if self._core is not None else frozenset()

    def own_pid(self) -> int:
        return self._own_pid

    def now_ns(self) -> Optional[int]:
        return self._now_ns

    def limits(self) -> List[str]:
        return self._core.limits() if self._core is not None else []

    def read(self, address: int, size: int) -> bytes:
        if not 0 <= address < 1 << 64:
            raise TargetError(f"{address:#x} is no address")
        data = self._probe.read(address, size)
        if len(data) < size:
            raise TargetError(f"memory at {address + len(data):#x} cannot be read")
        return data

    def read_each(self, addresses: Sequence[int], size: int) -> Iterable[Optional[bytes]]:
        return self._probe.read_each(addresses, size)

    def symbol(self, name: str) -> List[int]:
        return self._probe.find_symbol(name)

    def writable_regions(self, of_file: bool) -> Iterable[Region]:
        if self._core is not None:
            return self._core.writable_regions(of_file)
        regions = procfs.writable_regions(self._read_maps(), of_file)
        return regions if of_file else procfs.present(self.pid or 0, regions)

    def _read_maps(self) -> str:
        if self._maps is None:
            self._maps = procfs.read_maps(self.pid or 0)
        return self._maps

    def threads(self) -> List[Thread]:
        if self._threads is None:
            tids, own = map(self._probe.thread_column, ("tid", "own_tid"))
            # mostly the same: half the numbers to make
            numbers = list(tids)
            pairs = zip(numbers, numbers if own == tids else own)
            self._threads = list(map(_make_thread, pairs))
        return self._threads

    def _index(self, thread: Thread) -> int:
        return self.indices[thread.tid]

    @property
    def indices(self) -> Dict[int, int]:
        """tid -> number of the thread as the probe has it."""
        if not self._indices:
            tids = self._probe.thread_column("tid")
            self._indices = dict(zip(tids, range(len(tids))))
        return self._indices

    def thread_name(self, thread: Thread) -> Optional[str]:
        name = self._probe.thread_name(self._index(thread))
        if name is None and self._core is not None and self.beside.sidecar is not None:
            return self.beside.sidecar.thread_name(thread.own_tid)
        return name

    def number_of(self, thread: Thread) -> Optional[int]:
        return None

    def pthread_of(self, thread: Thread) -> Optional[int]:
        found = self._probe.pthread(self._index(thread))
        if not found:
            raise TargetError(f"the registers of thread {thread.tid} cannot be read")
        return found

    def state_of(self, thread: Thread) -> str:
        index = self._index(thread)
        if self._states[index] == abi.ALIVE:
            self._probe.look(index)
        return _STATES.get(self._states[index], "alive")

    def system_call(self, thread: Thread) -> Optional[str]:
        if self.state_of(thread) != "blocked":
            return None
        number = int(self._probe.thread(self._index(thread))["syscall"])
        return system_call(self.machine, number) if number >= 0 else None

    def system_calls(
        self, threads: Sequence[Thread], again: bool = False
    ) -> List[Optional[SystemCall]]:
        known = self.indices
        indices = [known[thread.tid] for thread in threads]
        if len(indices) == len(self._states) and not again:
            self._probe.look(abi.ALL)
        else:
            for index in indices:
                if again or self._states[index] == abi.ALIVE:
                    self._probe.look(index)
        rows = self._probe.system_calls() if indices else []
        return [_system_call(rows[index]) for index in indices]

    def current_stacks(self, threads: Sequence[Thread], limit: int) -> List[CurrentStack]:
        return self._stacks.of([self._index(thread) for thread in threads], limit)

    def read_stacks(self, limit: int) -> None:
        self._stacks.read(limit)

    def symbolize(self, pc: int, what: int) -> List[Frame]:
        mapping = self._mapping(pc)
        module, offset = (mapping.path, pc - mapping.base) if mapping else (None, None)
        found = self._probe.symbolize(pc, self._flags(what)) or [(None, None, None)]
        return [Frame(pc, function, module, offset, file, line) for function, file, line in found]

    def symbolize_gone(self, module: LoadedFile, pc: int, what: int) -> List[Frame]:
        return self._gone.symbolize(module, pc, self._flags(what))

    def _flags(self, what: int) -> int:
        return _FLAGS[what] | (abi.LINES if self.system_lines else 0)

    def _mapping(self, pc: int) -> Optional[procfs.Mapping]:
        if self._mappings is None:
            self._mappings = procfs.Mappings(self._mapped_files())
        return self._mappings.at(pc)

    def _mapped_files(self) -> List[Tuple[int, int, str]]:
        core = self._core
        return core.files() if core is not None else procfs.files(self._read_maps())

    def local_function(self, pc: int, what: int) -> Optional[str]:
        return None  # symbolize() has it

    def data_symbol(self, address: int) -> Optional[str]:
        return self._probe.symbol_at(address)

    def data_name(self, address: int) -> Optional[str]:
        return self._probe.variable_at(address)

    def module_at(self, pc: int) -> Optional[str]:
        mapping = self._mapping(pc)
        return mapping.path if mapping is not None else None

    def files(self) -> Dict[str, Optional[str]]:
        """A file that is another build than what was mapped has no build-id here, so that it names nothing."""
        if self._files is None:
            self._files = {
                module.path: None if module.is_other else module.build_id or None
                for module in self._probe.modules()
                if module.file or module.is_other
            }
        return self._files

    def imports(self, names: Sequence[str]) -> imports.Imports:
        files = {module.start: module.file for module in self._probe.modules()}
        source = imports.Source(self.read, self._mapped_files(), files.get, self._core)
        return imports.imports(source, names)


def _nothing() -> None:
    """Nothing has to be done."""


def _system_call(row: Tuple[int, ...]) -> Optional[SystemCall]:
    number = row[2]
    return _make_call((number, row[3:], row[1], row[0])) if number >= 0 else None
