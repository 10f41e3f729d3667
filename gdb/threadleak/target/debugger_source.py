# SPDX-License-Identifier: MIT
"""Where what GDB looks at comes from, a core file or a process of this machine, and what that tells without GDB."""

import contextlib
from typing import Any, FrozenSet, Iterable, List, Optional, Tuple

from . import elf, procfs, sidecar
from .base import Region, TargetError
from .debugger_events import is_native, last_ran_ns
from .debugger_frames import core_path


class Source:
    """Of an inferior."""

    def __init__(self, inferior: Any) -> None:
        connection = inferior.connection
        self.inferior = inferior
        self.kind = "core" if connection is not None and connection.type == "core" else "process"
        self.pid: Optional[int] = inferior.pid
        self.local = is_native(inferior)
        if self.local and procfs.has_died(inferior.pid):
            raise TargetError(f"process {self.pid} has died")
        self._core: Optional[elf.Core] = None
        self._core_path: Optional[str] = None
        self._beside: Optional[sidecar.Found] = None
        self._mappings: Optional[procfs.Mappings] = None
        self._made: Optional[elf.Made] = None
        if self.kind == "core":
            with contextlib.suppress(TargetError):
                self._made = self._core_file().made()
        self.blurred = self._made is not None and not self._made.stopped_ns

    @property
    def core(self) -> Optional[str]:
        if self.kind == "core" and self._core_path is None:
            self._core_path = core_path()
        return self._core_path or None

    def _core_file(self) -> elf.Core:
        if self._core is None:
            if self.core is None:
                raise TargetError("GDB does not tell the name of the core file")
            self._core = elf.Core(self.core)
        return self._core

    @property
    def local_pid(self) -> Optional[int]:
        return self.pid if self.local else None

    @property
    def host(self) -> Optional[str]:
        if self.local_pid is not None:
            return procfs.host()
        return self.beside.sidecar.host if self.beside.sidecar is not None else None

    @property
    def beside(self) -> sidecar.Found:
        if self._beside is None:
            self._beside = sidecar.Found(None)
            if self.kind == "core":
                with contextlib.suppress(TargetError):
                    core = self._core_file()
                    self._beside = sidecar.of_core(self.core, core, self.own_pid())
        return self._beside

    def steady(self) -> FrozenSet[int]:
        return self._core_file().steady() if self.blurred else frozenset()

    def own_pid(self) -> int:
        if self._made is not None:
            return self._made.own_pid
        ids = procfs.ns_ids(f"{self.pid}") if self.local else []
        return ids[-1] if ids else self.pid or 0

    def now_ns(self) -> Optional[int]:
        if self._made is not None:
            return self._made.monotonic_ns
        if self.local and procfs.has_our_clock(self.inferior.pid):
            return last_ran_ns(self.inferior)
        return None

    def limits(self) -> List[str]:
        if self.kind != "core":
            return []
        try:
            return self._core_file().limits()
        except TargetError as error:
            return [str(error)]

    def writable_regions(self, of_file: bool) -> Iterable[Region]:
        if self.kind == "core":
            return self._core_file().writable_regions(of_file)
        if self.local:
            return procfs.writable_regions(procfs.read_maps(self.inferior.pid), of_file)
        return []

    def _mapping(self, pc: int) -> Optional[procfs.Mapping]:
        """The file that is mapped at `pc`, by the kernel's word, which holds without symbols too."""
        if self._mappings is None:
            self._mappings = procfs.Mappings(self._mapped_files())
        return self._mappings.at(pc)

    def _mapped_files(self) -> Iterable[Tuple[int, int, str]]:
        if self.kind == "core":
            with contextlib.suppress(TargetError):
                return self._core_file().files()
        elif self.local:
            with contextlib.suppress(TargetError):
                return procfs.files(procfs.read_maps(self.inferior.pid))
        return []
