# SPDX-License-Identifier: MIT
"""Reports of a fleet, and what merging them takes."""

from __future__ import annotations

import json
import pathlib
import tempfile

from measure import ROOT, row, usage_of

REPORTS, THREADS, SITES = 1000, 1000, 40
SAMPLE = ROOT / "tests/engine/sample.json"


def report(number: int) -> str:
    """As `list --all --format json` writes it: of the sample's threads as many as are wanted."""
    shown = json.loads(SAMPLE.read_text())
    thread = next(each for each in shown["threads"] if each.get("creation_stack"))
    group = next(each for each in shown["groups"] if each.get("fingerprint"))
    shown["target"].update(host=f"host-{number // 3}", pid=1000 + number)
    shown["summary"].update(threads=THREADS)
    shown["threads"] = [{**thread, "id": each} for each in range(THREADS)]
    count = THREADS // SITES
    shown["groups"] = [
        {**group, "threads": count, "leaked": count, "fingerprint": f"{each:016x}"}
        for each in range(SITES)
    ]
    lines = []
    for key, value in shown.items():
        elements = ",\n  ".join(map(json.dumps, value)) if isinstance(value, list) else ""
        lines.append(f' "{key}": ' + (f"[\n  {elements}\n ]" if elements else json.dumps(value)))
    return "{\n" + ",\n".join(lines) + "\n}\n"


def main() -> None:
    print(f"\nmerge of {REPORTS:,} reports of {THREADS:,} threads, at {SITES} places")
    with tempfile.TemporaryDirectory() as folder:
        size = 0
        for number in range(REPORTS):
            size += pathlib.Path(folder, f"{number}.json").write_text(report(number))
        times, peak = [], 0
        for _ in range(3):
            seconds, usage = usage_of([str(ROOT / "scripts/threadleak"), "merge", folder], ok=(3,))
            times.append(seconds)
            peak = max(peak, usage.ru_maxrss)
    row("threadleak merge, s CPU", f"{min(times):.2f} to {max(times):.2f}", "must be <= 10")
    row("its largest size, MiB", f"{peak / 1024:.0f}", f"must be <= 200; the files: {size >> 20:,}")


if __name__ == "__main__":
    main()
