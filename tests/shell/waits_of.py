# SPDX-License-Identifier: MIT
"""Prints what each thread of a target waits for, one JSON object a line: run by GDB on what it has, or as
`waits_of.py PID`, `waits_of.py CORE PROGRAM` with the probe alone."""

import json
import os
import sys
from typing import Any, Dict, Iterator

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "gdb"))

from threadleak.read.glibc import glibc_of  # noqa: E402
from threadleak.read.stacks import Stacks  # noqa: E402
from threadleak.read.threads import ThreadInfo  # noqa: E402
from threadleak.read.waits import Waits  # noqa: E402


def target() -> Any:
    if "gdb" in sys.modules:
        from threadleak.target.debugger import DebuggerTarget

        return DebuggerTarget()
    from threadleak.target.native import NativeTarget

    if sys.argv[1].isdecimal():
        return NativeTarget.of_process(int(sys.argv[1]))
    return NativeTarget.of_core(*sys.argv[1:3])


def rows(seen: Any) -> Iterator[Dict[str, Any]]:
    infos = [ThreadInfo(None, -1, None, each, "alive") for each in seen.threads()]
    waits = Waits(seen, Stacks(seen, []), glibc_of(seen))
    found = waits.of(infos)
    assert waits.again(infos) == found, "nothing moves here"
    for info, wait in zip(infos, found):
        row = wait._asdict() if wait is not None else {}
        for key in ("object", "mutex"):
            row[key + "_name"] = seen.data_name(row[key]) if row.get(key) else None
        row["tid"] = info.kernel.own_tid if info.kernel else 0
        row["pthread"] = None
        if wait is not None:  # without a stop nothing tells the registers of one that runs
            row["pthread"] = seen.pthread_of(info.kernel)
        yield row


print("".join(f"\n@{json.dumps(row)}" for row in rows(target())))
