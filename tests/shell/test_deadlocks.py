# SPDX-License-Identifier: MIT
"""The programs of tests/programs/deadlocks: each says in its first comment which of its threads are stuck. The same
must be said of all of them live, stopped and from a core, by the shell command and in GDB, and nothing of others."""

import json
import os
import re
import struct
import subprocess
from typing import Callable, Dict, List, Optional, Set

import pytest
from run_gdb import run_gdb
from run_shell import BLIND, CLEAN, LEAKS, run_shell
from workshop import PROGRAMS, Workshop, in_builds, source_of

FOLDER = "deadlocks"
SAMPLES = sorted(
    os.path.splitext(name)[0]
    for name in os.listdir(os.path.join(PROGRAMS, FOLDER))
    if name.endswith((".c", ".cc"))
)
BUILDS = [
    ("-O0", False),
    ("-O2", True),
    ("-O0", True),
    ("-O2", False),
]  # and whether it is stripped
LINE = ("list", "--waits", "always", "--class", "stuck", "--format", "json")


def words_of(name: str, what: str) -> Optional[List[str]]:
    """Of its first comment."""
    with open(source_of(f"{FOLDER}/{name}"), encoding="utf-8") as file:
        found = re.search(rf"^ \* {what}:(.*)$", file.read(), re.M)
    return sorted(found[1].split()) if found is not None else None


def expected(name: str) -> List[str]:
    found = words_of(name, "stuck")
    assert found is not None
    return found


def shell(*target: str) -> Dict[str, object]:
    run = run_shell(*LINE, *target)
    shown = run.document()
    # a core of a program that does not stand still may have a thread that was to be joined next
    leaked: Dict[str, int] = shown["summary"]
    assert run.status == (LEAKS if leaked["leaked"] else CLEAN), run
    return shown


def in_gdb(*target: str) -> Dict[str, object]:
    (output,) = run_gdb(*target, commands=(f"threadleak {' '.join(LINE)}",)).outputs
    return json.JSONDecoder().raw_decode(output)[0]  # type: ignore[no-any-return]  # GDB says more


def names(shown: Dict[str, object]) -> List[str]:
    threads: List[Dict[str, str]] = shown["threads"]  # type: ignore[assignment]
    for each in threads:
        assert each["leaked"] and each["confidence"] == "proof" and each["why"], each
    return sorted(each["name"] for each in threads)


def of_findings(shown: Dict[str, object]) -> Set[str]:
    """Their sentences, without addresses and numbers of threads, which differ from run to run."""
    found: List[Dict[str, str]] = shown["findings"]  # type: ignore[assignment]
    texts = [each["text"] for each in found if each["kind"] == "stuck"]
    return {re.sub(r"0x[0-9a-f]+|tid[: ]\d+", "N", text) for text in texts}


@pytest.mark.parametrize("name, optimize, strip", in_builds(SAMPLES, BUILDS))
def test_what_is_stuck(workshop: Workshop, name: str, optimize: str, strip: bool) -> None:
    program = workshop.program(f"{FOLDER}/{name}", strip=strip, flags=(optimize,))
    running = workshop.start(program)
    child = running.innermost()
    pid = str(child)
    looks: Dict[str, Callable[[], Dict[str, object]]] = {
        "live": lambda: shell(pid),
        "stopped": lambda: shell("--stop", pid),
        "gdb": lambda: in_gdb("-p", pid),
    }
    if name in ("healthy_leader", "gone_main"):
        del looks["gdb"]  # GDB 13 cannot attach to a process whose main thread has left
    seen = {how: look() for how, look in looks.items()}
    snapshot = os.path.join(running.folder, "snapshot.core")
    assert run_shell("snapshot", "-o", snapshot, pid).status == 0
    for _ in range(int(*words_of(name, "looks") or ())):  # those that do not stand still
        assert names(shell(pid)) == names(shell("--stop", pid)) == expected(name)
    core = running.dump_core(child if child != running.pid else None)
    seen["core"] = shell(program.path, core)
    seen["core in gdb"] = in_gdb(program.path, core)
    for how, shown in seen.items():
        assert names(shown) == expected(name), how
    sentences = of_findings(seen["live"])
    assert bool(sentences) == bool(expected(name))
    for how, shown in seen.items():
        assert of_findings(shown) == sentences, how
    # made without a stop: all of it but what hangs on an owner that is gone
    for shown in shell(snapshot), in_gdb(program.path, snapshot):
        assert of_findings(shown) == {each for each in sentences if "gone" not in each}


def test_a_process_that_shares_the_memory_may_hold_what_is_waited_for(workshop: Workshop) -> None:
    pid = str(workshop.start(workshop.program("memory_shared"), "clone").pid)
    why = "what looks like a deadlock is none if another process that has the memory of this one"
    for words in ("check", pid), ("check", "--stop", pid):
        run = run_shell(*words)
        assert run.status == BLIND and why in run.out + run.err, run
    assert names(in_gdb("-p", pid)) == []
    assert "no proof, it waits for what another process may hold" in run_shell("graph", pid).out


def test_a_child_of_vfork_holds_nothing(workshop: Workshop) -> None:
    pid = str(workshop.start(workshop.program("memory_shared"), "vfork").pid)
    assert names(shell(pid)) == names(shell("--stop", pid)) == ["memory_shared"]


def test_who_forked_may_hold_what_names_a_tid_that_is_used_again(workshop: Workshop) -> None:
    if os.getuid() != 0 or subprocess.run(["unshare", "-pf", "--mount-proc", "true"]).returncode:
        pytest.skip("needs the right to make a PID namespace")
    under = ("unshare", "-pf", "--mount-proc", "--kill-child")
    running = workshop.start(workshop.program("tid_again"), under=under)
    pid = str(running.innermost())
    assert names(shell(pid)) == names(shell("--stop", pid)) == []
    assert "no proof, it waits for what main may hold: " in run_shell("graph", pid).out


def test_main_of_a_fork_child_may_hold_what_names_nobody(workshop: Workshop) -> None:
    pid = str(workshop.start(workshop.program("deadlocks/healthy_forked")).innermost())
    graph = run_shell("graph", pid).out
    assert re.search(
        r"`waiter` waits .* -> thread .*`healthy_forked` or a thread that is gone$", graph, re.M
    )
    (waiter,) = re.findall(r"thread (\S+) `waiter` waits", graph)
    assert re.search(
        r"whose owner, tid \d+, stayed behind at the fork, or is main, which had another tid before it",
        run_shell("explain", pid, "--id", waiter).out,
    )


def test_explain_says_once_what_a_stuck_thread_waits_for(workshop: Workshop) -> None:
    running = workshop.start(workshop.program(f"{FOLDER}/chains"))
    pid = str(running.pid)
    threads: List[Dict[str, object]] = shell(pid)["threads"]  # type: ignore[assignment]
    for each in threads:
        run = run_shell("explain", pid, "--id", str(each["id"]))
        assert run.status == CLEAN
        said = run.out.split("\n\n", 1)[0]
        assert f"`{each['name']}` waits for " in said and "nobody can wake" in said
        assert "It waits" not in run.out
        wait: Dict[str, object] = each["wait"]  # type: ignore[assignment]
        assert wait is None or wait["text"]


def test_text_says_where_each_stands(workshop: Workshop) -> None:
    pid = str(workshop.start(workshop.program(f"{FOLDER}/ab_ba")).pid)
    place = rf"waits in lock \(deadlock.h:{line_of_lock()}\)"
    for words in ("list", pid), ("check", pid), ("groups", pid), ("explain", pid, "2"):
        said = run_shell(*words).out
        for name in "first", "second":
            assert re.search(rf"^ +thread \d+ `{name}` {place}$", said, re.M), said


def line_of_lock() -> int:
    with open(os.path.join(PROGRAMS, FOLDER, "deadlock.h"), encoding="utf-8") as file:
        (found,) = (number for number, line in enumerate(file, 1) if "pthread_mutex_lock(" in line)
    return found


def test_a_snapshot_without_a_stop_proves_by_what_it_says_of_threads_that_stood_still(
    workshop: Workshop,
) -> None:
    """Of another core that was made while the process ran on nothing is a proof."""
    running = workshop.start(workshop.program("deadlocks/ab_ba"))
    core = os.path.join(running.folder, "a.core")
    try:
        assert run_shell("snapshot", "-o", core, str(running.pid)).status == 0
    finally:
        running.end()
    assert names(shell(core)) == expected("ab_ba")
    with open(core, "r+b") as file:
        kind = struct.pack("<I", 0x544C0004) + b"THREADLEAK\0"  # SNAPSHOT_NOTE_STEADY
        data = file.read()
        assert data.count(kind) == 1
        file.seek(data.index(kind))
        file.write(b"\xff")
    for command in "check", "list", "groups":
        done = run_shell(command, running.folder)
        assert done.out == (
            f"{core}: threadleak: 0 leaked threads of 3; note: what looks like a deadlock is no proof in a core that"
            " was made while the process ran on\n"
        ), done.err
