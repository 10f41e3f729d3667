# SPDX-License-Identifier: MIT
"""The probe reads stacks for GDB: the same ones, in a live process that GDB holds and in a core."""

from typing import Any, Dict, List

import pytest
from observe import CORE, LIVE, SETTLED, Look, by_name, document
from run_gdb import run_gdb
from workshop import Workshop

STACKS = f"threadleak list --all --stacks --format json {SETTLED}"


def looks(arguments: List[str], *early: str) -> List[Dict[str, Any]]:
    """The threads by name, as the probe and as GDB alone read them."""
    commands = ["threadleak info", STACKS, "set threadleak probe off", STACKS, "threadleak info"]
    seen = run_gdb(*arguments, commands=commands, early=early)
    assert "stacks:           read by libthreadleak-probe.so\n" in seen.outputs[0]
    assert "stacks:           read by GDB (`set threadleak probe off`)\n" in seen.outputs[4]
    return [by_name(document(seen.outputs[at])) for at in (1, 3)]


def functions(thread: Dict[str, Any]) -> List[str]:
    return [frame["function"] for frame in thread["stack"]]


@pytest.mark.parametrize("look", [LIVE, CORE])
@pytest.mark.parametrize("name", ["leaky", "cxx"])
def test_the_same_either_way(workshop: Workshop, name: str, look: Look) -> None:
    flags = ("-fopenmp",) if name == "cxx" else ()
    arguments = look.arguments(workshop, workshop.program(name, flags=flags))
    by_probe, by_gdb = looks(arguments)
    assert by_probe == by_gdb


def test_the_probe_finds_the_program_that_gdb_was_not_given(workshop: Workshop) -> None:
    """GDB alone guesses then: other frames, with which nobody is helped."""
    program, core = CORE.arguments(workshop, workshop.program("cxx", flags=("-fopenmp",)))
    with_program, without = looks([program, core])[0], looks(["-c", core])[0]
    for name, thread in without.items():
        pcs = [[frame["pc"] for frame in each["stack"]] for each in (thread, with_program[name])]
        assert dict.fromkeys(pcs[0]) == dict.fromkeys(pcs[1]) and thread["stack_end"] is None


@pytest.mark.parametrize("look", [LIVE, CORE])
def test_stacks_that_need_all_registers(workshop: Workshop, look: Look) -> None:
    by_probe, by_gdb = looks(look.arguments(workshop, workshop.program("depths")))
    assert by_probe == by_gdb
    assert by_probe["plain"]["state"] == "running" and by_probe["blocked"]["state"] == "blocked"
    assert functions(by_probe["plain"])[:8] == ["spin", *["in_plain_frames"] * 6, "plain"]
    assert functions(by_probe["variable"])[:3] == ["spin", "in_variable_frame", "variable"]
    assert "raise_it" in functions(by_probe["handler"])
    assert not any(thread.get("stack_end") for thread in by_probe.values())


def test_without_the_probe(workshop: Workshop, tmp_path: Any) -> None:
    """Where it was not installed GDB does it alone, and says why."""
    import shutil

    from run_gdb import LOADER

    copy = tmp_path / "gdb"
    shutil.copytree(LOADER.rsplit("/", 1)[0], copy)
    arguments = CORE.arguments(workshop, workshop.program("leaky"))
    seen = run_gdb(
        *arguments,
        commands=["threadleak info", STACKS, "info threads"],
        loader=str(copy / "threadleak-gdb.py"),
    )
    assert "stacks:           read by GDB (the probe cannot be loaded" in seen.outputs[0]
    assert by_name(document(seen.outputs[1]))["orphan"]["stack"]
