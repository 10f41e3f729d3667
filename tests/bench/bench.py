# SPDX-License-Identifier: MIT
"""Prints the figures of docs/bench.md: ours beside bare and beside the peers, from one run.

CPU time (user + system) of whole processes, taken from wait4; comparisons are paired: A and B in turn, the ratio
of each pair, and of the ratios the median, the least and the largest. A machine that does other work at the same
time widens the spread; the load is printed for that reason. Peers that are not installed are named as such.
"""

from __future__ import annotations

import os
import pathlib
import re
import resource
import shutil
import statistics
import subprocess
import tempfile

import checks
import exports
import looks
import pages
import merging
import sidecars
import traces
import watching
from measure import BUILD, GDB, LIBRARY, ROOT, Command, cpu_seconds, row, spread

PAIRS = int(os.environ.get("BENCH_PAIRS", "7"))
LARGE = 10_000  # threads alive in the large core; as many again finished and were never joined


def paired(
    a: Command, b: Command, env_a: dict[str, str] | None = None, pairs: int = PAIRS
) -> tuple[list[float], list[float]]:
    """Ratios a/b, and the times of a."""
    ratios, times = [], []
    for _ in range(pairs):
        time_a = cpu_seconds(a, env_a)
        ratios.append(time_a / cpu_seconds(b))
        times.append(time_a)
    return ratios, times


def creation() -> None:
    print("\ncreate+join of an empty function, 20,000 times (whole process, CPU, ratio to bare)")
    bare = [str(BUILD / "bench/create_join"), "20000"]
    ratios, _ = paired(bare, bare)
    row("bare against itself: the noise of this machine", spread(ratios))
    ratios, times = paired(bare, bare, {"LD_PRELOAD": str(LIBRARY)})
    row(
        "threadleak, preloaded",
        spread(ratios),
        f"{statistics.median(times):.2f} s; must be <= 1.05",
    )
    source = str(ROOT / "tests/bench/create_join.c")
    for compiler in ("gcc", "clang"):
        binary = BUILD / f"bench/create_join_tsan_{compiler}"
        build = [compiler, "-O2", "-D_GNU_SOURCE", "-fsanitize=thread", source, "-o", str(binary)]
        if not shutil.which(compiler) or subprocess.run(build, capture_output=True).returncode:
            row(f"ThreadSanitizer, {compiler}", "not installed")
            continue
        ratios, _ = paired([str(binary), "20000"], bare, pairs=3)
        row(f"ThreadSanitizer, {compiler}", spread(ratios, 1), "needs a rebuild")
    if not shutil.which("valgrind"):
        row("valgrind memcheck, DRD, helgrind", "not installed")
        return
    few = [bare[0], "2000"]
    for tool in ("memcheck", "drd", "helgrind"):
        ratios, _ = paired(["valgrind", f"--tool={tool}", *few], few, pairs=1)
        row(f"valgrind {tool} (2,000 times, start included)", f"{ratios[0]:.0f}", "one pair")


def wrapper_ns(options: str) -> float:
    """Of a create+join at 16 frames, four events."""
    env = {**os.environ, "THREADLEAK_OPTIONS": options}
    command = [str(BUILD / "bench/bench_wrapper")]
    told = subprocess.run(command, capture_output=True, text=True, check=True, env=env).stdout
    return float(re.findall(r"^ +16 frames +(\S+) ns", told, re.M)[0])


def over_time() -> None:
    """In turn, since the machine's speed changes."""
    added: dict[str, list[float]] = {"": [], "events=0": [], "history=0": []}
    for _ in range(PAIRS):
        without = wrapper_ns("history=0:events=0")
        for options, each in added.items():
            each.append(wrapper_ns(options) - without)
    row("history and events add, ns", spread(added[""], 0), "must be <= 60")
    row("history alone, ns", spread(added["events=0"], 0))
    row("events alone, ns", spread(added["history=0"], 0))


def wrapper() -> None:
    print()
    lines = subprocess.run(
        [str(BUILD / "bench/bench_wrapper")], capture_output=True, text=True, check=True
    ).stdout
    print(lines, end="")
    print("must be <= 200 ns at 16 frames, aims at 120")
    over_time()
    print()
    print(
        subprocess.run(
            [str(BUILD / "bench/bench_capture")], capture_output=True, text=True, check=True
        ).stdout,
        end="",
    )


def memory() -> None:
    print("\nresident memory of a live thread, 10,000 alive (KiB)")
    command = [str(BUILD / "bench/create_join"), str(LARGE), "live"]
    bare, ours = [], []
    for _ in range(3):
        bare.append(
            float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        )
        env = {**os.environ, "LD_PRELOAD": str(LIBRARY)}
        ours.append(
            float(
                subprocess.run(command, capture_output=True, text=True, check=True, env=env).stdout
            )
        )
    row("bare", spread(bare, 2))
    extra = [(b - a) * 1024 for a, b in zip(bare, ours)]
    row("threadleak adds, bytes", spread(extra, 0), "must be <= 160, sites included")


TIMED = """
import time
begin = time.process_time()
try:
    gdb.execute("threadleak NAME", to_string=True)
except gdb.error:
    pass
print("bench", (time.process_time() - begin) * 1000)
"""


def inside_gdb(load: Command, script: pathlib.Path, name: str) -> list[float]:
    """Milliseconds of the first such command in a GDB that has loaded the core: nothing is cached then."""
    script.write_text(TIMED.replace("NAME", name))
    runs = [
        subprocess.run([*load, "-x", str(script)], capture_output=True, text=True) for _ in range(5)
    ]
    return [float(re.findall(r"^bench (\S+)$", run.stdout, re.M)[0]) for run in runs]


def large_core(folder: str) -> None:
    program = BUILD / "bench/many_threads"
    limit = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (limit[1], limit[1]))
    env = {**os.environ, "LD_PRELOAD": str(LIBRARY)}
    subprocess.run([str(program), str(LARGE), str(LARGE)], cwd=folder, env=env)
    cores = [path for path in pathlib.Path(folder).iterdir() if path.name.startswith("core")]
    print(f"\na core of {LARGE:,} threads alive and {LARGE:,} unjoined")
    if not cores:
        row(
            "no core file appeared",
            "skipped",
            "set kernel.core_pattern to a plain name, ulimit -c to unlimited",
        )
        return
    load = [*GDB, str(program), str(cores[0])]
    source = [*load, "-ex", f"source {ROOT}/gdb/threadleak-gdb.py"]
    script = pathlib.Path(folder, "timed.py")
    for name in ("list", "groups", "check"):
        row(
            f"threadleak {name}, inside GDB, ms CPU",
            spread(inside_gdb(source, script, name), 0),
            "must be <= 100",
        )
    whole = [cpu_seconds([*source, "-ex", "threadleak list"]) for _ in range(5)]
    bare = [cpu_seconds(load) for _ in range(5)]
    row("gdb -batch with `threadleak list`, s CPU", spread(whole, 2), "must be <= 0.8")
    row("gdb -batch that only loads the core, s CPU", spread(bare, 2))
    backtrace = cpu_seconds([*load, "-ex", "thread apply all -q bt"])
    row(
        "gdb `thread apply all bt`, s CPU (no verdict, no creation stack)",
        f"{backtrace:.1f}",
        "one run",
    )


def main() -> None:
    print(
        f"load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors, {PAIRS} pairs unless said otherwise"
    )
    wrapper()
    creation()
    memory()
    with tempfile.TemporaryDirectory() as folder:
        large_core(folder)
    looks.main()
    exports.main()
    checks.main()
    pages.main()
    merging.main()
    sidecars.main()
    watching.main()
    with tempfile.TemporaryDirectory() as folder:
        traces.main(pathlib.Path(folder))


if __name__ == "__main__":
    main()
