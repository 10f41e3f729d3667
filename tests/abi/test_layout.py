# SPDX-License-Identifier: MIT
"""read/abi.py and threadleak_abi.h say the same: every struct, field, offset, size and constant."""

import re
import subprocess
from pathlib import Path
from typing import Dict, List, Tuple

import pytest
from threadleak.read import abi, abi_history

ROOT = Path(__file__).resolve().parents[2]
HEADER = ROOT / "helper" / "include" / "threadleak_abi.h"
STRUCT = re.compile(r"^struct (threadleak_\w+) \{\n(.*?)^\};", re.M | re.S)
FIELD = re.compile(r"^ +[\w ]+?(\w+)(?:\[\w+\])?;", re.M)
CONSTANT = re.compile(r"^#define THREADLEAK_(\w+) +(0x[0-9a-f]+u?|\d+)\b", re.M)

# A constant of the header, and its name in abi.py where that is not the same without the prefix.
RENAMED = {"ABI_BYTE_ORDER": "BYTE_ORDER", "ABI_MAJOR": "MAJOR", "ABI_MINOR": "MINOR"}
SIZES_ALONE = {"NAME_SIZE", "BUILD_ID_MAX"}  # which the sizes of fields show


LAYOUTS = {**abi.LAYOUTS, **abi_history.LAYOUTS}


def header_fields() -> Dict[str, List[str]]:
    text = re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.S)
    return {name: FIELD.findall(body) for name, body in STRUCT.findall(text)}


def python_name(constant: str) -> str:
    return RENAMED.get(constant, re.sub(r"^(REGISTRY|STATE)_", "", constant))


def header_constants() -> List[str]:
    return [name for name, _ in CONSTANT.findall(HEADER.read_text()) if name not in SIZES_ALONE]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> List[str]:
    """What the compiler says, a line each."""
    folder = tmp_path_factory.mktemp("layout")
    lines = []
    for struct, fields in header_fields().items():
        lines += [f"FIELD({struct}, {field})" for field in fields] + [f"SIZE({struct})"]
    lines += [f"CONSTANT(THREADLEAK_{name})" for name in header_constants()]
    (folder / "layout_fields.h").write_text("\n".join(lines) + "\n")
    source, program = Path(__file__).with_name("layout.c"), folder / "layout"
    include = [f"-I{folder}", f"-I{HEADER.parent}"]
    subprocess.run(
        ["gcc", "-Wall", "-Werror", *include, str(source), "-o", str(program)], check=True
    )
    return subprocess.run([str(program)], check=True, capture_output=True, text=True).stdout.split(
        "\n"
    )


def test_the_header_was_understood() -> None:
    """Else the other tests would compare little with little."""
    fields = header_fields()
    assert set(fields) == set(LAYOUTS)
    assert len(fields["threadleak_record"]) == len(abi.RECORD.fields)
    assert len(header_constants()) > 20


def test_every_field(compiled: List[str]) -> None:
    def rows(struct: str) -> List[Tuple[str, ...]]:
        return [tuple(line.split()[1:]) for line in compiled if line.split()[:1] == [struct]]

    for struct, layout in LAYOUTS.items():
        known = [(field.name, str(field.offset), str(field.size)) for field in layout.fields]
        assert rows(struct) == known + [("-", "0", str(layout.size))], struct


def test_every_constant(compiled: List[str]) -> None:
    for line in compiled:
        if " = " in line:
            name, value = line.split(" = ")
            name = python_name(name[len("THREADLEAK_") :])
            module = abi if hasattr(abi, name) else abi_history
            assert getattr(module, name) == int(value), name
    assert f'"{abi.MAGIC.decode()}"' in HEADER.read_text()


def test_frames_are_packed_as_the_macros_say() -> None:
    frame = 0x1234 << 48 | 0x7FFF12345678
    assert (abi.frame_module(frame), abi.frame_pc(frame)) == (0x1234, 0x7FFF12345678)


def test_first_sizes_never_change() -> None:
    sizes = [abi.FIRST_SIZES[layout] for layout in (abi.HEADER, abi.RECORD, abi.SITE, abi.SCOPE)]
    assert sizes == [1344, 128, 64, 128] and abi.FIRST_SIZES[abi.MODULE] == 256
