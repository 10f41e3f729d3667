# SPDX-License-Identifier: MIT
"""The archive in C++: std::thread's calls of libc lie in libstdc++, which a program has as a shared library or not."""

import subprocess
from pathlib import Path
from typing import List

import pytest
from run_shell import BLIND, LEAKS, environment
from workshop import BUILD, ROOT, STATIC_OPTIONS

SOURCE = """
#include <thread>
#include <utility>
#include "threadleak.h"
int main() { std::thread made([] {}); new std::thread(std::move(made)); return threadleak_verify_none(nullptr) < 0; }
"""


@pytest.mark.parametrize(
    "options, is_seen",
    [([], False), (["-no-pie"], False), (["-static-libstdc++"], True), (["-static"], True)],
)
def test_std_thread(tmp_path: Path, options: List[str], is_seen: bool) -> None:
    """Never green: the check of the code, and that of the exit."""
    (tmp_path / "made.cc").write_text(SOURCE)
    parts = ["made.cc", f"@{STATIC_OPTIONS}", f"{BUILD}/libthreadleak.a", "-o", "made"]
    command = ["g++", "-g", f"-I{ROOT}/helper/include", *options, *parts]
    subprocess.run(command, cwd=tmp_path, check=True)
    checking = environment(THREADLEAK_OPTIONS="at_exit=check")
    done = subprocess.run(["./made"], cwd=tmp_path, env=checking, capture_output=True, text=True)
    if is_seen:
        assert done.returncode == LEAKS and "1 leaked thread" in done.stderr, done.stderr
        return
    assert done.returncode == 1  # of the check in the code: it is the program's own
    assert done.stderr.count("std::thread creates threads in libstdc++.so, which the archive") == 2
    (tmp_path / "made.cc").write_text(SOURCE.replace("threadleak_verify_none(nullptr) < 0", "0"))
    subprocess.run(command, cwd=tmp_path, check=True)
    done = subprocess.run(["./made"], cwd=tmp_path, env=checking, capture_output=True, text=True)
    assert done.returncode == BLIND, done.stderr
