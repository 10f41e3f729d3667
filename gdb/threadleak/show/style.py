# SPDX-License-Identifier: MIT
"""How parts of the text are set off. Plain here; a terminal's front end passes in a subclass."""


class Style:
    """Kinds as GDB names them: title, highlight, function, filename, address, metadata."""

    def paint(self, kind: str, text: str) -> str:
        return text


PLAIN = Style()
