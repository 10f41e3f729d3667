# SPDX-License-Identifier: MIT
"""What it costs the kernel's dump of a core that threadleak-core-handler takes it: started as the kernel does, with the core in a
pipe, for a process that lives."""

from __future__ import annotations

import os
import pathlib
import resource
import subprocess
import tempfile
import time

from looks import RUNS, live
from measure import BUILD, row, spread

HANDLER = str(BUILD / "threadleak-core-handler")
CORE = bytes(range(256)) * (12 << 10)  # 3 MiB, of which no page is zero


def handled(pid: int, core: pathlib.Path) -> tuple[float, float]:
    """Milliseconds on the clock, and of CPU."""
    began = time.monotonic()
    process = subprocess.Popen([HANDLER, "-p", str(pid), "-o", str(core)], stdin=subprocess.PIPE)
    assert process.stdin is not None
    with process.stdin:
        process.stdin.write(CORE)
    _, status, usage = os.wait4(process.pid, 0)
    took = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0 and core.stat().st_size == len(CORE)
    return took * 1000, (usage.ru_utime + usage.ru_stime) * 1000


def main() -> None:
    print("\na core of a process of 1,000 threads, 3 MiB, through threadleak-core-handler")
    limit = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (limit, limit))  # the process inherits it
    with tempfile.TemporaryDirectory() as name, live("1000", "0") as pid:
        runs = [handled(pid, pathlib.Path(name, str(number))) for number in range(2 * RUNS)]
        sidecar = os.path.getsize(f"{name}/0.threadleak")
    wall, cpu = map(list, zip(*runs))
    row(
        "until the core is written, ms wall",
        spread(wall, 0),
        "must be <= 50, where nothing else runs",
    )
    row("  CPU of the handler and its child, ms", spread(cpu, 0))
    row("  the sidecar, KiB", f"{sidecar / 1024:.0f}")


if __name__ == "__main__":
    main()
