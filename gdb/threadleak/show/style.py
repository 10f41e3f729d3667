# SPDX-License-Identifier: MIT
"""How parts of the text are set off. Plain here; a terminal's front end passes in a subclass."""

import os
import sys


class Style:
    """Kinds as GDB names them: title, highlight, function, filename, address, metadata."""

    def paint(self, kind: str, text: str) -> str:
        return text


class Ansi(Style):
    """In the colours that GDB itself begins with (ECMA-48, SGR)."""

    CODES = {
        "title": "1",
        "highlight": "31",
        "function": "33",
        "filename": "32",
        "address": "34",
        "metadata": "2",
    }

    def paint(self, kind: str, text: str) -> str:
        code = self.CODES.get(kind)
        return f"\033[{code}m{text}\033[m" if code and text else text


PLAIN = Style()


def of_stdout() -> Style:
    coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return Ansi() if coloured and os.environ.get("TERM") != "dumb" else PLAIN
