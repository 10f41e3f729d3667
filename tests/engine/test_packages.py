# SPDX-License-Identifier: MIT
"""Packages of others, loaded in an interpreter that began without them and without the whole of typing."""

import os
import subprocess
import sys

from threadleak import packages

ROOT = os.path.join(os.path.dirname(__file__), "..", "..")
BEGIN = f"""
import sys
sys.path.insert(0, {os.path.join(ROOT, "gdb")!r})
from threadleak import lean_typing
lean_typing.install()
from threadleak import packages
"""


def run(code: str) -> str:
    command = [sys.executable, "-IS", "-c", BEGIN + code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_load() -> None:
    """pytest stands for any: it is there, and needs typing."""
    shown = run(
        "module = packages.load('pytest')\nimport typing\n"
        "print(module.__name__, typing.get_type_hints.__name__, packages.load('pytest') is module)"
    )
    assert shown == "pytest get_type_hints True\n"


def test_missing() -> None:
    shown = run("try:\n packages.load('no_such_package')\nexcept ImportError as e: print(e.name)")
    assert shown == "no_such_package\n"


def test_sentence() -> None:
    assert packages.wanted("--format pprof", "protobuf", "python3-protobuf") == (
        "--format pprof needs the Python package protobuf: install python3-protobuf, as Debian calls it"
    )
