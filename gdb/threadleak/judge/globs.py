# SPDX-License-Identifier: MIT
"""Globs as in fnmatch, case-sensitive: `*`, `?`, `[...]`, and the whole text must match.

Most are a plain text, or have their one `*` at the end or the beginning; a regular expression, which takes
Python milliseconds to make, is for the others alone.
"""

from typing import Callable, Optional

SPECIAL = "*?["


def matcher(glob: str) -> Callable[[str], object]:
    """What tells whether a text matches."""
    body, last = glob[:-1], glob[-1:]
    if not _is_special(glob):
        return glob.__eq__
    if last == "*" and not _is_special(body):
        return lambda text: text.startswith(body)
    if glob[0] == "*" and not _is_special(glob[1:]):
        return lambda text: text.endswith(glob[1:])
    return _Lazily(glob)


def escaped(text: str) -> str:
    """A glob that matches `text`. A blank, which ends a glob in a rule, and what cannot be shown, are `?`."""
    return "".join(map(_escaped, text))


def _escaped(character: str) -> str:
    if character in SPECIAL:
        return f"[{character}]"
    return "?" if character.isspace() or not character.isprintable() else character


def _is_special(text: str) -> bool:
    return any(each in text for each in SPECIAL)


class _Lazily:
    """Made when it is first asked for."""

    def __init__(self, glob: str) -> None:
        self._glob = glob
        self._match: Optional[Callable[[str], object]] = None

    def __call__(self, text: str) -> object:
        if self._match is None:
            import re
            from fnmatch import translate

            self._match = re.compile(translate(self._glob)).match
        return self._match(text)
