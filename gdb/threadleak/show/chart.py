# SPDX-License-Identifier: MIT
"""A chart of counts over time, in the characters of a terminal."""

from itertools import groupby
from typing import List, NamedTuple, Optional, Sequence, Tuple

from .style import Style


class Charset(NamedTuple):
    steps: str  # a cell, from empty to full
    peak: str
    side: str
    mark: str  # on the side, where a label stands
    corner: str
    floor: str
    tick: str


UTF8 = Charset(" ▁▂▃▄▅▆▇█", "·", "│", "┤", "└", "─", "┴")
ASCII = Charset(" ..::++##", "'", "|", "+", "+", "-", "+")


class Column(NamedTuple):
    value: int  # at its end
    peak: int  # most within it


def ceiling(most: int) -> int:
    """The least of 2, 4, 6, 8, 10, 20, 40, ... that is no less: its half is a number too."""
    scale = 1
    while True:
        for each in (2, 4, 6, 8, 10):
            if each * scale >= most:
                return each * scale
        scale *= 10


def count(number: int) -> str:
    """1,200; 150k; 2.4M"""
    if number < 100_000:
        return f"{number:,}"
    for unit, name in ((1_000_000_000, "G"), (1_000_000, "M"), (1000, "k")):
        if number >= unit:
            return f"{number / unit:.4g}{name}"
    return str(number)


def area(
    columns: Sequence[Column], height: int, margin: int, charset: Charset, kind: str, style: Style
) -> List[str]:
    """Filled up to the values; what was more for a moment is a dot. The scale begins at 0, so that what hardly changes
    looks so. `height` is odd; `margin`: where the axis is."""
    top = ceiling(max((max(column) for column in columns), default=0))
    scale = height * (len(charset.steps) - 1)
    lines = []
    for row in range(height):
        below = (height - 1 - row) * (len(charset.steps) - 1)
        label = {0: top, height // 2: top // 2}.get(row)
        cells = [_cell(column, top, scale, below, charset) for column in columns]
        lines.append(_side(label, margin, charset, style) + _painted(cells, kind, style))
    return lines


def _cell(
    column: Column, top: int, scale: int, below: int, charset: Charset
) -> Tuple[str, Optional[str]]:
    """The character, and "peak" if it is one."""
    steps = len(charset.steps) - 1
    filled = _scaled(column.value, top, scale) - below
    if filled > 0:
        return charset.steps[min(filled, steps)], None
    peak = _scaled(column.peak, top, scale) - below
    return (charset.peak, "peak") if 0 < peak <= steps else (" ", None)


def _scaled(value: int, top: int, scale: int) -> int:
    """Whatever is there is seen."""
    return max(value * scale // top, 1 if value else 0)


def _side(label: Optional[int], margin: int, charset: Charset, style: Style) -> str:
    if label is None:
        return " " * margin + style.paint("metadata", charset.side)
    return count(label).rjust(margin - 1) + " " + style.paint("metadata", charset.mark)


def _painted(cells: Sequence[Tuple[str, Optional[str]]], kind: str, style: Style) -> str:
    parts = []
    for what, run in groupby(cells, lambda cell: cell[1]):
        text = "".join(character for character, _ in run)
        parts.append(style.paint("metadata" if what else kind, text) if text.strip() else text)
    return "".join(parts).rstrip()


def floor(ticks: Sequence[int], width: int, margin: int, charset: Charset, style: Style) -> str:
    """The axis of time. `ticks`: columns."""
    marks = [charset.floor] * width
    for column in ticks:
        marks[column] = charset.tick
    return "0".rjust(margin - 1) + " " + style.paint("metadata", charset.corner + "".join(marks))


def labels(texts: Sequence[Tuple[int, str]], end: str, width: int, margin: int) -> str:
    """Each in the middle below its column, as far as there is room; `end` at the right."""
    line = [" "] * (margin + 1 + width)
    free = len(line)
    for column, text in [(width, end), *sorted(texts, reverse=True)]:
        first = max(0, min(margin + 1 + column - len(text) // 2, len(line) - len(text)))
        if first + len(text) < free or free == len(line):
            line[first : first + len(text)] = text
            free = first
    return "".join(line).rstrip()
