# SPDX-License-Identifier: MIT
"""When a process that stands still is known to have run last.

Nobody tells when a debugger stopped it: it attaches, then reads symbols for as long as that takes, and only
then do its events speak. A moment that is surely not later than the stop serves as well, since it only makes
threads look younger: after a `continue` that of the stop event; before any, the last prompt, since no command
can have attached sooner; and where there was no prompt yet, the debugger's own start.
"""

from typing import Callable, Dict, Hashable, Set


class LastRun:
    def __init__(self, clock_ns: Callable[[], int], started_ns: int):
        self._clock_ns = clock_ns
        self._prompt_ns = started_ns
        self._ran_ns: Dict[Hashable, int] = {}
        self._running: Set[Hashable] = set()

    def prompt(self) -> None:
        self._prompt_ns = self._clock_ns()

    def appeared(self, process: Hashable) -> None:
        """The debugger has the process, since the last prompt at the earliest."""
        self._ran_ns.setdefault(process, self._prompt_ns)

    def resumed(self, process: Hashable) -> None:
        self._ran_ns[process] = self._clock_ns()
        self._running.add(process)

    def stopped(self, process: Hashable) -> None:
        """Attaching reports a stop as well, of a process that nobody resumed."""
        if process in self._running:
            self._running.remove(process)
            self._ran_ns[process] = self._clock_ns()

    def at_ns(self, process: Hashable) -> int:
        self.appeared(process)
        return self._ran_ns[process]
