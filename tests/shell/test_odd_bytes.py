# SPDX-License-Identifier: MIT
"""A byte that is no UTF-8, in the names of a program, its source, its core and its thread: \\xff in every output."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Tuple

import pytest
from run_gdb import run_gdb
from run_shell import LEAKS, SETTLED, run_shell
from workshop import PRELOADED, PROGRAMS, ROOT, Program, Workshop, source_of

ODD = os.fsdecode(b"odd\xff")


@pytest.fixture(scope="module")
def odd(workshop: Workshop) -> Tuple[str, str]:
    """A pid and a core file."""
    folder = workshop.new_folder("odd")
    source, path = os.path.join(folder, f"{ODD}.c"), os.path.join(folder, ODD)
    shutil.copy(source_of("leaky"), source)
    words = ["gcc", "-std=gnu11", "-g", "-D_GNU_SOURCE", f"-I{ROOT}/helper/include"]
    words += [f"-I{PROGRAMS}", source, "-o", path, "-pthread"]
    subprocess.run(words, check=True, capture_output=True)
    program = Program("odd", path, path, PRELOADED)
    core = os.path.join(folder, f"core-{ODD}")
    os.rename(workshop.start(program).dump_core(), core)
    return str(workshop.start(program).pid), core


@pytest.mark.parametrize("format", ["text", "json", "junit", "tap", "github", "sarif"])
def test_in_every_format(odd: Tuple[str, str], format: str) -> None:
    for target in odd:
        seen = run_shell("check", *SETTLED, "--format", format, target)
        written = {"json": r"odd\\xff", "sarif": r"odd\\\\xff"}.get(format, r"odd\xff")
        assert seen.status == LEAKS and written in seen.out
        assert "udcff" not in seen.out + seen.err


def test_json_is_unicode(odd: Tuple[str, str]) -> None:
    shown = run_shell("list", "--format", "json", *SETTLED, odd[1]).document()
    assert shown["target"]["core"].endswith("/core-odd\\xff")
    assert shown["threads"][0]["creation_stack"][0]["file"].endswith("/odd\\xff.c")
    several = run_shell("list", "--format", "json", *SETTLED, odd[1], odd[1]).out
    assert json.loads(several.splitlines()[0])["name"].endswith("core-odd\\xff")


def test_the_program_of_the_core_is_known_again(odd: Tuple[str, str]) -> None:
    program = os.path.join(os.path.dirname(odd[1]), ODD)
    assert "is not the program of" not in run_shell("list", *SETTLED, program, odd[1]).err


def test_in_gdb(odd: Tuple[str, str]) -> None:
    seen = run_gdb("-p", odd[0], commands=["threadleak list", "threadleak list --format json"])
    assert "(odd\\xff.c:" in seen.outputs[0] and "odd\\\\xff.c" in seen.outputs[1]


def test_what_run_says(tmp_path: Path) -> None:
    missing = run_shell("run", "--", str(tmp_path / ODD))
    assert missing.status == 127 and "odd\\xff was not found" in missing.err
