# SPDX-License-Identifier: MIT
"""What the library itself prints, and how GDB goes on from there; programs with sanitizers."""

import os
import resource
import subprocess
from typing import Any

import pytest
from observe import SETTLED, document, own_frame, run_checked
from workshop import LIBRARY, Workshop, line_of

ADDRESS_SPACE = 512 << 20  # room for some dozens of stacks of 8 MiB


@pytest.mark.parametrize("options", ["", "eagain_report=1"])
def test_eagain(workshop: Workshop, options: str) -> None:
    program = workshop.program("eagain")
    running = workshop.start(
        program,
        ready="",
        env={"THREADLEAK_OPTIONS": options},
        limits=((resource.RLIMIT_AS, ADDRESS_SPACE),),
    )
    count = int(running.line())
    assert running.line() == "ready"
    errors = running.errors()
    if options:
        assert errors.startswith(
            "threadleak: a thread could not be created (EAGAIN):"
            f" {count} threads finished and were never joined, 0 are alive\n"
            f"  {count} finished and never joined, 0 alive, created at\n    #0 0x"
        )
        assert f"({program.path}+0x" in errors
    else:
        assert errors == ""
    seen = run_checked(["-p", str(running.pid)], f"threadleak list {SETTLED}")
    assert (
        seen.first_line == f"threadleak: {count} leaked threads ({count} unjoined) of {count + 1}"
    )
    assert "1 thread could not be created, 1 with EAGAIN; last: EAGAIN" in seen.outputs[0]


def sanitizer_library(name: str) -> str:
    found = subprocess.run(
        ["gcc", f"-print-file-name={name}"], capture_output=True, text=True, check=True
    ).stdout.strip()
    return os.path.realpath(found)


@pytest.mark.parametrize(
    "compiler, sanitizer, library",
    [
        ("gcc", "address", "libasan.so"),
        ("gcc", "thread", "libtsan.so"),
        ("clang", "address", None),
        ("clang", "thread", None),
    ],
)
def test_programs_with_sanitizers(
    workshop: Workshop, compiler: str, sanitizer: str, library: Any
) -> None:
    program = workshop.program("crowd", flags=(f"-fsanitize={sanitizer}",), compiler=compiler)
    preload = ":".join([sanitizer_library(library)] * bool(library) + [LIBRARY])
    running = workshop.start(program, "2", "3", preload=preload)
    seen = run_checked(["-p", str(running.pid)], f"threadleak list --all --format json {SETTLED}")
    shown = document(seen.outputs[0])
    assert seen.status == 3
    own = 1 if sanitizer == "thread" else 0  # ThreadSanitizer's own thread, which is seen as well
    assert shown["summary"]["by_class"] == {"unjoined": 3, "alive": 3 + own}
    for thread in shown["threads"]:
        if thread["leaked"]:
            assert own_frame(thread)["function"] == "start_unjoined"
            assert own_frame(thread)["line"] == line_of("crowd", "/* creates unjoined */")
    assert running.errors() == ""
