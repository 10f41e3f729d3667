# SPDX-License-Identifier: MIT
"""A program as our child, which is looked at when it exits, and with it whatever it starts.

The library tells of the exit and holds it meanwhile (helper/runtime/exit_socket.h). Signals that are sent to
us go on to the program; those of the terminal's keys reach it by themselves, since it is in our process group.
"""

import os
import resource
import signal
import socket
import struct
import threading
from contextlib import suppress
from typing import Callable, Optional, Set

Look = Callable[[int], None]

PASSED_ON = {
    *(signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM),
    *(signal.SIGUSR1, signal.SIGUSR2),
}
BY_KERNEL = 0x80  # si_code of what a terminal sends (sigaction(2))
_UCRED = struct.Struct("iII")  # unix(7)
_KEPT = struct.Struct("Q")
TELL_S = 5  # for a process that has connected to say what it has


class Exits:
    """Those that exit, one after the other. `look` is called for each that has more records than its main
    thread's, and the process is held until it returns."""

    def __init__(self, look: Look):
        self.name = f"threadleak-{os.getpid()}-{os.urandom(8).hex()}"
        self.told: Set[int] = set()
        self._look = look
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind("\0" + self.name)
        self._listener.listen(128)
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Whoever exits later is not held, nor looked at."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def _serve(self) -> None:
        with self._listener:
            while True:
                try:
                    connection, _ = self._listener.accept()
                except OSError:
                    return
                with connection, suppress(OSError):  # it was killed meanwhile
                    connection.settimeout(TELL_S)
                    self._take(connection)

    def _take(self, connection: socket.socket) -> None:
        raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
        pid, uid, _ = _UCRED.unpack(raw)
        data = connection.recv(_KEPT.size)
        # Anybody can connect who finds the name.
        if len(data) == _KEPT.size and pid > 0 and uid == os.geteuid():
            self.told.add(pid)
            if _KEPT.unpack(data)[0] > 1:
                self._look(pid)


def supervise(begin: Callable[[], int], exits: Exits) -> "tuple[int, int]":
    """(pid, wait status) of the program that `begin` becomes, in a child; what it returns is the child's exit
    status, if there was nothing to become."""
    waited = PASSED_ON | {signal.SIGCHLD}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, waited)
    of_children = signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored: no status would be left
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGCHLD, of_children)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        _, hard = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
        os._exit(begin())
    exits.start()
    status = _wait(pid, waited)
    exits.stop()
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return pid, status


def _wait(pid: int, waited: Set[signal.Signals]) -> int:
    while True:
        what = signal.sigwaitinfo(waited)
        if what.si_signo == signal.SIGCHLD:
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                return status
        elif what.si_code != BY_KERNEL:
            os.kill(pid, what.si_signo)


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


def kernel_core(pid: int, status: int) -> Optional[str]:
    """Where the kernel wrote the core of a process that died, as far as its pattern tells (core(5))."""
    if not os.WCOREDUMP(status):
        return None
    try:
        with open("/proc/sys/kernel/core_pattern", encoding="utf-8") as file:
            pattern = file.read().strip()
        with open("/proc/sys/kernel/core_uses_pid", encoding="ascii") as file:
            with_pid = "%p" not in pattern and file.read().strip() != "0"
    except OSError:
        return "a core file"
    if pattern.startswith("|"):
        return "a core, given to " + pattern[1:].split()[0]
    return pattern.replace("%p", str(pid)) + (f".{pid}" if with_pid else "")
