# SPDX-License-Identifier: MIT
"""What it costs to look at many threads: cores and live processes, by the shell command and by the peers."""

from __future__ import annotations

import os
import pathlib
import re
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from typing import Iterator
from contextlib import contextmanager

from measure import BUILD, GDB, LIBRARY, ROOT, Command, cpu_seconds, row, spread, usage_of

THREADLEAK = str(ROOT / "scripts/threadleak")
PROGRAM = str(BUILD / "bench/many_threads")
PRELOADED = {**os.environ, "LD_PRELOAD": str(LIBRARY)}
RUNS = int(os.environ.get("BENCH_RUNS", "5"))
LEAKS = (0, 3)  # exit statuses: both mean that the threads were read
SLOW_PEERS = os.environ.get("BENCH_PEERS") == "all"  # minutes of CPU each


def make_core(folder: pathlib.Path, alive: int) -> pathlib.Path | None:
    """Of a program with that many threads at a gate, and one in ten as many that finished unjoined."""
    limit = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (limit[1], limit[1]))
    place = folder / str(alive)
    place.mkdir()
    subprocess.run([PROGRAM, str(alive), str(alive // 10)], cwd=place, env=PRELOADED)
    return next(place.glob("core*"), None)


@contextmanager
def live(*arguments: str, env: dict[str, str] = PRELOADED) -> Iterator[int]:
    """The pid of such a program."""
    process = subprocess.Popen(
        [PROGRAM, *arguments, "live"],
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None and process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()


def times(command: Command, runs: int = RUNS) -> list[float]:
    return [cpu_seconds(command, ok=LEAKS) for _ in range(runs)]


def peer(name: str, command: Command, note: str = "") -> None:
    if not shutil.which(command[0]):
        row(f"  {name}", "not installed")
        return
    row(f"  {name}", f"{cpu_seconds(command, ok=(0, 1, 3)):.2f}", note or "one run")


def cores(folder: pathlib.Path) -> None:
    print(
        "\ncore files: stacks of all threads, grouped, with names and verdicts (whole process, s CPU)"
    )
    made = {alive: make_core(folder, alive) for alive in (100, 10_000, 20_000)}
    if not all(made.values()):
        row(
            "no core file appeared",
            "skipped",
            "set kernel.core_pattern to a plain name, ulimit -c unlimited",
        )
        return
    figures: dict[int, list[float]] = {}
    for alive, must in (
        (100, "must be <= 0.15"),
        (10_000, "must be <= 0.4, aims at 0.25"),
        (20_000, ""),
    ):
        core = str(made[alive])
        ours = [THREADLEAK, "stacks", PROGRAM, core]
        figures[alive] = times(ours)
        row(f"threadleak stacks, {alive:,} threads", spread(figures[alive], 2), must)
        row(
            f"threadleak check, {alive:,} threads",
            spread(times([THREADLEAK, "check", PROGRAM, core]), 2),
        )
        if alive == 20_000:
            break
        peer("gdb, thread apply all bt", [*GDB, PROGRAM, core, "-ex", "thread apply all -q bt"])
        if alive == 100 or SLOW_PEERS:
            peer("eu-stack, no verdicts", ["eu-stack", "-e", PROGRAM, "--core", core])
        else:
            row("  eu-stack, no verdicts", "skipped", "118 s measured; BENCH_PEERS=all runs it")
        peer("lldb, bt all", ["lldb", "-b", "-o", "bt all", "-c", core, PROGRAM])
    ratio = statistics.median(figures[20_000]) / statistics.median(figures[10_000])
    row("20,000 threads to 10,000", f"{ratio:.2f}", "must be <= 2.2")
    waits({alive: str(core) for alive, core in made.items()})
    _, usage = usage_of([THREADLEAK, "stacks", PROGRAM, str(made[10_000])], ok=LEAKS)
    row(
        "largest memory of the tool, 10,000 threads, MiB",
        f"{usage.ru_maxrss / 1024:.0f}",
        "must be <= 120",
    )


def waits(made: dict[int, str]) -> None:
    """Commands that tell what threads wait for, or who for whom."""
    for words in (["list"], ["groups"], ["graph"], ["explain", "--id", "5000"]):
        name, *options = words
        smaller, larger = (
            times([THREADLEAK, name, PROGRAM, made[alive], *options]) for alive in (10_000, 20_000)
        )
        row(f"threadleak {name}, 10,000 threads", spread(smaller, 2), "must be <= 0.8")
        ratio = statistics.median(larger) / statistics.median(smaller)
        row("  20,000 threads to 10,000", f"{ratio:.2f}", "must be <= 2.2")


def processes() -> None:
    print("\nlive processes, 10,000 threads alive and 1,000 unjoined (whole process, s CPU)")
    with live("10000", "1000") as pid:
        target = str(pid)
        for name, must in (
            ("list", "must be <= 0.15"),
            ("check", "must be <= 0.15"),
            ("stacks", "must be <= 0.7, aims at 0.4"),
        ):
            row(f"threadleak {name}, no stop", spread(times([THREADLEAK, name, target]), 2), must)
        words = ("check", "--waits", "always")
        always = times([THREADLEAK, *words, target])
        row(f"threadleak {' '.join(words)}, no stop", spread(always, 2), "deadlocks are looked for")
        row(
            "threadleak stacks --stop",
            spread(times([THREADLEAK, "stacks", "--stop", target]), 2),
            "must be <= 0.6",
        )
        row("threadleak top, a sample, no stop", spread(sample_times(target), 3), "must be <= 0.1")
        pairs = [(stopped_ms(target), ptrace_alone_ms(target)) for _ in range(RUNS)]
        ours, alone = map(list, zip(*pairs))
        row("  the process stood still for, ms", spread(ours, 0), "must be <= 300")
        row("  ptrace alone, one tracer, ms", spread(alone, 0), "the same process, in turn")
        row("  ours to that", spread([ours / alone for ours, alone in pairs], 2))
        began = time.monotonic()
        peer(
            "gdb attach, thread apply all bt", [*GDB, "-p", target, "-ex", "thread apply all -q bt"]
        )
        row("  and it stood still for about, s wall", f"{time.monotonic() - began:.1f}")
        if SLOW_PEERS:
            peer("eu-stack -p", ["eu-stack", "-p", target])


def without_the_library() -> None:
    print("\na live process that never loaded the library, 1,000 threads unjoined (s CPU)")
    with live("1", "1000", env=dict(os.environ)) as pid:
        seen = times([THREADLEAK, "list", str(pid)])
    row("threadleak list", spread(seen, 2), "must be <= 0.3")


def sample_times(target: str) -> list[float]:
    """What 10 samples more take, each."""
    top = [THREADLEAK, "top", target, "--interval", "0.1", "--samples"]
    return [(more - few) / 10 for few, more in zip(times([*top, "1"]), times([*top, "11"]))]


def stopped_ms(target: str) -> float:
    """As the tool itself tells."""
    done = subprocess.run([THREADLEAK, "stacks", "--stop", target], capture_output=True, text=True)
    found = re.search(r"stood still for ([\d.,]+) ms", done.stdout + done.stderr)
    return float(found.group(1).replace(",", "")) if found else float("nan")


def ptrace_alone_ms(target: str) -> float:
    return float(subprocess.check_output([str(BUILD / "bench/stop_alone"), target]))


def snapshots(folder: pathlib.Path) -> None:
    print(
        "\na core of a live process, 500 finished and unjoined threads with stacks of 8 MiB (s wall, MB)"
    )
    program = str(BUILD / "bench/large_stacks")
    process = subprocess.Popen(
        [program, "500"], env=PRELOADED, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    try:
        for name, command in (
            (
                "threadleak snapshot",
                [THREADLEAK, "snapshot", str(process.pid), "-o", str(folder / "ours")],
            ),
            ("gcore", ["gcore", "-o", str(folder / "gcore"), str(process.pid)]),
        ):
            if name == "gcore" and not (
                shutil.which("gcore") and shutil.disk_usage(folder).free > 8e9
            ):
                row("gcore", "skipped", "not installed, or less than 8 GB of room")
                continue
            began = time.monotonic()
            subprocess.run(command, capture_output=True, check=True)
            wall = time.monotonic() - began
            file = next(folder.glob("ours*" if name != "gcore" else "gcore*"))
            size = file.stat().st_size / 1e6
            file.unlink()
            row(
                name,
                f"{wall:.2f} s, {size:.1f} MB",
                "must be <= 0.5 s, 20 MB" if name != "gcore" else "",
            )
    finally:
        process.kill()
        process.wait()


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        cores(folder)
        snapshots(folder)
    processes()
    without_the_library()


if __name__ == "__main__":
    main()
