# SPDX-License-Identifier: MIT
"""Names of code in files that the target mapped once and has no more: of a plugin after dlclose."""

import os
from typing import Dict, List, Optional, Set, Tuple

from .base import Frame, LoadedFile, TargetError
from .probe import Probe

_FILES_MAX = 256  # open at a time; what is beyond is not named

_Opened = Tuple[Probe, int]  # and the bias that it was opened with


class GoneFiles:
    """`pid`: of a live process; None: a core file."""

    def __init__(self, probe: Probe, pid: Optional[int]):
        self._probe = probe
        self._pid = pid
        self._opened: Dict[str, _Opened] = {}  # by build-id
        self._missing: Set[LoadedFile] = set()

    def symbolize(self, module: LoadedFile, pc: int, flags: int) -> List[Frame]:
        """Nothing where the file is gone too, or nothing shows that it is the same one."""
        found = self._open(module)
        if found is None:
            return []
        probe, bias = found
        offset = (pc - module.bias) & 0xFFFFFFFFFFFFFFFF
        frames = probe.symbolize((offset + bias) & 0xFFFFFFFFFFFFFFFF, flags)
        return [
            Frame(pc, function, module.name, offset, file, line) for function, file, line in frames
        ]

    def _open(self, module: LoadedFile) -> Optional[_Opened]:
        """A library that was loaded again and again is one file."""
        found = self._opened.get(module.build_id)
        if found is None and module.build_id and module not in self._missing:
            if len(self._opened) >= _FILES_MAX:
                return None
            try:
                probe = self._probe.of_gone(self._absolute(module))
            except TargetError:
                self._missing.add(module)
                return None
            found = self._opened[module.build_id] = probe, module.bias
        return found

    def _absolute(self, module: LoadedFile) -> LoadedFile:
        """dlopen("./plugin.so") is relative to the folder that the process was in: mostly it still is."""
        if os.path.isabs(module.name):
            return module
        try:
            folder = os.getcwd() if self._pid is None else os.readlink(f"/proc/{self._pid}/cwd")
        except OSError:
            folder = "/"
        return module._replace(name=os.path.join(folder, module.name))

    def close(self) -> None:
        for probe, _ in self._opened.values():
            probe.close()
        self._opened.clear()
