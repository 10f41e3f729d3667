# SPDX-License-Identifier: MIT
"""target/probe_abi.py, probe.py and threadleak_probe.h say the same: every struct, field, offset, size, constant, function."""

import ctypes
import re
import struct
import subprocess
from pathlib import Path
from typing import Dict, List

import pytest
from threadleak.target import elf, probe, probe_abi

ROOT = Path(__file__).resolve().parents[2]
HEADER = ROOT / "helper" / "include" / "threadleak_probe.h"
STRUCT = re.compile(r"^struct threadleak_probe_(\w+) \{\n(.*?)^\};", re.M | re.S)
FIELD = re.compile(r"^ +[\w *]+?(\w+)(?:\[\w+\])?;", re.M)
CONSTANT = re.compile(r"\bTHREADLEAK_PROBE_(\w+)(?: +0x| +\(| +\d| = )")
FUNCTION = re.compile(r"^[\w ]+?[ *]threadleak_probe_(\w+)\((.*?)\);", re.M | re.S)
SPECIAL = {"abi", "error", "open_core", "open_process"}  # those that take no probe
PROGRAM = """#include <stddef.h>
#include <stdio.h>
#include "threadleak_probe.h"
#define FIELD(type, name) printf("%s %s %zu %zu\\n", #type, #name, \\
    offsetof(struct threadleak_probe_##type, name), sizeof(((struct threadleak_probe_##type *)0)->name));
#define SIZE(type) printf("%s - 0 %zu\\n", #type, sizeof(struct threadleak_probe_##type));
#define CONSTANT(name) printf("%s = %llu\\n", #name, (unsigned long long)THREADLEAK_PROBE_##name);
int main(void)
{
"""


def text() -> str:
    return re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.S)


def header_fields() -> Dict[str, List[str]]:
    return {name: FIELD.findall(body) for name, body in STRUCT.findall(text())}


def constants() -> List[str]:
    return list(dict.fromkeys(CONSTANT.findall(text())))


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> List[str]:
    """What the compiler says, a line each."""
    folder = tmp_path_factory.mktemp("layout")
    lines = []
    for name, fields in header_fields().items():
        lines += [f"FIELD({name}, {field})" for field in fields] + [f"SIZE({name})"]
    lines += [f"CONSTANT({name})" for name in constants()]
    source, program = folder / "layout.c", folder / "layout"
    source.write_text(PROGRAM + "\n".join(lines) + "\nreturn 0;\n}\n")
    subprocess.run(
        ["gcc", "-Wall", "-Werror", f"-I{HEADER.parent}", str(source), "-o", str(program)],
        check=True,
    )
    return subprocess.run(
        [str(program)], check=True, capture_output=True, text=True
    ).stdout.splitlines()


def test_the_header_was_understood() -> None:
    """Else the other tests would compare little with little."""
    assert set(header_fields()) == {*probe_abi.FIELDS, "range"}
    assert len(constants()) > 15
    assert len(FUNCTION.findall(text())) > 15


def test_every_field(compiled: List[str]) -> None:
    for name, fields in probe_abi.FIELDS.items():
        known, codes = [], "@"
        for field, code in fields:
            size = struct.calcsize("@" + code)
            known.append((field, str(struct.calcsize(codes + "0" + code[-1])), str(size)))
            codes += code
        known.append(("-", "0", str(probe_abi.LAYOUTS[name].size)))
        assert [tuple(line.split()[1:]) for line in compiled if line.split()[0] == name] == known


def test_ranges(compiled: List[str]) -> None:
    known = [
        (name, str(getattr(probe._Range, name).offset), str(getattr(probe._Range, name).size))
        for name, _ in probe._Range._fields_
    ]
    known.append(("-", "0", str(ctypes.sizeof(probe._Range))))
    assert [tuple(line.split()[1:]) for line in compiled if line.split()[0] == "range"] == known


def test_every_constant(compiled: List[str]) -> None:
    for line in compiled:
        if " = " in line:
            name, value = line.split(" = ")
            assert getattr(probe_abi, name) == int(value), name


def test_threads_are_columns_of_words() -> None:
    names = [name for name, _ in probe_abi.FIELDS["thread"]]
    assert [names.index(each) for each in probe_abi.POSITIONS] == list(probe_abi.POSITIONS.values())
    assert {code for _, code in probe_abi.FIELDS["thread"][:4]} == {"I"}


def test_every_function() -> None:
    declared = {
        name: 0 if words.strip() == "void" else words.count(",") + 1
        for name, words in FUNCTION.findall(text())
    }
    assert set(declared) == set(probe._FUNCTIONS) | SPECIAL
    for name, (_, arguments) in probe._FUNCTIONS.items():
        assert declared[name] == len(arguments) + 1, name


def test_a_snapshot_is_known_by_the_note_that_the_probe_writes() -> None:
    notes = (ROOT / "helper" / "probe" / "snapshot_notes.h").read_text()
    (kind,) = re.findall(r"\bSNAPSHOT_NOTE_MADE = (0x\w+)", notes)
    kinds = re.findall(r"^    SNAPSHOT_NOTE_(\w+)", notes, re.M)
    known = [elf._NOTE_MADE, elf._NOTE_FILES, elf._NOTE_STEADY]
    assert known == [int(kind, 16) + kinds.index(each) for each in ("MADE", "FILES", "STEADY")]
