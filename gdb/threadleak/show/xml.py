# SPDX-License-Identifier: MIT
"""Text of the target inside XML."""

from .sanitize import clean

_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;"}


def escaped(text: str) -> str:
    """Most control characters cannot stand in XML, not even as references (XML 1.0, 2.2)."""
    shown = "\n".join(map(clean, text.split("\n")))
    return "".join(_ESCAPES.get(each, each) for each in shown)
