# SPDX-License-Identifier: MIT
"""The programs that one run started, as far as they told of themselves, and the sum over them.

A program is what a process executes from one exec to the next, or to its end. One that never created a thread
has nothing to leak, however it ended. `only`: globs of the programs that are judged; others tell nothing.
`baseline`: the file whose leaks are no leaks here.
"""

import time
from typing import Dict, List, NamedTuple, Optional, Sequence

from .report import BLIND, CLEAN, LEAKS
from .unseen import plural

UNCHECKED = "it ended without a check: by _exit, by a signal, or by exec"
STILL_RUNS = "it was still running when the command had ended"
HANGS = "it was still running after {:g} s"


class Checked(NamedTuple):
    """At its exit, or while it hung."""

    status: Optional[int]  # its own; None: it hung
    leaked: int  # threads; -1: cannot tell
    reason: str  # headline of the report, or why it cannot be told


class Program:
    def __init__(self, pid: int, path: str):
        self.pid = pid
        self.path = path
        self.command = ""  # its command line, once it has created threads
        self.comm = ""  # the kernel's name for it when it began
        self.begun_s = time.monotonic()
        self.ran_s: Optional[float] = None  # from what was heard of it first to its check
        self.creates = False
        self.checked: Optional[Checked] = None
        self.why = ""  # there was no check

    @property
    def leaked(self) -> int:
        return self.checked.leaked if self.checked is not None and self.checked.leaked > 0 else 0

    @property
    def blind(self) -> str:
        """Why it cannot be told whether its threads leaked, if so."""
        if self.checked is None:
            return (self.why or UNCHECKED) if self.creates or self.why else ""
        return (self.checked.reason or "no reason was given") if self.checked.leaked < 0 else ""

    @property
    def hung(self) -> bool:
        """Threads of it leaked, as a look at it told before it was ended."""
        return self.checked is not None and self.checked.status is None

    @property
    def counts(self) -> bool:
        """It created threads, or there is something to say."""
        return self.creates or bool(self.leaked or self.blind)


class Programs:
    def __init__(self, only: Sequence[str] = (), baseline: Optional[str] = None):
        self.only = list(only)
        self.baseline = baseline
        self._all: List[Program] = []
        self._latest: Dict[int, Program] = {}

    def begun(self, pid: int, path: str) -> Program:
        program = self._latest[pid] = Program(pid, path)
        self._all.append(program)
        return program

    def creates(self, pid: int, path: str) -> Program:
        """Of a fork child this is the first that is heard."""
        program = self._latest.get(pid)
        if program is None or program.creates or program.checked is not None:
            program = self.begun(pid, path)
        program.creates = True
        return program

    def checked(self, pid: int, path: str, what: Checked) -> Program:
        program = self._latest.get(pid)
        if program is None or program.checked is not None:
            program = self.begun(pid, path)
        else:
            program.ran_s = time.monotonic() - program.begun_s
        program.checked = what
        return program

    def latest(self, pid: int) -> Optional[Program]:
        return self._latest.get(pid)

    def blind(self, pid: int, path: str, why: str) -> Program:
        """Of this process nothing was heard, or not what should have been."""
        program = self._latest.get(pid)
        if program is None or (program.checked is not None and not program.hung):
            program = self.begun(pid, path)
        program.why = why
        return program

    def hangs(self, pid: int, path: str, why: str, stuck: int) -> Program:
        """`stuck`: threads that nothing can wake. They leaked, whatever else cannot be told of it."""
        program = self.blind(pid, path, why)
        if stuck:
            said = f"{plural(stuck, 'leaked thread')} ({stuck:,} stuck): {why}"
            program.checked = Checked(None, stuck, said)
        return program

    def unchecked(self) -> List[Program]:
        """Those that created threads and told of no check, and that no exec has replaced."""
        return [each for each in self._latest.values() if each.creates and each.checked is None]

    @property
    def all(self) -> List[Program]:
        return self._all

    def status(self, of_leaks: int = LEAKS) -> int:
        if any(each.leaked for each in self._all):
            return of_leaks
        return BLIND if self.nothing or any(each.blind for each in self._all) else CLEAN

    @property
    def nothing(self) -> str:
        """Why nothing was checked at all, if so."""
        if not self.only or self._all:
            return ""
        return f"no program that was started matches --only {' '.join(self.only)}"
