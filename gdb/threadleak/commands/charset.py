# SPDX-License-Identifier: MIT
"""Whether a terminal shows more than ASCII."""

from .preload import original_environment


def is_utf8() -> bool:
    """By the locale that the user has (locale(7)); Python itself takes C for UTF-8."""
    environment = original_environment()
    names = [environment.get(name) for name in (b"LC_ALL", b"LC_CTYPE", b"LANG")]
    chosen = next((name for name in names if name), b"C")
    return b"UTF" in chosen.upper()
