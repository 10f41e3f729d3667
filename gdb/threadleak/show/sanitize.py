# SPDX-License-Identifier: MIT
"""Text of the target, made harmless for a terminal: names, paths and symbols may hold anything."""

import unicodedata

from ..escapes import escape

# control, format (which turn text around), surrogate, private, unassigned; line and paragraph separators
_UNSAFE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def clean(text: str) -> str:
    """What cannot be seen becomes \\xNN, \\uNNNN or \\UNNNNNNNN."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(escape(c) if unicodedata.category(c) in _UNSAFE else c for c in text)


def shorten(text: str, width: int) -> str:
    """At most `width` characters of it."""
    return text if len(text) <= width else text[: width - 3] + "..."
