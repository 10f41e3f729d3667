# SPDX-License-Identifier: MIT
"""What objects are called: two programs that say it themselves, and every way in which they can be seen."""

import json
import os
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

import pytest
from observe import CORE, LIVE, Look
from read_names import EXPORTED, IN_FUNCTION, Row, read_names
from run_gdb import run_gdb
from threadleak.target.native import NativeTarget
from workshop import Program, Workshop, source_of

HERE = os.path.dirname(os.path.abspath(__file__))


class Form(NamedTuple):
    """How a program is built."""

    name: str
    flags: Tuple[str, ...] = ()
    strip: bool = False


FORMS = {
    "c-O0": Form("variables_c", ("-O0",)),
    "c-O2": Form("variables_c", ("-gz",)),
    "c-units": Form("variables_c", ("-O0", source_of("variables_user"))),
    "c-stripped": Form("variables_c", ("-rdynamic",), strip=True),
    "cxx-O0": Form("variables_cxx", ("-O0",)),
    "cxx-O2": Form("variables_cxx", ("-gz",)),
    "cxx-stripped": Form("variables_cxx", ("-rdynamic",), strip=True),
}
LOOKS = {"live": LIVE, "core": CORE}


@pytest.fixture(scope="module", params=FORMS)
def form(request: Any) -> Form:
    return FORMS[request.param]


@pytest.fixture(scope="module")
def program(workshop: Workshop, form: Form) -> Program:
    return workshop.program(form.name, strip=form.strip, flags=form.flags)


@pytest.fixture(scope="module", params=LOOKS)
def look(request: Any) -> Look:
    return LOOKS[request.param]


@pytest.fixture(scope="module")
def by_gdb(workshop: Workshop, program: Program, look: Look) -> Dict[bool, List[Row]]:
    """With the probe at its side, and alone."""
    seen = run_gdb(
        *look.arguments(workshop, program),
        commands=[
            f"python import sys; sys.path.insert(0, {HERE!r}); import read_names",
            "python read_names.show(True)",
            "python read_names.show(False)",
        ],
    )
    rows = [[Row(*row) for row in json.loads(text.split("\n", 1)[0])] for text in seen.outputs[1:]]
    return {True: rows[0], False: rows[1]}


def check(rows: List[Row], wanted: List[Optional[str]]) -> None:
    assert len(rows) > 18
    assert [row.found for row in rows] == wanted


def wanted_of(rows: List[Row], form: Form) -> List[Optional[str]]:
    if not form.strip:
        return [row.name for row in rows]
    return [row.symbol if row.flags & EXPORTED else None for row in rows]


def test_the_probe(workshop: Workshop, program: Program, form: Form, look: Look) -> None:
    *_, last = look.arguments(workshop, program)
    if look.core:
        rows = read_names(NativeTarget.of_core(last))
    else:
        rows = read_names(NativeTarget.of_process(int(last)))
    check(rows, wanted_of(rows, form))


def test_gdb(by_gdb: Dict[bool, List[Row]], form: Form) -> None:
    check(by_gdb[True], wanted_of(by_gdb[True], form))


def test_gdb_alone(by_gdb: Dict[bool, List[Row]], form: Form) -> None:
    """It knows what is static in a function by its symbol, the name of which is the compiler's choice in C."""
    rows = by_gdb[False]
    wanted = wanted_of(rows, form)
    if not form.strip:
        inner = [bool(row.flags & IN_FUNCTION) for row in rows]
        assert all(row.found for row, is_inner in zip(rows, inner) if is_inner)
        wanted = [
            (row.symbol or row.found) if is_inner else name
            for row, is_inner, name in zip(rows, inner, wanted)
        ]
    check(rows, wanted)
