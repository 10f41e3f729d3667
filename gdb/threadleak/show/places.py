# SPDX-License-Identifier: MIT
"""Frames and stacks as text."""

from typing import Iterable, List, Optional

from ..judge.blame import first_own, own_frame
from ..judge.names import brief
from ..target.base import Frame, base_name
from .sanitize import clean
from .style import PLAIN, Style

NAME_WIDTH = 60  # of a function in a table; C++ has names of thousands of characters


def in_module(frame: Frame) -> Optional[str]:
    """libfoo.so+0x1234"""
    if frame.module is None or frame.offset is None:
        return None
    return f"{clean(base_name(frame.module))}+{frame.offset:#x}"


def function(frame: Frame) -> str:
    """What there is of a name."""
    return clean(frame.function) if frame.function else in_module(frame) or f"{frame.pc:#x}"


def place(frame: Frame, style: Style = PLAIN, full: bool = False) -> str:
    """function (file:line), as far as it is known; `full`: with the folder, and nothing shortened."""
    name = function(frame)
    name = style.paint("function", name if full else brief(name, NAME_WIDTH))
    if frame.file:
        file = clean(frame.file if full else base_name(frame.file))
        line = f":{frame.line}" if frame.line else ""
        return f"{name} ({style.paint('filename', file)}{line})"
    where = in_module(frame)
    return f"{name} ({where})" if frame.function and where else name


def own_place(frames: Iterable[Frame], style: Style = PLAIN) -> str:
    """The first frame of the user's own code."""
    frame = first_own(frames)
    return "-" if frame is None else place(frame, style)


def chain(frames: Iterable[Frame], style: Style = PLAIN, unknown: str = "-") -> str:
    """A site among others, as judge/told_apart.py has it: spawn (a.c:4) < serve (a.c:9)"""
    return " < ".join(place(frame, style) for frame in frames) or unknown


def stack_lines(frames: List[Frame], end: str, style: Style, mark_own: bool = True) -> List[str]:
    """Numbered; the first frame of the user's own code is marked."""
    own = own_frame(frames) if mark_own else None
    lines = []
    for index, frame in enumerate(frames):
        mark = "=>" if index == own else "  "
        lines.append(f"{mark} #{index:<2} {place(frame, style, full=True)}")
    if end:
        lines.append(f"      ({end})")
    return lines
