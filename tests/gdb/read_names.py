# SPDX-License-Identifier: MIT
"""What a target calls the objects that tests/programs/variables_c.c and variables_cxx.cc list, and what it should."""

import json
import struct
from typing import Any, List, NamedTuple, Optional

EXPORTED, IN_FUNCTION = 1, 2
_ROW = struct.Struct("<4Q")


class Row(NamedTuple):
    name: Optional[str]  # by debug information
    symbol: Optional[str]  # by the symbol table; None: as the compiler likes
    flags: int
    found: Optional[str]


def read_names(target: Any) -> List[Row]:
    (address,) = target.symbol("named")
    rows: List[Row] = []
    while True:
        at, name, symbol, flags = _ROW.unpack(target.read(address, _ROW.size))
        if not name:
            return rows
        rows.append(Row(_text(target, name), _text(target, symbol), flags, target.data_name(at)))
        address += _ROW.size


def _text(target: Any, address: int) -> Optional[str]:
    if not address:
        return None
    text = b""
    while not text.endswith(b"\0"):
        text += target.read(address + len(text), 1)
    return text[:-1].decode() or None


def show(with_probe: bool) -> None:
    """In GDB."""
    from threadleak.target.debugger import DebuggerTarget

    print(json.dumps(read_names(DebuggerTarget(with_probe))))
