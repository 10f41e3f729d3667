# SPDX-License-Identifier: MIT
"""The stages keep apart: who imports what, read from the source."""

import ast
import re
from pathlib import Path
from typing import Dict, Iterator, Set

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "gdb" / "threadleak"
MAY_IMPORT_GDB = {
    *("in_gdb.py", "target/debugger.py", "target/debugger_events.py"),
    *("target/debugger_frames.py", "target/debugger_variables.py"),
}
STAGES = ["target", "read", "judge", "show", "commands"]  # each knows those before it alone
# `_signal` is what signal is made of, without the enum that it loads.
STANDARD = set(
    """
    _signal argparse base64 bisect codecs collections contextlib ctypes difflib errno fnmatch functools
    gc glob gzip hashlib html http importlib io itertools json operator os re resource select
    shlex shutil signal site socket stat string struct subprocess sys tempfile termios textwrap
    threading time tty types typing unicodedata urllib xml zlib
""".split()
)


def imports(path: Path) -> Iterator[str]:
    """Top modules by name; those of the package as ".folder"."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            name = (node.module or "").split(".")[0]
            if node.level == 0:
                yield name
            elif node.level == 2:
                yield from [f".{name}"] if name else [f".{alias.name}" for alias in node.names]


def all_imports() -> Dict[str, Set[str]]:
    files = PACKAGE.rglob("*.py")
    return {str(path.relative_to(PACKAGE)): set(imports(path)) for path in files}


def test_few_files_import_gdb() -> None:
    assert {name for name, found in all_imports().items() if "gdb" in found} == MAY_IMPORT_GDB


def test_one_file_loads_the_probe_and_one_calls_the_kernel() -> None:
    assert {name for name, found in all_imports().items() if "ctypes" in found} == {
        *("target/probe.py", "target/sharers.py")
    }


def test_the_standard_library_is_enough() -> None:
    for name, found in all_imports().items():
        assert {each for each in found if not each.startswith(".")} <= STANDARD | {"gdb"}, name


def unused(path: Path) -> Iterator[str]:
    """Names that a file imports and does not say again."""
    text = path.read_text()
    for node in ast.walk(ast.parse(text)):
        is_meant = isinstance(node, ast.ImportFrom) and node.module == "__future__"
        if not isinstance(node, (ast.Import, ast.ImportFrom)) or is_meant:
            continue
        if "F401" in text.splitlines()[node.lineno - 1]:  # fixtures
            continue
        for alias in node.names:
            name = (alias.asname or alias.name).split(".")[0]
            if len(re.findall(rf"\b{name}\b", text)) == 1:
                yield f"{path}: {name}"


def test_nothing_is_imported_for_nobody() -> None:
    files = [
        path for folder in ("gdb", "helper", "tests") for path in (ROOT / folder).rglob("*.py")
    ]
    assert [name for path in files for name in unused(path)] == []


def test_no_stage_reaches_back() -> None:
    for name, found in all_imports().items():
        folder = name.split("/")[0]
        if folder in STAGES:
            later = {f".{stage}" for stage in STAGES[STAGES.index(folder) + 1 :]}
            assert not found & later, name


def test_every_file_names_its_licence_and_its_subject() -> None:
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text()
        assert text.startswith("# SPDX-License-Identifier: MIT\n"), path
        assert ast.get_docstring(ast.parse(text)), path
