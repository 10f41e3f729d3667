# SPDX-License-Identifier: MIT
"""Between whom sockets are: the tables of /proc/net (proc(5); net/ipv4/tcp_ipv4.c, net/unix/af_unix.c of Linux)."""

import socket
import struct
from contextlib import suppress
from typing import Callable, Dict, Iterator, List, Optional, Tuple

TABLES = {"tcp": "TCP", "tcp6": "TCP", "udp": "UDP", "udp6": "UDP"}
_LISTENS = "0A"  # TCP_LISTEN
_NOBODY = ":0"


def peers(table: Callable[[str], Optional[str]]) -> Dict[int, str]:
    """Number of the socket -> "TCP 10.0.0.1:80 to 10.0.0.2:51234". `table`: its text; None: not known."""
    found: Dict[int, str] = {}
    for name, protocol in TABLES.items():
        for line in (table(name) or "").splitlines():
            with suppress(ValueError, IndexError, OSError, struct.error):
                found.update([_internet(line.split(), protocol)])
    for line in (table("unix") or "").splitlines():
        found.update(_unix(line.split(None, 7)))
    return found


def _internet(words: List[str], protocol: str) -> Tuple[int, str]:
    local, remote = map(_address, words[1:3])
    if words[3] == _LISTENS:
        text = f"{protocol}, listens at {local}"
    elif remote.endswith(_NOBODY):
        text = f"{protocol} {local}"
    else:
        text = f"{protocol} {local} to {remote}"
    return int(words[9]), text


def _address(text: str) -> str:
    """0100007F:0016: words of 32 bits as this machine has them."""
    address, _, port = text.partition(":")
    raw = bytes.fromhex(address)
    words = struct.unpack(f">{len(raw) // 4}I", raw)
    raw = struct.pack(f"={len(words)}I", *words)
    family = socket.AF_INET if len(raw) == 4 else socket.AF_INET6
    shown = socket.inet_ntop(family, raw)
    return f"{shown}:{int(port, 16)}" if len(raw) == 4 else f"[{shown}]:{int(port, 16)}"


def _unix(words: List[str]) -> Iterator[Tuple[int, str]]:
    if len(words) > 6 and words[6].isascii() and words[6].isdecimal() and len(words[6]) < 20:
        yield int(words[6]), f"UNIX {words[7]}" if len(words) > 7 else "UNIX"
