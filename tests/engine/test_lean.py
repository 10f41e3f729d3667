# SPDX-License-Identifier: MIT
"""The first look of a check is soon there: it imports what it needs, and not typing."""

import ast
import subprocess
import sys
from pathlib import Path
from typing import List, Set

import pytest
from threadleak.judge.verdicts import Settings
from threadleak.read import abi
from threadleak.target.base import Frame

LEAN = """
import sys
sys.path.insert(0, sys.argv[1])
from threadleak import lean_typing
lean_typing.install()
import threadleak.commands.verify
"""


def run_lean(code: str) -> List[str]:
    """As scripts/threadleak begins."""
    gdb = str(Path(__file__).resolve().parents[2] / "gdb")
    argv = ["/usr/bin/python3", "-IS", "-c", LEAN + code, gdb]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()


def test_the_first_look_imports_what_it_needs() -> None:
    """The program waits for it."""
    loaded = set(run_lean("print(*sys.modules)"))
    assert not loaded & {"argparse", "json", "subprocess", "shutil", "re", "enum"}
    assert not [name for name in loaded if name.startswith("threadleak.show")]
    assert "threadleak.judge.report" not in loaded


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="hints are made when they are asked for")
def test_without_typing_all_is_the_same() -> None:
    code = """
from threadleak.read import abi
from threadleak.target.base import Frame, Target
from threadleak.judge.verdicts import Settings
frame = Frame(7, function="f")._replace(line=3)
print(*Frame._fields, frame == (7, "f", None, None, None, 3), Frame.__module__, Frame.__doc__[:7])
print(Settings(), Settings(settle_ms=3).settle_ms, abi.HEADER.size, abi.RECORD.fields[3].code)
print("typing" in sys.modules, "re" in sys.modules)
for wrong in ((), (1, 2, 3, 4, 5, 6, 7)), ((), (1, 2), ), ((("colour", 3),), (1,)):
    try:
        print(Frame(*wrong[1], **dict(wrong[0])).function)
    except TypeError as error:
        print("TypeError")
"""
    fields = "pc function module offset file line"
    assert " ".join(run_lean(code)) == (
        f"{fields} True threadleak.target.base A place"
        f" {Settings()} 3 {abi.HEADER.size} {abi.RECORD.fields[3].code} True False"
        " TypeError 2 TypeError"
    )


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="hints are made when they are asked for")
def test_what_is_called_of_typing_is_there() -> None:
    """A hint may be anything; what is called when the engine runs must do what it does in typing."""
    called: Set[str] = set()
    for file in (Path(__file__).resolve().parents[2] / "gdb/threadleak").rglob("*.py"):
        tree = list(ast.walk(ast.parse(file.read_text())))
        imports = [node for node in tree if isinstance(node, ast.ImportFrom)]
        names = {name.name for node in imports if node.module == "typing" for name in node.names}
        callees = [node.func for node in tree if isinstance(node, ast.Call)]
        called |= names & {callee.id for callee in callees if isinstance(callee, ast.Name)}
    assert called == {"TypeVar", "cast"}
    assert run_lean("import typing; print(typing.cast('X', 7))") == ["7"]
