# SPDX-License-Identifier: MIT
"""`threadleak stacks`: threads at one place are one block, with and without the library; in GDB too."""

import os
from typing import Any, List

import pytest
from run_gdb import run_gdb
from run_shell import CLEAN, SETTLED, USAGE, run_shell
from workshop import Workshop, line_of

NOBODY = "note: no registry: this is what glibc's own lists of threads tell;"


def blocks(text: str) -> List[str]:
    return text.rstrip("\n").split("\n\n")


def state(pid: int) -> str:
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        return file.read().rsplit(") ", 1)[1][0]


@pytest.fixture(scope="module")
def crowd(workshop: Workshop) -> str:
    """100 blocked threads, 3 that were not joined."""
    pid = workshop.start(workshop.program("crowd"), "100", "3").pid
    while state(pid) == "R":  # main has said that it is ready, and is about to pause
        os.sched_yield()
    return str(pid)


def test_equal_threads_are_one_block(crowd: str) -> None:
    run = run_shell("stacks", crowd, *SETTLED)
    head, many, main = blocks(run.out)
    assert head.split("\n") == [
        "101 threads, 2 different stacks",
        "threadleak: 3 leaked threads (3 unjoined) of 104",
    ]
    lines = many.split("\n")
    made = line_of("crowd", "/* creates blocked */")
    assert lines[0].startswith("100 threads blocked in pause, from block (scenario.h:")
    assert [line.split(None, 1)[0] for line in lines[1:6]] == [
        *("tids", "names", "ids", "class", "created")
    ]
    assert lines[2].split() == ["names", "crowd"] and lines[3].split() == ["ids", "2-101"]
    assert lines[4].split(None, 1)[1] == "100 alive"
    assert lines[5].endswith(f"start_blocked (crowd.c:{made})")
    assert lines[6].startswith("   #0  pause (libc.so.6+0x") and "#1  block (" in lines[7]
    assert lines[8].startswith("   #2  stay (crowd.c:")
    assert lines[9] == "   #3-#4 (start_thread, clone3)" and len(lines) == 10
    assert main.startswith("1 thread blocked in pause, from be_looked_at (scenario.h:")
    assert run.status == CLEAN and run.err == ""


def test_what_is_shown_can_be_chosen(crowd: str) -> None:
    few = run_shell("stacks", crowd, "--limit", "1").out
    assert blocks(few)[-1] == "... and 1 more stack, 1 thread" and len(blocks(few)) == 3
    short = blocks(run_shell("stacks", crowd, "--frames", "2").out)[1]
    assert short.endswith("      (only the first 2 frames)") and "#3" not in short
    full = blocks(run_shell("stacks", crowd, "--full").out)[1]
    assert "   #3  start_thread (libc.so.6+0x" in full and "tests/programs/crowd.c:" in full
    assert (
        run_shell("stacks", crowd, "--state", "running").first_line
        == "0 threads, 0 different stacks"
    )
    assert run_shell("stacks", crowd, "--state", "blocked").first_line.startswith("101 threads")
    assert run_shell("stacks", crowd, "--name", "nobody").first_line.startswith("0 threads")
    assert run_shell("stacks", crowd, "--name", "cr*").first_line.startswith("101 threads")
    assert run_shell("stacks", crowd, "--state", "finished").status == USAGE


@pytest.mark.parametrize("stop", [[], ["--stop"]], ids=["moving", "stopped"])
def test_no_library_is_needed(workshop: Workshop, stop: List[str]) -> None:
    pid = str(workshop.live(workshop.program("leaky"), preload="").pid)
    run = run_shell("stacks", pid, *stop)
    head, *rest = blocks(run.out)
    assert head.startswith("7 threads, ") and f"\n{NOBODY}" in head
    assert "\nthreadleak: 4 leaked threads (4 unjoined) of 11\n" in head
    assert {
        line.split(None, 1)[1] for block in rest for line in block.split("\n") if " names " in line
    } == {*("leaky", "orphan", "straggler", "pool", "daemon", "awaited", "waiter")}
    assert run.status == CLEAN
    shown = run_shell("stacks", pid, "--format", "json").document()
    assert shown["summary"]["leaked"] == 4 and shown["registry"]["found"] is False
    assert [each["kind"] for each in shown["findings"]] == ["no_registry"]
    assert sum(each["threads"] for each in shown["stacks"]) == 7


def test_a_core_without_the_library(workshop: Workshop) -> None:
    core = workshop.core(workshop.program("leaky"), preload="")
    run = run_shell("stacks", core)
    assert run.first_line.startswith("7 threads, ") and run.status == CLEAN
    assert "be_looked_at (scenario.h:" in run.out  # in pause, or still in the write that said so


def test_leaked_ones_are_marked(workshop: Workshop) -> None:
    pid = str(workshop.live(workshop.program("leaky")).pid)
    out = run_shell("stacks", pid).out
    block = next(each for each in blocks(out) if "straggler" in each)
    assert "\n  class       1 outlived\n" in block
    shown = run_shell("stacks", pid, "--format", "json").document()
    leaked = [each for each in shown["stacks"] if each["leaked"]]
    assert [(each["by_class"], each["ids"]) for each in leaked] == [({"outlived": 1}, "6")]
    assert shown["threads"] == [] and shown["summary"]["threads"] == 11


def test_templates_are_folded(workshop: Workshop) -> None:
    program = workshop.program("cxx", flags=("-fopenmp",))
    pid = str(workshop.live(program).pid)
    out, full = run_shell("stacks", pid).out, run_shell("stacks", pid, "--full").out
    assert "std::" not in out and "library frames: --full)" in out
    assert "std::__invoke" in full and "--full" not in full
    assert "2 threads blocked in pause, from block (scenario.h:" in out
    assert ": 1, use_jthread (cxx.cc:" in out


def test_the_same_in_gdb(crowd: str) -> None:
    ours = run_shell("stacks", crowd, *SETTLED).out
    theirs = run_gdb("-p", crowd, commands=["threadleak stacks --settle-ms 0"]).outputs[0]
    for mine, other in zip(blocks(ours), blocks(theirs)):
        assert mine.split("\n")[:3] == other.split("\n")[:3]


def test_hostile_names(workshop: Workshop) -> None:
    pid = str(workshop.live(workshop.program("hostile")).pid)
    for words in [], ["--stop"]:
        out = run_shell("stacks", pid, *words).out
        assert all(char == "\n" or char.isprintable() for char in out)


def test_a_thread_that_runs(workshop: Workshop, tmp_path: Any) -> None:
    """Without a stop nothing can be known of it, and that is said."""
    source = tmp_path / "spin.c"
    source.write_text(
        '#include <stdio.h>\nint main(void) { puts("ready"); fflush(stdout); for (;;) ; }\n'
    )
    workshop.compile(str(source), str(tmp_path / "spin"), ["-O0"])
    program = workshop.program("plain")._replace(name="spin", path=str(tmp_path / "spin"))
    running = workshop.start(program, preload="")
    moving, still = (run_shell("stacks", str(running.pid), *how) for how in ([], ["--stop"]))
    running.end()
    assert "\n1 thread running\n" in moving.out
    assert "(it runs: only a stop (--stop) would show where)" in moving.out
    assert moving.status == 2  # no stack at all was read
    assert "\n1 thread running in main (spin.c:2)\n" in still.out and still.status == CLEAN
