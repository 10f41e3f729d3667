# SPDX-License-Identifier: MIT
"""The kernel's threads of a local process that is looked at again and again (proc(5))."""

import os
from typing import Dict, Optional

from . import procfs


class Tasks:
    """By the tid that the process itself has for them. In another PID namespace each tells in a file of its own, which is
    not read twice."""

    def __init__(self, pid: int):
        self._pid = pid
        self._is_ours = procfs.ns_ids(str(pid))[-1:] in ([], [pid])
        self._own: Dict[int, int] = {}

    def now(self) -> Dict[int, int]:
        """Own tid -> ours."""
        try:
            tids = [int(name) for name in os.listdir(f"/proc/{self._pid}/task")]
        except OSError:
            return {}
        if self._is_ours:
            return dict(zip(tids, tids))
        known, self._own = self._own, {}
        for tid in tids:
            own = known.get(tid) or (procfs.ns_ids(f"{self._pid}/task/{tid}")[-1:] or [0])[0]
            if own:
                self._own[tid] = own
        return {own: tid for tid, own in self._own.items()}

    def forget(self, tid: int) -> None:
        """Tids are used again."""
        self._own.pop(tid, None)

    def started(self, tid: int) -> Optional[int]:
        """As procfs has it: None: it runs no code of the program."""
        return procfs.started(self._pid, tid)
