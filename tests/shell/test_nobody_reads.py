# SPDX-License-Identifier: MIT
"""Notes and reports that nobody reads: the program that is watched goes on as without us."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from full_pipe import full_pipe

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = str(ROOT / "build/libthreadleak.so")


def run(program: Path, *arguments: str, options: str, stderr: int) -> Any:
    environment = {**os.environ, "LD_PRELOAD": LIBRARY, "THREADLEAK_OPTIONS": options}
    return subprocess.run([program, *arguments], stderr=stderr, env=environment, timeout=60)


def status(program: Path, *arguments: str, options: str) -> int:
    """Of the program, whose standard error is a pipe that nobody reads."""
    read, write = os.pipe()
    os.close(read)
    done = run(program, *arguments, options=options, stderr=write)
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


@pytest.mark.parametrize("more", ["", ":engine=/nonexistent", ":format=json"])
def test_a_pipe_without_a_reader_holds_nobody_up(program: Path, tmp_path: Path, more: str) -> None:
    """The report goes to stderr, and a sentence says why."""
    os.mkfifo(tmp_path / "pipe")
    options = f"at_exit=check:settle_ms=0:log_path={tmp_path}/pipe{more}"
    done = run(program, "leak", options=options, stderr=subprocess.PIPE)
    said = done.stderr.decode()
    assert done.returncode == 3 and "1 leaked thread" in said
    told = f"log_path={tmp_path}/pipe cannot be opened, and what is for it comes here:"
    assert said.count(told) == 1
    assert "start the reader of a pipe first" in said


def test_a_report_that_nobody_takes_is_given_up_and_counts(program: Path) -> None:
    """The pipe has a reader, and is full."""
    read, write = full_pipe()
    done = run(program, "leak", options="at_exit=check:settle_ms=0", stderr=write)
    os.close(write)
    os.close(read)
    assert done.returncode == 3
