# SPDX-License-Identifier: MIT
"""Processes that exit, one after the other, each held while it is looked at: helper/runtime/exit_socket.h."""

import os
import socket
import struct
import threading
from contextlib import suppress
from typing import Callable

Look = Callable[[int], None]

_UCRED = struct.Struct("iII")  # unix(7)
_KEPT = struct.Struct("Q")
TELL_S = 5  # for a process that has connected to say what it has


class Exits:
    """`look` is called for each that has more records than its main thread's, and the process is held until it
    returns."""

    def __init__(self, look: Look):
        self.name = f"threadleak-{os.getpid()}-{os.urandom(8).hex()}"
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
            if _KEPT.unpack(data)[0] > 1:
                self._look(pid)
