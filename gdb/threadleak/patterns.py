# SPDX-License-Identifier: MIT
"""Regular expressions that are made, and the module for it loaded, when they are first used: most runs use none."""

from typing import Any, Union


class Pattern:
    """As re.compile gives it."""

    def __init__(self, text: Union[str, bytes], flags: int = 0):
        self._text = text
        self._flags = flags

    def __getattr__(self, name: str) -> Any:
        import re

        compiled = re.compile(self._text, self._flags)
        for method in ("match", "fullmatch", "search", "finditer", "sub"):
            setattr(self, method, getattr(compiled, method))
        return getattr(compiled, name)
