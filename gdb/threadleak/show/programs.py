# SPDX-License-Identifier: MIT
"""What `run` says at its end of several programs: a line, and a row for each that needs attention."""

import os
import re
from typing import List, Sequence

from ..judge.names import cut
from ..judge.programs import Program, Programs
from .sanitize import clean, shorten
from .stacks import counted
from .text import table

ROWS = 20
PROGRAM_WIDTH = 60
PATH_WIDTH = 45  # of that, the program itself where there is not room for all
TITLES = ("PROCESS", "RESULT", "PROGRAM", "WHAT")


def headline(programs: Programs) -> str:
    """threadleak: 1 of 3 processes with threads leaked some, 1 cannot be told (12 more had none)"""
    if programs.nothing:
        return f"threadleak: cannot tell: {clean(programs.nothing)}"
    if len(programs.all) == 1 and programs.all[0].blind:
        one = programs.all[0]
        return (
            f"threadleak: cannot tell whether threads of {name(one)}, process {one.pid}, leaked:"
            f" {message(one)}"
        )
    if len(programs.all) == 1 and programs.all[0].hung:
        one = programs.all[0]
        return f"threadleak: {name(one)}, process {one.pid}: {message(one)}"
    found = [each for each in programs.all if each.counts]
    leaked = sum(bool(each.leaked) for each in found)
    blind = sum(bool(each.blind) for each in found)
    others = len(programs.all) - len(found)
    aside = f" ({others:,} more had none)" if others else ""
    number = f"{len(found):,} {'process' if len(found) == 1 else 'processes'} with threads"
    if leaked:
        more = f", {blind:,} cannot be told" if blind else ""
        return f"threadleak: {leaked:,} of {number} leaked some{more}{aside}"
    if blind:
        return f"threadleak: cannot tell whether threads leaked in {blind:,} of {number}{aside}"
    but = f" but those of baseline {clean(programs.baseline)}" if programs.baseline else ""
    return f"threadleak: no threads leaked{but} in {number}{aside}"


def is_worth_a_summary(programs: Programs) -> bool:
    """Not where a program alone was checked, or is clean: its own report says all."""
    every = programs.all
    found = [each for each in every if each.counts]
    if programs.nothing or len(found) > 1:
        return True
    bad = [each for each in found if each.leaked or each.blind]
    return bool(bad) and (len(every) > 1 or bad[0].checked is None or bad[0].hung)


def summary(programs: Programs) -> List[str]:
    """The line, and the rows."""
    bad = [each for each in programs.all if each.leaked or each.blind]
    bad.sort(key=lambda each: not each.leaked)
    lines = [headline(programs)]
    if bad and len(programs.all) > 1:
        rows: List[Sequence[str]] = [TITLES, *map(_row, bad[:ROWS])]
        lines += ["", *table(rows)]
        lines += [f"... and {len(bad) - ROWS:,} more"] if len(bad) > ROWS else []
    return lines


def _row(program: Program) -> Sequence[str]:
    result = "leaked" if program.leaked else "cannot tell"
    return (str(program.pid), result, name(program), message(program))


def name(program: Program) -> str:
    """What was run, as far as it is known; from here, so that test results have the same names wherever the
    checkout lies."""
    told, here = program.command or program.path or "?", _here()
    inside = told[len(here) :] if told.startswith(here) else told
    shown = clean(inside or told)
    if len(shown) <= PROGRAM_WIDTH:
        return shown
    path, blank, arguments = shown.partition(" ")
    return shorten(cut(path, PATH_WIDTH) + blank + arguments, PROGRAM_WIDTH)


def _here() -> str:
    """With a slash at its end."""
    try:
        return os.getcwd().rstrip("/") + "/"
    except OSError:  # it was removed
        return "//"  # with which no path begins


def message(program: Program) -> str:
    """In one line; neither our name nor the program's is said again."""
    said = program.blind
    if program.checked is not None and program.leaked:
        said = program.checked.reason or counted(program.leaked, "leaked thread")
    first = clean(said.split("\n", 1)[0])
    return re.sub(
        rf"^threadleak: | at the exit of .{{0,{PROGRAM_WIDTH}}} \(pid {program.pid}\)", "", first
    )
