# SPDX-License-Identifier: MIT
"""Who holds the other end of a pipe, a socket pair or an eventfd: in the process, and in all other processes whose
descriptors may be read. A snapshot of what is open now: any thread may open, close or pass on one meanwhile.
"""

import os
import struct
from contextlib import suppress
from typing import Dict, List, NamedTuple, Optional, Tuple

from .open_files import EVENT, PIPE, SOCKET, OpenFile, all_of, folder_of

_Key = Tuple[str, int]

# linux/sock_diag.h, linux/unix_diag.h, linux/netlink.h
_NETLINK_SOCK_DIAG, _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST = 4, 20, 1
_UDIAG_SHOW_PEER, _UNIX_DIAG_PEER = 4, 2
_NLMSGHDR = struct.Struct("=IHHII")
_UNIX_DIAG_REQ = struct.Struct("=BBHIIIII")
_UNIX_DIAG_MSG_SIZE = 16
_RTATTR = struct.Struct("=HH")


class FarEnds(NamedTuple):
    here: Tuple[int, ...]  # descriptors of the process itself
    elsewhere: Tuple[int, ...]  # pids of other processes
    unread: int  # processes whose descriptors could not be read


class Ends:
    """Of one process; all that is open on the machine is read once, when it is first asked for."""

    def __init__(self, pid: int):
        self._pid = pid
        self._found: Optional[Dict[_Key, List[Tuple[int, OpenFile]]]] = None  # with the pid
        self._unread = 0

    def of(self, file: OpenFile, writes: bool) -> Optional[FarEnds]:
        """`writes`: the waiting thread wants to write. None: it is nothing with two ends, or that cannot be told."""
        number = file.number
        if file.kind == SOCKET:
            number = self._peer(number)
        if file.kind not in (PIPE, SOCKET, EVENT) or not number:
            return None
        holders = self._all().get((file.kind, number), [])
        if file.kind == PIPE:
            holders = [
                (pid, each) for pid, each in holders if (each.reads if writes else each.writes)
            ]
        here = sorted(each.fd for pid, each in holders if pid == self._pid)
        elsewhere = sorted({pid for pid, _ in holders if pid != self._pid})
        return FarEnds(tuple(here), tuple(elsewhere), self._unread)

    def _all(self) -> Dict[_Key, List[Tuple[int, OpenFile]]]:
        if self._found is None:
            self._found = {}
            for name in os.listdir("/proc"):
                if name.isdecimal():
                    self._take(int(name))
        return self._found

    def _take(self, pid: int) -> None:
        assert self._found is not None
        try:
            files = all_of(folder_of(pid))
        except FileNotFoundError:
            return  # it has ended
        except OSError:
            self._unread += 1
            return
        for each in files:
            if each.number:
                self._found.setdefault((each.kind, each.number), []).append((pid, each))

    def _peer(self, number: int) -> int:
        """The socket that a Unix socket is connected to, sock_diag(7); 0: none, or that cannot be told."""
        with suppress(OSError, struct.error):
            here = os.readlink("/proc/self/ns/net")
            if number >> 32 or os.readlink(f"{folder_of(self._pid)}/ns/net") != here:
                return 0
            return _unix_peer(number)
        return 0


def _unix_peer(number: int) -> int:
    import socket  # by the few that wait for one

    every = 0xFFFFFFFF  # all states; and any cookie
    body = _UNIX_DIAG_REQ.pack(socket.AF_UNIX, 0, 0, every, number, _UDIAG_SHOW_PEER, every, every)
    size = _NLMSGHDR.size + len(body)
    head = _NLMSGHDR.pack(size, _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as link:
        link.settimeout(1)
        link.sendto(head + body, (0, 0))
        data = link.recv(8192)
    size, kind, _, _, _ = _NLMSGHDR.unpack_from(data)
    if kind != _SOCK_DIAG_BY_FAMILY:
        return 0
    at, end = _NLMSGHDR.size + _UNIX_DIAG_MSG_SIZE, min(size, len(data))
    while at + _RTATTR.size <= end:
        length, attribute = _RTATTR.unpack_from(data, at)
        if attribute == _UNIX_DIAG_PEER and length >= _RTATTR.size + 4:
            return int.from_bytes(data[at + 4 : at + 8], "little")
        at += max(_RTATTR.size, length + 3 & ~3)
    return 0
