# SPDX-License-Identifier: MIT
"""Globs as in fnmatch, case-sensitive: `*`, `?`, `[...]`, and the whole text must match.

Most are plain texts with a `*` here and there. A regular expression, which takes Python milliseconds to make, is
for the others alone, and is made when a text begins as the glob does.
"""

from itertools import takewhile
from typing import Callable, List, Optional

SPECIAL = "*?["


def matcher(glob: str) -> Callable[[str], object]:
    """What tells whether a text matches."""
    if not any(each in glob for each in SPECIAL):
        return glob.__eq__
    if "?" in glob or "[" in glob:
        return _Lazily(glob)
    first, *inner, last = glob.split("*")
    if not inner and not last:
        return lambda text: text.startswith(first)
    return lambda text: _has_pieces(text, first, inner, last)


def start(glob: str) -> str:
    """What stands in front of the first special character."""
    return "".join(takewhile(lambda each: each not in SPECIAL, glob))


def _has_pieces(text: str, first: str, inner: List[str], last: str) -> bool:
    """In this order, without an overlap."""
    at, end = len(first), len(text) - len(last)
    if at > end or not (text.startswith(first) and text.endswith(last)):
        return False
    for piece in inner:
        at = text.find(piece, at, end)
        if at < 0:
            return False
        at += len(piece)
    return True


def escaped(text: str) -> str:
    """A glob that matches `text`. A blank, which ends a glob in a rule, and what cannot be shown, are `?`."""
    return "".join(map(_escaped, text))


def _escaped(character: str) -> str:
    if character in SPECIAL:
        return f"[{character}]"
    return "?" if character.isspace() or not character.isprintable() else character


class _Lazily:
    """Made when it is first asked for."""

    def __init__(self, glob: str) -> None:
        self._glob = glob
        self._start = start(glob)
        self._match: Optional[Callable[[str], object]] = None

    def __call__(self, text: str) -> object:
        if not text.startswith(self._start):
            return False
        if self._match is None:
            import re
            from fnmatch import translate

            self._match = re.compile(translate(self._glob)).match
        return self._match(text)
