# SPDX-License-Identifier: MIT
"""Text of the target, made harmless for a terminal: names, paths and symbols may hold anything."""

import unicodedata

# control, format (which turn text around), surrogate, private, unassigned; line and paragraph separators
_UNSAFE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def clean(text: str) -> str:
    """What cannot be seen becomes \\xNN, \\uNNNN or \\UNNNNNNNN."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape(c) if unicodedata.category(c) in _UNSAFE else c for c in text)


def _escape(c: str) -> str:
    code = ord(c)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def shorten(text: str, width: int) -> str:
    """At most `width` characters of it."""
    return text if len(text) <= width else text[: width - 3] + "..."
