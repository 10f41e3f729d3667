# SPDX-License-Identifier: MIT
"""A program as our child. Signals that are sent to us go on to it; those of the terminal's keys reach it by
themselves, since it is in our process group."""

import os
import resource
import signal
import time
from typing import Callable, NamedTuple, Optional, Protocol, Sequence, Set

from ..target.procfs import command

PASSED_ON = {
    *(signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM),
    *(signal.SIGUSR1, signal.SIGUSR2),
}
LONG_S = 1e6
BY_KERNEL = 0x80  # si_code of what a terminal sends (sigaction(2))


class Ended(NamedTuple):
    pid: int
    status: int  # as of wait(2)
    comm: str  # the kernel's name for it: of the last file that it executed, unless it chose another


class Listener(Protocol):
    """Hears of processes while the program runs; its socket is there before."""

    def start(self) -> None:
        ...

    def stop(self) -> None:
        ...


class Deadline:
    """`passed` is called, with the program's pid, if the program still runs then; after that it has to end."""

    def __init__(self, seconds: float, passed: Callable[[int], None]):
        self._at = time.monotonic() + seconds
        self._passed = passed
        self.has_passed = False

    def left(self) -> float:
        return max(self._at - time.monotonic(), 0)

    def pass_(self, pid: int) -> None:
        self.has_passed = True
        self._passed(pid)


def supervise(
    begin: Callable[[], int], listeners: Sequence[Listener], deadline: Optional[Deadline] = None
) -> Ended:
    """The end of the program that `begin` becomes, in a child; what it returns is the child's exit status, if
    there was nothing to become."""
    waited = PASSED_ON | {signal.SIGCHLD}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, waited)
    of_children = signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored: no status would be left
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGCHLD, of_children)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os._exit(begin())
    for each in listeners:
        each.start()
    ended = _wait(pid, waited, deadline)
    for each in listeners:
        each.stop()
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return ended


def _wait(pid: int, waited: Set[signal.Signals], deadline: Optional[Deadline]) -> Ended:
    while True:
        if deadline is not None and deadline.has_passed:
            deadline = None
        what = signal.sigtimedwait(waited, deadline.left() if deadline is not None else LONG_S)
        if what is None:
            if deadline is not None:
                deadline.pass_(pid)
        elif what.si_signo == signal.SIGCHLD:
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
                comm = command(pid)
                return Ended(pid, os.waitpid(pid, 0)[1], comm)
        elif what.si_code != BY_KERNEL:
            os.kill(pid, what.si_signo)


def allow_core_files() -> None:
    """As far as the limit may be lifted."""
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))


def end_as(status: int) -> int:
    """Ends by the signal that ended the program, if one did: whoever waits for us sees the same. Else its exit
    status."""
    if not os.WIFSIGNALED(status):
        return os.WEXITSTATUS(status)
    number = os.WTERMSIG(status)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # one core is enough
    if number not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    return 128 + number
