# SPDX-License-Identifier: MIT
"""Notes and reports that nobody reads: the program that is watched goes on as without us."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = str(ROOT / "build/libthreadleak.so")


def status(program: Path, *arguments: str, options: str) -> int:
    """Of the program, whose standard error is a pipe that nobody reads."""
    read, write = os.pipe()
    os.close(read)
    environment = {**os.environ, "LD_PRELOAD": LIBRARY, "THREADLEAK_OPTIONS": options}
    done = subprocess.run([program, *arguments], stderr=write, env=environment, timeout=60)
    os.close(write)
    return done.returncode


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nobody")
    source, built = folder / "leaks.c", folder / "leaks"
    source.write_text(
        "#include <pthread.h>\n"
        "static void *ends(void *arg) { return arg; }\n"
        "int main(int count, char **words)\n"
        "{\n"
        "    pthread_t one;\n"
        "    pthread_create(&one, 0, ends, 0);\n"
        "    return count > 1 ? 0 : pthread_join(one, 0);\n"
        "}\n"
    )
    subprocess.run(["gcc", "-g", str(source), "-o", str(built)], check=True)
    return built


def test_a_note_does_not_end_the_program(program: Path) -> None:
    assert status(program, options="no_such_option=1") == 0


def test_a_report_does_not_end_the_program_and_counts(program: Path) -> None:
    options = "at_exit=check:settle_ms=0"
    assert status(program, "leak", options=options) == 3
    assert status(program, "leak", options=options + ":engine=/nonexistent") == 3
    assert status(program, options=options) == 0
