# SPDX-License-Identifier: MIT
"""What programs tell of their checks at exit while they run: helper/runtime/result_socket.h says how."""

import os
import select
import socket
import struct
import threading
from contextlib import suppress
from typing import Dict

from ..escapes import decoded
from ..judge.programs import Checked, Programs
from ..target.family import as_typed

MESSAGE = 4096  # bytes, at most
_FIELDS = ("program", "name", "status", "leaked", "reason")
_UCRED = struct.Struct("iII")  # unix(7)


class Results:
    """A thread takes them as they come: the queue is short, and whoever sends waits for room in it."""

    def __init__(self, programs: Programs):
        self.name = f"threadleak-results-{os.getpid()}-{os.urandom(8).hex()}"
        self.programs = programs
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._socket.bind("\0" + self.name)
        self._lock = threading.Lock()
        self._over = False
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """After what has been sent by now was taken."""
        self._over = True
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as waker, suppress(OSError):
            waker.sendto(b"", socket.MSG_DONTWAIT, "\0" + self.name)
        self._thread.join()
        self.take()
        self._socket.close()

    def take(self) -> None:
        """All that has been sent by now."""
        with self._lock, suppress(OSError):
            while True:
                data, control, _, _ = self._socket.recvmsg(
                    MESSAGE, socket.CMSG_SPACE(_UCRED.size), socket.MSG_DONTWAIT
                )
                for level, kind, raw in control:
                    if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS):
                        pid, uid, _ = _UCRED.unpack(raw)
                        # Anybody can send who finds the name; a program that root starts may become another user.
                        if pid > 0 and os.geteuid() in (0, uid):
                            self._told(pid, data)

    def _serve(self) -> None:
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        while not self._over:
            poll.poll()
            self.take()

    def _told(self, pid: int, data: bytes) -> None:
        head, _, command = data.partition(b"\0command=")
        what, *words = decoded(head).split("\0")
        fields: Dict[str, str] = dict.fromkeys(_FIELDS, "")
        fields.update((name, value) for name, _, value in (word.partition("=") for word in words))
        if what == "begun":
            self.programs.begun(pid, fields["program"]).comm = fields["name"]
        elif what == "creates":
            self.programs.creates(pid, fields["program"]).command = as_typed(command)
        elif what == "unchecked":
            self.programs.blind(pid, fields["program"], fields["reason"])
        elif what == "checked":
            with suppress(ValueError):
                found = Checked(int(fields["status"]), int(fields["leaked"]), fields["reason"])
                self.programs.checked(pid, fields["program"], found)
