# SPDX-License-Identifier: MIT
"""What checks cost: threadleak.h called by a program, beside goleak's figures.

goleak was measured once, in the same kind of machine, patched for Go 1.19 (docs/bench.md says how); it is not
run here.
"""

from __future__ import annotations

import statistics
import subprocess

from measure import BUILD, row, spread

RUNS = 5


def figures(part: str, count: int) -> tuple[dict[str, list[float]], str]:
    """What the program prints, by name, and the reports."""
    command = [str(BUILD / "bench/verify"), part, str(count)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, list[float]] = {}
    for line in run.stdout.splitlines():
        name, number = line.split()
        found.setdefault(name, []).append(float(number))
    return found, run.stderr


def clean() -> None:
    for count in (0, 100, 10_000):
        runs = [figures("clean", count)[0] for _ in range(RUNS)]
        before = f"after {count:,} joined threads"
        scopes = [run["check"][0] for run in runs]
        row(f"clean, a scope, {before}", spread(scopes, 0) + " ns", "must be <= 50 ns")
        whole = [run["process"][0] / 1000 for run in runs]
        row(
            f"clean, with the kernel's count, {before}",
            spread(whole, 1) + " us",
            "must be <= 5; goleak 21 to 43",
        )
    runs = [figures("expected", 10_000)[0]["process"][0] / 1000 for _ in range(3)]
    row(
        "clean, 10,000 expected threads alive",
        spread(runs, 1) + " us",
        "must be <= 100; goleak 272,000 to 301,000",
    )


def failing() -> None:
    goleak = {1: "448", 10: "448", 100: "466", 10_000: "4,883 to 10,000"}
    must = {1: 120, 10: 120, 100: 120, 10_000: 1200}
    for count in goleak:
        runs = [figures("failing", count) for _ in range(RUNS if count < 10_000 else 3)]
        wall = [found["failing"][0] for found, _ in runs]
        processor = statistics.median(found["engine"][0] for found, _ in runs)
        row(
            f"failing, leaks: {count:,}, settle 0, wall",
            spread(wall, 0) + " ms",
            f"must be <= {must[count]}; CPU of the engine {processor:.0f}; goleak {goleak[count]}",
        )
    size = max(len(report) for _, report in runs)
    row("the report of 10,000 leaks", f"{size} bytes", "must be <= 4096; goleak 1,800,000")


def waiting() -> None:
    found, _ = figures("latency", 20)
    row(
        "a thread ends while a check waits: return after",
        spread(found["latency"], 0) + " us",
        "must be <= 1000; goleak up to 100,000",
    )


def main() -> None:
    print("\nchecks (threadleak.h)")
    clean()
    failing()
    waiting()


if __name__ == "__main__":
    main()
