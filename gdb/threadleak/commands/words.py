# SPDX-License-Identifier: MIT
"""What the words of a command line say: numbers, lengths of time, addresses, processes."""

import argparse
import re


def count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no number")
    return int(text)


_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def length_of_time(text: str) -> float:
    """Seconds: 500ms, 30s, 10m, 2h, 1d; a number without a unit is of seconds. At most 30 years, so that each can be
    slept."""
    found = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ms|[smhd])?", text)
    seconds = float(found[1]) * _UNITS[found[2] or "s"] if found is not None else 0
    if not 0 < seconds < 1e9:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no length of time, such as 500ms, 30s or 10m"
        )
    return seconds


def address(text: str) -> int:
    if not re.fullmatch(r"0x[0-9a-fA-F]{1,16}|\d{1,19}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no address")
    return int(text, 0) if text.startswith("0x") else int(text)


def pid(text: str) -> int:
    if not re.fullmatch("[0-9]{1,9}", text) or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no PID")
    return int(text)
