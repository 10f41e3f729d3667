# SPDX-License-Identifier: MIT
"""Lengths of time and sizes as people say them."""


def duration(ns: int) -> str:
    """Rounded down: 12 ms, 3.4 s, 5 min, 2 h, 3 days."""
    ms = max(0, ns) // 1_000_000
    if ms < 1000:
        return f"{ms} ms"
    seconds = ms // 1000
    if seconds < 60:
        return f"{ms // 100 / 10} s" if seconds < 10 else f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    if seconds < 48 * 3600:
        return f"{seconds // 3600} h {seconds % 3600 // 60} min"
    return f"{seconds // 86400} days"


def size(number: int) -> str:
    """Of memory, rounded: 0 KiB, 12 KiB, 3.4 MiB, 78 GiB."""
    value, units = number / 1024, ["KiB", "MiB", "GiB", "TiB"]
    while value >= 1024 and len(units) > 1:
        value /= 1024
        units.pop(0)
    return (
        f"{value:.1f} {units[0]}" if value < 10 and value % 1 >= 0.05 else f"{value:.0f} {units[0]}"
    )
