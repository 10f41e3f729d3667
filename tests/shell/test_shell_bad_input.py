# SPDX-License-Identifier: MIT
"""What is damaged, foreign, lost or dead: one sentence and a status that is not 0, never a traceback or a crash."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, List, Set

import pytest
from observe import CORE, LIVE
from run_gdb import ROOT
from run_shell import BLIND, CLEAN, LEAKS, SETTLED, Run, run_shell, targets
from workshop import EMBEDDED, Workshop

COMMANDS = ("list", "groups", "check", "stacks", "info")


def must_be_blind(run: Run, *says: str) -> None:
    assert run.status == BLIND, run
    assert run.err.startswith("threadleak: cannot tell") or run.out.startswith("{"), run
    for text in says:
        assert text in run.err, run


def test_quiet_is_green(workshop: Workshop) -> None:
    """Without this the tests below would prove nothing."""
    for look in LIVE, CORE:
        words = targets(look.arguments(workshop, workshop.program("quiet")))
        run = run_shell("check", *words)
        assert run.status == CLEAN and run.out == "threadleak: 0 leaked threads of 2\n"


@pytest.mark.parametrize("look", [LIVE, CORE], ids=["live", "core"])
def test_neither_a_registry_nor_lists_of_threads(workshop: Workshop, look: Any) -> None:
    """A stripped static program has no names for them."""
    program = workshop.program("unregistered", strip=True, flags=("-static",))
    words = targets(look._replace(preload="").arguments(workshop, program))
    for command in "list", "groups", "check":
        must_be_blind(run_shell(command, *words), "no registry was found", "LD_PRELOAD=")
    shown = run_shell("list", *words, "--format", "json").document()
    assert shown["error"].startswith("no registry was found")
    info = run_shell("info", *words)
    assert "program:" in info.out and info.status == BLIND
    assert run_shell("stacks", *words).status == CLEAN


def test_an_address_that_holds_no_registry(workshop: Workshop) -> None:
    words = targets(CORE.arguments(workshop, workshop.program("quiet")))
    for wrong in "0", "0x10", "0xffffffffffffffff", "0xffffffff81000000", str(1 << 62):
        must_be_blind(run_shell("list", *words, "--registry", wrong))


def test_a_core_without_memory(workshop: Workshop) -> None:
    running = workshop.start(workshop.program("quiet"))
    with open(f"/proc/{running.pid}/coredump_filter", "w", encoding="ascii") as file:
        file.write("0")
    must_be_blind(
        run_shell("check", running.dump_core()), "no registry was found", "coredump_filter"
    )


PIECES = (64, 4096, 0.1, 0.5, 0.9, -4096, -1)  # bytes, a share of all, bytes before the end


def cut(workshop: Workshop, tmp_path: Any, name: str, piece: float) -> str:
    path = tmp_path / "core"
    shutil.copy(workshop.core(workshop.program(name)), path)
    size = os.path.getsize(path)
    if piece < 0:
        size += int(piece)
    else:
        size = int(size * piece) if piece < 1 else int(piece)
    os.truncate(path, size)
    return str(path)


@pytest.mark.parametrize("piece", PIECES)
def test_a_truncated_core(workshop: Workshop, tmp_path: Any, piece: float) -> None:
    path = cut(workshop, tmp_path, "quiet", piece)
    must_be_blind(run_shell("check", path))
    for command in COMMANDS:
        assert run_shell(command, path).status == BLIND, command


def test_a_truncated_core_with_leaks_still_shows_them(workshop: Workshop, tmp_path: Any) -> None:
    run = run_shell("check", cut(workshop, tmp_path, "leaky", -4096), *SETTLED)
    assert run.status == LEAKS and "note: the core file is truncated" in run.out


def test_damaged_cores(workshop: Workshop, tmp_path: Any) -> None:
    """Bytes of the headers and notes, one after another, with every value that has broken readers before."""
    whole = open(workshop.core(workshop.program("quiet")), "rb").read()
    path = tmp_path / "core"
    for at in [*range(16, 64, 4), *range(64, 400, 24), *range(4000, 8000, 404)]:
        for value in b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\x00\x00\x80":
            path.write_bytes(whole[:at] + value + whole[at + 4 :])
            run = run_shell("stacks", str(path))
            assert run.status in (CLEAN, BLIND), (at, value, run)


@pytest.mark.parametrize("damage", ["major", "self", "entries", "size"])
@pytest.mark.parametrize("look", [LIVE, CORE], ids=["live", "core"])
def test_a_damaged_registry(workshop: Workshop, look: Any, damage: str) -> None:
    program = workshop.program("quiet")
    running = workshop.start(program, damage)
    words = [program.path, running.dump_core()] if look.core else [str(running.pid)]
    must_be_blind(run_shell("check", *words))


def test_another_program_is_not_believed(workshop: Workshop) -> None:
    leaky, other = workshop.program("leaky"), workshop.program("quiet")
    renamed = os.path.join(workshop.new_folder("other"), "leaky")
    shutil.copy(other.path, renamed)
    core = workshop.core(leaky)
    run = run_shell("list", renamed, core, *SETTLED)
    assert run.first_line.startswith("threadleak: 5 leaked threads") and run.status == LEAKS
    assert run.err == f"threadleak: {renamed} is not the program of {core}, {leaky.path} is\n"
    assert "leaky.c" in run.out and "quiet.c" not in run.out


def test_a_program_rebuilt_since(workshop: Workshop) -> None:
    """The file lies where it lay, and is another."""
    program = workshop.program("leaky", flags=("-DREBUILT",))
    core = workshop.core(program)
    assert "leaky.c" in run_shell("list", core, *SETTLED).out
    os.rename(workshop.program("quiet", flags=("-DREBUILT",)).path, program.path)
    run = run_shell("list", core, *SETTLED)
    assert run.status == LEAKS and "leaky.c" not in run.out and "quiet.c" not in run.out
    assert "it names nothing" in run.out or "no program" in run.out


def test_dropped_records(workshop: Workshop) -> None:
    running = workshop.start(
        workshop.program("crowd"), "8", "0", env={"THREADLEAK_OPTIONS": "max_records=5"}
    )
    run = run_shell("check", str(running.pid))
    must_be_blind(run, "4 threads dropped for lack of room")


def test_dropped_records_in_a_saved_report(workshop: Workshop, tmp_path: Path) -> None:
    running = workshop.start(
        workshop.program("crowd"), "8", "0", env={"THREADLEAK_OPTIONS": "max_records=5"}
    )
    words = ("--all", "--format", "json", "--output", str(tmp_path / "report.json"))
    assert run_shell("groups", str(running.pid), *words).status == BLIND
    run = run_shell("merge", str(tmp_path))
    assert run.status == BLIND and "1 report is incomplete" in run.err
    assert "report.json: 4 threads dropped for lack of room" in run.err
    run_shell("stacks", str(running.pid), *words[1:])
    run = run_shell("merge", str(tmp_path))
    assert run.status == BLIND and "a document without judged threads" in run.err


def test_a_process_that_is_gone(workshop: Workshop) -> None:
    running = workshop.start(workshop.program("quiet"))
    pid = str(running.pid)
    running.end()
    for command in COMMANDS:
        must_be_blind(run_shell(command, pid), pid)
        must_be_blind(run_shell(command, pid, "--stop"), pid)


def test_a_zombie(workshop: Workshop) -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    try:
        for command in COMMANDS:
            must_be_blind(run_shell(command, str(child.pid)))
    finally:
        child.wait()


def test_a_kernel_thread_and_init() -> None:
    for pid in "2", "0":
        for command in "list", "stacks":
            assert run_shell(command, pid).status == BLIND, (command, pid)


def test_main_has_left(workshop: Workshop) -> None:
    """The leader is a zombie then; its memory is that of the others."""
    pid = str(workshop.live(workshop.program("main_exits")).pid)
    run = run_shell("list", pid, *SETTLED)
    assert run.first_line == "threadleak: 1 leaked thread (1 unjoined) of 3"
    assert run.status == LEAKS and "report (main_exits.c:" in run.out
    stacks = run_shell("stacks", pid)
    assert stacks.first_line.startswith("2 threads, ") and "pause (libc.so.6+0x" in stacks.out


def test_an_unreadable_core(workshop: Workshop, tmp_path: Any) -> None:
    folder = tmp_path / "core"
    folder.mkdir()
    must_be_blind(run_shell("list", str(folder)), "no core file in the folder")


def lines(run: Run) -> List[str]:
    return run.out.splitlines()


def test_a_program_that_embeds_the_library_and_is_stripped(workshop: Workshop) -> None:
    program = workshop.program("leaky", EMBEDDED, strip=True)
    run = run_shell("list", workshop.core(program), *SETTLED)
    assert lines(run)[0] == "threadleak: 5 leaked threads (4 unjoined, 1 outlived) of 11"


STOPPED = """
import os, signal, sys
sys.path.insert(0, {gdb!r})
from threadleak.target.native import NativeTarget
target = NativeTarget.of_process({pid}, stop=True)
states = {{open(f"/proc/{pid}/task/{{thread.tid}}/stat").read().rpartition(") ")[2][0] for thread in target.threads()}}
print(*states, flush=True)
os.kill(os.getpid(), signal.{signal})
"""


def task_states(pid: int) -> Set[str]:
    found = set()
    for tid in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{tid}/stat", encoding="ascii") as file:
            found.add(file.read().rpartition(") ")[2][0])
    return found


@pytest.mark.parametrize("signal", ["SIGKILL", "SIGINT"])
def test_who_is_killed_leaves_nobody_stopped(workshop: Workshop, signal: str) -> None:
    running = workshop.start(workshop.program("crowd"), "50", "0")
    gdb = os.path.join(ROOT, "gdb")
    script = STOPPED.format(gdb=gdb, pid=running.pid, signal=signal)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "t\n"  # tracing stop (proc(5)), all of them
    deadline = time.monotonic() + 60
    while task_states(running.pid) != {"S"}:  # on their way back into their system calls
        assert time.monotonic() < deadline and running.process.poll() is None
