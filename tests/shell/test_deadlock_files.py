# SPDX-License-Identifier: MIT
"""Whether a deadlock is proven by what the program was when it was loaded, wherever its file is now: `ab_ba` is stuck,
and `healthy_cancel` is not, since it calls pthread_cancel."""

import json
import os
import shutil
from typing import Any, Dict, Tuple

import pytest
from run_gdb import run_gdb
from run_shell import BLIND, run_shell
from test_deadlocks import FOLDER, LINE, expected, in_gdb, names, shell
from workshop import Program, Running, Workshop

OTHER = {"ab_ba": "healthy_cancel", "healthy_cancel": "ab_ba"}
LONG = ("-rdynamic", f"-Wl,--defsym=exported_{5000 * 'x'}=0")  # a core has the first page of a file
each_name = pytest.mark.parametrize("name", sorted(OTHER))


def copy_of(workshop: Workshop, name: str, flags: Tuple[str, ...] = ()) -> Program:
    program = workshop.program(f"{FOLDER}/{name}", flags=flags)
    path = os.path.join(workshop.new_folder(name), "program")
    shutil.copy(program.path, path)
    return program._replace(path=path)


def live_names(running: Running) -> Tuple[object, ...]:
    pid = str(running.pid)
    return names(shell(pid)), names(shell("--stop", pid))


@each_name
def test_the_file_is_gone_or_another_one(workshop: Workshop, name: str) -> None:
    whole = workshop.program(f"{FOLDER}/{name}").path
    other = workshop.program(f"{FOLDER}/{OTHER[name]}").path
    program = copy_of(workshop, name)
    running = workshop.start(program)
    os.remove(program.path)
    assert live_names(running) == (expected(name), expected(name))
    shutil.copy(other, program.path)
    assert live_names(running) == (expected(name), expected(name))
    core = running.dump_core()
    assert names(shell(whole, core)) == names(in_gdb(whole, core)) == expected(name)


@pytest.mark.parametrize("flags", [("-Wl,--build-id=none",), ("-Wl,-z,noseparate-code", "-Os")])
@each_name
def test_other_linker_options(workshop: Workshop, name: str, flags: Tuple[str, ...]) -> None:
    """No build-id; and all of a small file in its first page, which is mapped once more for its data."""
    program = workshop.program(f"{FOLDER}/{name}", flags=flags)
    running = workshop.start(program)
    assert live_names(running) == (expected(name), expected(name))
    assert names(in_gdb("-p", str(running.pid))) == expected(name)
    core = running.dump_core()
    assert names(shell(program.path, core)) == names(in_gdb(program.path, core)) == expected(name)


@pytest.mark.parametrize("flags", [("-static",), ("-static-pie",), ("-static-pie", "-rdynamic")])
@each_name
def test_a_static_program(workshop: Workshop, name: str, flags: Tuple[str, ...]) -> None:
    program = copy_of(workshop, name, flags)
    running = workshop.start(program, preload="")
    assert live_names(running) == (expected(name), expected(name))
    assert names(in_gdb("-p", str(running.pid))) == expected(name)
    os.remove(program.path)
    shutil.copy(workshop.program(f"{FOLDER}/{OTHER[name]}", flags=flags).path, program.path)
    assert live_names(running) == (expected(name), expected(name))


@each_name
def test_a_core_that_lacks_the_symbols_of_a_program_that_is_not_here(
    workshop: Workshop, name: str
) -> None:
    whole = workshop.program(f"{FOLDER}/{name}", flags=LONG).path
    program = copy_of(workshop, name, LONG)
    core = workshop.start(program).dump_core()
    assert names(shell(core)) == names(in_gdb(program.path, core)) == expected(name)
    os.remove(program.path)
    for _ in range(2):
        assert names(shell(whole, core)) == expected(name)
        run = run_shell(*LINE, core)
        assert run.status == BLIND and run.document()["threads"] == []
        (said,) = (each for each in run.document()["findings"] if each["blind"])
        assert said["kind"] == "deadlocks_untold"
        assert said["text"].endswith(f": the symbols of {program.path} cannot be read")
        assert said["text"] in run_shell("check", core).err
        assert "no proof, it may be cancelled" in run_shell("graph", core).out
        shutil.copy(workshop.program(f"{FOLDER}/{OTHER[name]}").path, program.path)


@each_name
def test_gdb_without_the_probe(workshop: Workshop, name: str) -> None:
    """It reads the memory of a process; what it reads of a core may come from another build of a file."""
    commands = ("set threadleak probe off", f"threadleak {' '.join(LINE)}")
    program = workshop.program(f"{FOLDER}/{name}")
    running = workshop.start(program)

    def seen(*target: str) -> Dict[str, Any]:
        found = json.JSONDecoder().raw_decode(run_gdb(*target, commands=commands).outputs[1])
        return found[0]  # type: ignore[no-any-return]  # GDB says more

    assert names(seen("-p", str(running.pid))) == expected(name)
    shown = seen(program.path, running.dump_core())
    told = [each["text"] for each in shown["findings"] if each["blind"]]
    assert shown["threads"] == [] and len(told) == 1
    assert told[0].endswith(": GDB alone cannot read its symbols (`set threadleak probe off`)")
