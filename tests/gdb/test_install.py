# SPDX-License-Identifier: MIT
"""What `make install` puts down works from there, and GDB loads it by itself with the library."""

import os
import subprocess
from typing import Any

import pytest
from observe import Look
from run_gdb import ROOT, run_gdb
from workshop import Workshop


def make_install(*variables: str) -> None:
    argv = ["make", "-s", "-C", ROOT, "install", *variables]
    done = subprocess.run(argv, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("core", [False, True])
def test_gdb_loads_it_with_the_library(workshop: Workshop, tmp_path: Any, core: bool) -> None:
    scripts = f"{tmp_path}/auto-load"
    make_install(f"PREFIX={tmp_path}/usr", f"GDB_AUTO_LOAD={scripts}")
    look = Look(core=core, preload=f"{tmp_path}/usr/lib/libthreadleak.so.0")
    seen = run_gdb(
        *look.arguments(workshop, workshop.program("plain")),
        loader=None,
        early=[f"set auto-load scripts-directory {scripts}", f"set auto-load safe-path {scripts}"],
        commands=["python print(threadleak.__file__)", "threadleak check --exit --settle-ms 0"],
    )
    assert seen.first_line == "threadleak: 1 leaked thread (1 unjoined) of 2"
    assert seen.status == 3
    assert seen.outputs[0].startswith(f"{tmp_path}/usr/")


def test_a_package_knows_where_it_will_lie(tmp_path: Any) -> None:
    make_install(f"DESTDIR={tmp_path}", "PREFIX=/usr")
    assert os.path.exists(f"{tmp_path}/usr/lib/libthreadleak.so.0")
    assert os.path.exists(f"{tmp_path}/usr/include/threadleak.h")
    scripts = [
        os.path.join(folder, name)
        for folder, _, names in os.walk(tmp_path)
        for name in names
        if name.startswith("libthreadleak.so.") and name.endswith("-gdb.py")
    ]
    assert len(scripts) == 1 and scripts[0].startswith(f"{tmp_path}/usr/")
    with open(scripts[0], encoding="utf-8") as file:
        text = file.read()
    assert 'PACKAGE_DIR = "/usr/' in text and str(tmp_path) not in text
