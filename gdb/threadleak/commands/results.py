# SPDX-License-Identifier: MIT
"""What programs tell of their checks at exit while they run: helper/runtime/result_socket.h says how."""

import os
import select
import shutil
import socket
import struct
import tempfile
import threading
from contextlib import suppress
from typing import Dict, Optional

from ..escapes import decoded
from ..judge.programs import Checked, Programs
from ..target.family import as_typed

MESSAGE = 4096  # bytes, at most
_FIELDS = ("program", "name", "status", "leaked", "reason")
_UCRED = struct.Struct("iII")  # unix(7)


def _bound(address: str) -> socket.socket:
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        receiver.bind(address)
    except OSError:  # the path is too long, for one
        receiver.close()
        raise
    return receiver


def _network() -> int:
    """The number of our network namespace; 0: not known."""
    try:
        return os.stat("/proc/self/ns/net").st_ino
    except OSError:
        return 0


class Results:
    """A thread takes them as they come: the queue is short, and whoever sends waits for room in it."""

    def __init__(self, programs: Programs):
        self.name = f"threadleak-{os.getpid()}-{os.urandom(8).hex()}-{_network()}"
        self.programs = programs
        self._sockets = [_bound("\0" + self.name)]
        self._folder: Optional[str] = None
        self._lock = threading.Lock()
        self._over = False
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def address(self) -> str:
        """The option `result_socket`. Without the file, programs in another network namespace cannot tell."""
        return self.name if self._folder is None else os.path.join(self._folder, self.name)

    def __enter__(self) -> "Results":
        place = os.environ.get("TMPDIR") or "/tmp"
        for folder in {place: 0, "/tmp": 0}:
            with suppress(OSError):
                self._folder = tempfile.mkdtemp(prefix="threadleak-", dir=os.path.abspath(folder))
                self._sockets.append(_bound(self.address))
                # For whatever another user, whom root becomes, sends from there; the name is not shown to others.
                os.chmod(self.address, 0o666)
                os.chmod(self._folder, 0o711)
                break
            self._remove_folder()
        return self

    def __exit__(self, *_: object) -> None:
        self._remove_folder()
        for each in self._sockets:
            each.close()

    def _remove_folder(self) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """After what has been sent by now was taken."""
        self._over = True
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as waker, suppress(OSError):
            waker.sendto(b"", socket.MSG_DONTWAIT, "\0" + self.name)
        self._thread.join()
        self.take()

    def take(self) -> None:
        """All that has been sent by now."""
        with self._lock:
            for each in self._sockets:
                self._take_from(each)

    def _take_from(self, receiver: socket.socket) -> None:
        with suppress(OSError):
            while True:
                data, control, _, _ = receiver.recvmsg(
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
        for each in self._sockets:
            poll.register(each, select.POLLIN)
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
