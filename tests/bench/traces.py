# SPDX-License-Identifier: MIT
"""What it costs to write a trace of a full ring of events."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess

from looks import RUNS, THREADLEAK
from measure import LIBRARY, ROOT, row, spread, usage_of

EVENTS = 65_536  # as many as the option trace=FILE keeps
THREADS = 20_000  # more than fill it


def main(folder: pathlib.Path) -> None:
    print(f"\na trace of {EVENTS:,} events, process not stopped")
    program, file = folder / "timeline", folder / "trace.json"
    source = ROOT / "tests/programs/timeline.c"
    build = ["gcc", "-O2", "-g", "-D_GNU_SOURCE", f"-I{ROOT}/helper/include", str(source)]
    subprocess.run([*build, "-o", str(program)], check=True)
    options = {"LD_PRELOAD": str(LIBRARY), "THREADLEAK_OPTIONS": f"events={EVENTS}"}
    process = subprocess.Popen(
        [str(program), str(THREADS)], env={**os.environ, **options}, stdout=subprocess.PIPE
    )
    assert process.stdout is not None and process.stdout.readline() == b"ready\n"
    try:
        command = [THREADLEAK, "trace", "-o", str(file), str(process.pid)]
        used = [usage_of(command) for _ in range(RUNS)]
    finally:
        process.kill()
        process.wait()
    found = re.search(r'"events": (\d+)', file.read_text())
    events = int(found[1]) if found else 0
    row(
        f"threadleak trace, {events:,} events, s CPU",
        spread([seconds for seconds, _ in used], 2),
        "must be <= 1.2",
    )
    row("its largest size, MiB", f"{max(each.ru_maxrss for _, each in used) / 1024:.0f}")
    row("the file, MB", f"{file.stat().st_size / 1e6:.1f}")
