# SPDX-License-Identifier: MIT
"""What it costs to look at a process again and again, and at the history that it kept."""

from __future__ import annotations

from looks import RUNS, THREADLEAK, live, times
from measure import row, spread

FEW, MANY = 3, 13  # looks: the difference is theirs alone


def main() -> None:
    print("\na live process of 10,000 threads alive and 1,000 unjoined, looked at again and again")
    with live("10000", "1000") as pid:
        seen = times([THREADLEAK, "history", str(pid)])
        row("threadleak history, s CPU", spread(seen, 2))
        counted = looks_ms(pid, "0")
        row("threadleak watch, a look, ms CPU", spread(counted, 1))
        stacks = looks_ms(pid, "10000")
        row("  one that reads all stacks, too", spread(stacks, 0), "10,000 blocked at one place")


def looks_ms(pid: int, threshold: str) -> list[float]:
    words = [THREADLEAK, "watch", "--every", "10ms", "--threshold", threshold, str(pid)]
    found = []
    for _ in range(RUNS):
        few, many = (
            times([*words, "--for", f"{(looks - 1) * 10}ms"], 1)[0] for looks in (FEW, MANY)
        )
        found.append((many - few) * 1e3 / (MANY - FEW))
    return found
