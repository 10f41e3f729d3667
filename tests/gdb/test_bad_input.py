# SPDX-License-Identifier: MIT
"""What is damaged, foreign, lost or dead: one clear sentence and a status that is not 0, never a traceback."""

import os
import shutil
from typing import Any

import pytest
from observe import CORE, CORE_ALONE, LIVE, SETTLED, document, run_checked
from run_gdb import Run, run_gdb
from workshop import EMBEDDED, LIBRARY, Running, Workshop, symbol_offsets


def must_be_blind(seen: Run, *says: str) -> None:
    assert seen.status == 2, seen
    assert "cannot tell" in seen.err
    for text in says:
        assert text in seen.err


def test_quiet_is_green(workshop: Workshop) -> None:
    """Without this the tests below would prove nothing."""
    for look in LIVE, CORE, CORE_ALONE:
        seen = run_checked(look.arguments(workshop, workshop.program("quiet")))
        assert seen.status == 0 and seen.first_line == "threadleak: 0 leaked threads of 2"


# ---- no registry, or none that can be read ------------------------------------------------------------


def test_neither_a_registry_nor_lists_of_threads(workshop: Workshop) -> None:
    """GDB has no libc's symbols where it has no program."""
    alone = CORE_ALONE._replace(preload="")
    arguments = alone.arguments(workshop, workshop.program("quiet"))
    seen = run_checked(arguments, "threadleak list --format json", "threadleak groups")
    must_be_blind(seen, "no registry was found", f"LD_PRELOAD={LIBRARY},")
    shown = document(seen.outputs[0])
    assert shown["registry"]["found"] is False and shown["summary"] is None
    assert shown["error"].startswith("no registry was found")


def test_an_address_that_holds_no_registry(workshop: Workshop) -> None:
    arguments = CORE.arguments(workshop, workshop.program("quiet"))
    wrong = ["0", "0x10", "0xffffffffffffffff", "0xffffffff81000000"]
    seen = run_gdb(*arguments, commands=[f"threadleak list --registry {each}" for each in wrong])
    assert seen.outputs == [""] * 4 and seen.err.count("threadleak: cannot tell: ") == 4
    seen = run_gdb(*arguments, commands=["threadleak check --exit --registry 0x10"])
    assert seen.status == 2


def test_a_core_without_memory(workshop: Workshop) -> None:
    program = workshop.program("quiet")
    running = workshop.start(program)
    with open(f"/proc/{running.pid}/coredump_filter", "w", encoding="ascii") as file:
        file.write("0")
    core = running.dump_core()
    for arguments in [program.path, core], ["-c", core]:
        must_be_blind(run_checked(arguments), "no registry was found", "coredump_filter")


PIECES = (64, 4096, 0.1, 0.5, 0.9, -4096, -1)  # bytes, a share of all, bytes before the end


@pytest.mark.parametrize("piece", PIECES)
def test_a_truncated_core(workshop: Workshop, tmp_path: Any, piece: float) -> None:
    program = workshop.program("quiet")
    cut = tmp_path / "core"
    shutil.copy(workshop.core(program), cut)
    size = os.path.getsize(cut)
    if piece < 0:
        size += int(piece)
    else:
        size = int(size * piece) if piece < 1 else int(piece)
    os.truncate(cut, size)
    must_be_blind(run_checked([program.path, str(cut)]))


def test_a_truncated_core_with_leaks_still_shows_them(workshop: Workshop, tmp_path: Any) -> None:
    program = workshop.program("leaky")
    cut = tmp_path / "core"
    shutil.copy(workshop.core(program), cut)
    os.truncate(cut, os.path.getsize(cut) - 4096)
    seen = run_checked([program.path, str(cut)])
    assert seen.status == 3 and "truncated" in seen.out


def test_what_is_no_core(workshop: Workshop, tmp_path: Any) -> None:
    path = tmp_path / "core"
    path.write_bytes(b"\x7fELF" + bytes(1000))
    assert run_checked([workshop.program("quiet").path, str(path)]).status == 2
    assert run_checked(["-p", "4194304"]).status == 2  # beyond all pids


# ---- the wrong program -------------------------------------------------------------------------------


@pytest.mark.parametrize("link", ["preloaded", EMBEDDED])
def test_a_core_with_the_wrong_program(workshop: Workshop, link: str) -> None:
    """The registry is found all the same, and names are taken from the file that ran, not from the one that was given."""
    wrong, right = workshop.program("plain", link), workshop.program("leaky")
    core = workshop.core(right)
    seen = run_checked([wrong.path, core], f"threadleak list --all --format json {SETTLED}")
    assert seen.status == 3
    assert seen.first_line == "threadleak: 5 leaked threads (4 unjoined, 1 outlived) of 11"
    offsets = symbol_offsets(right.whole)
    starts = [each["start"] for each in document(seen.outputs[0])["threads"] if each["start"]]
    own = [each for each in starts if os.path.basename(each["module"] or "") == "leaky"]
    assert len(own) == 10
    for start in own:
        assert int(start["offset"], 16) == offsets[start["function"]]


# ---- damage ------------------------------------------------------------------------------------------


def quiet(workshop: Workshop, damage: str) -> Running:
    return workshop.start(workshop.program("quiet"), damage)


@pytest.mark.parametrize("core", [False, True])
def test_another_major_version(workshop: Workshop, core: bool) -> None:
    running = quiet(workshop, "major")
    arguments = ["-p", str(running.pid)]
    if core:
        arguments = [workshop.program("quiet").path, running.dump_core()]
    seen = run_checked(arguments, "threadleak info")
    must_be_blind(seen, "has version 7.2, this is a reader of version 1.2")


@pytest.mark.parametrize(
    "damage, says",
    [
        ("self", "no registry was found"),
        ("entries", "beyond the table"),
        ("size", "an entry has 8 bytes"),
    ],
)
def test_damage_is_never_green(workshop: Workshop, damage: str, says: str) -> None:
    must_be_blind(run_checked(["-p", str(quiet(workshop, damage).pid)]), says)


def test_a_newer_minor_version_is_read(workshop: Workshop) -> None:
    seen = run_checked(["-p", str(quiet(workshop, "minor").pid)], "threadleak info")
    assert seen.status == 0 and "newer than this reader" in seen.outputs[0]


def test_a_scope_inside_itself(workshop: Workshop) -> None:
    seen = run_checked(
        ["-p", str(quiet(workshop, "cycle").pid)], "threadleak list --all", "threadleak explain 3"
    )
    assert "blocked" in seen.outputs[0] and "open" in seen.outputs[1]


# ---- lost, dead, hostile -----------------------------------------------------------------------------


@pytest.mark.parametrize("look", [LIVE, CORE])
def test_dropped_records(workshop: Workshop, look: Any) -> None:
    program = workshop.program("crowd")
    running = workshop.start(program, "8", "0", env={"THREADLEAK_OPTIONS": "max_records=5"})
    arguments = [program.path, running.dump_core()] if look.core else ["-p", str(running.pid)]
    seen = run_checked(arguments, "threadleak list", "threadleak list --format json")
    must_be_blind(seen, "4 threads dropped for lack of room")
    assert "note: 4 threads dropped for lack of room" in seen.outputs[0]
    assert document(seen.outputs[1])["registry"]["dropped"] == 4


def test_a_process_that_dies_under_the_debugger(workshop: Workshop) -> None:
    running = workshop.start(workshop.program("quiet"))
    stat = f"/proc/{running.pid}/stat"
    kill = f"shell kill -9 {running.pid}; until grep -q ') Z' {stat}; do :; done"
    seen = run_gdb(
        "-p",
        str(running.pid),
        commands=["threadleak list", kill, "maint flush dcache", "threadleak check --exit"],
    )
    assert seen.outputs[0].startswith("threadleak: 0 leaked threads of 2")
    must_be_blind(seen, f"process {running.pid} has died")


def test_a_process_that_was_killed_and_continued(workshop: Workshop) -> None:
    running = workshop.start(workshop.program("quiet"))
    seen = run_gdb("-p", str(running.pid), commands=["kill", "threadleak check --exit"])
    assert seen.status == 2 and "there is nothing to look at" in seen.err


def test_hostile_names(workshop: Workshop) -> None:
    arguments = LIVE.arguments(workshop, workshop.program("hostile"))
    seen = run_checked(
        arguments,
        f"threadleak list {SETTLED}",
        f"threadleak groups {SETTLED}",
        "threadleak explain 2 3 4 5 6 7",
        f"threadleak list --format json {SETTLED}",
    )
    assert seen.first_line == "threadleak: 6 leaked threads (6 unjoined) of 7"
    for output in seen.outputs:
        assert all(char == "\n" or char.isprintable() for char in output.replace("\t", "\x01"))
    assert "\\x1b[31mred" in seen.outputs[0]
    names = [each["name"] for each in document(seen.outputs[3])["threads"]]
    assert names[0] == "\033[31mred\033[m" and names[2] == "line\nfeed\ttab"
