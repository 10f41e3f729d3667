# SPDX-License-Identifier: MIT
"""What it costs to export many threads: profiles for pprof, and scrapes of `threadleak metrics`."""

from __future__ import annotations

import os
import pathlib
import statistics
import subprocess
import tempfile
import urllib.request
from contextlib import ExitStack

from looks import PRELOADED, PROGRAM, THREADLEAK, live, make_core, times
from measure import row, spread

SCRAPES = 40
SMALL = 18
TICKS = os.sysconf("SC_CLK_TCK")


def profiles(target: str, folder: pathlib.Path, what: str) -> None:
    out = str(folder / "threads.pb.gz")
    for name, words in (
        ("by creation", ["groups", "--format", "pprof"]),
        ("by creation, --waits never", ["groups", "--format", "pprof", "--waits", "never"]),
        ("by place", ["stacks", "--format", "pprof"]),
    ):
        command = [THREADLEAK, *words, "-o", out, *target.split()]
        row(f"pprof {name}, {what}", spread(times(command), 2), "s CPU; must be <= 0.6")


def cpu_ticks(pid: int) -> int:
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def scrapes(label: str, most: str, *targets: str) -> None:
    server = subprocess.Popen(
        [THREADLEAK, "metrics", "--listen", "0", *targets], stderr=subprocess.PIPE, text=True
    )
    assert server.stderr is not None
    url = server.stderr.readline().split()[-1]
    found = []
    for _ in range(6):  # the first one locates the registry, or glibc's lists
        before = cpu_ticks(server.pid)
        for _ in range(SCRAPES):
            with urllib.request.urlopen(url) as answer:
                answer.read()
        found.append((cpu_ticks(server.pid) - before) / TICKS / SCRAPES * 1000)
    server.terminate()
    server.wait()
    row(f"a scrape, {label}, ms CPU", spread(found[1:], 1), f"must be <= {most}; stopped 0")


def small_ones(what: str, env: dict[str, str]) -> None:
    with ExitStack() as started:
        pids = [str(started.enter_context(live("1", "1", env=env))) for _ in range(SMALL)]
        scrapes(f"{SMALL} small processes{what}", str(SMALL), *pids)


def without_the_library() -> None:
    bare = dict(os.environ)
    for alive, unjoined in ((10_000, 1000), (1, 10_000)):
        with live(str(alive), str(unjoined), env=bare) as pid:
            scrapes(f"{alive:,} alive, {unjoined:,} unjoined, no library", "60", str(pid))
    small_ones(", no library", bare)


def main() -> None:
    print("\nprofiles and metrics, 10,000 threads alive and 1,000 unjoined")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        with live("10000", "1000") as pid:
            profiles(str(pid), folder, "live")
            scrapes("10,000 threads", "60", str(pid))
            once = times([THREADLEAK, "metrics", str(pid)])
            row("threadleak metrics, once, s CPU", f"{statistics.median(once):.2f}")
        small_ones("", PRELOADED)
        without_the_library()
        core = make_core(folder, 10_000)
        if core is not None:
            profiles(f"{PROGRAM} {core}", folder, "core")


if __name__ == "__main__":
    main()
