# SPDX-License-Identifier: MIT
"""The programs of tests/programs/deadlocks: each says in its first comment which of its threads are stuck. The same
must be said of all of them live, stopped and from a core, by the shell command and in GDB, and nothing of others."""

import json
import os
import re
from typing import Callable, Dict, List, Set

import pytest
from run_gdb import run_gdb
from run_shell import CLEAN, LEAKS, run_shell
from workshop import PROGRAMS, Workshop, in_builds

FOLDER = "deadlocks"
SAMPLES = sorted(
    name[:-2] for name in os.listdir(os.path.join(PROGRAMS, FOLDER)) if name.endswith(".c")
)
# The kernel refuses the second lock, so libc parks that thread on its own stack, near which both mutexes are named:
# which of them it waits for cannot be told for sure, so nothing is said of it.
UNTOLD = ("ring_inheritance",)
TOLD = [name for name in SAMPLES if name not in UNTOLD]
BUILDS = [
    ("-O0", False),
    ("-O2", True),
    ("-O0", True),
    ("-O2", False),
]  # and whether it is stripped
LINE = ("list", "--waits", "always", "--class", "stuck", "--format", "json")


def expected(name: str) -> List[str]:
    with open(os.path.join(PROGRAMS, FOLDER, f"{name}.c"), encoding="utf-8") as file:
        found = re.search(r"^ \* stuck:(.*)$", file.read(), re.M)
    assert found is not None
    return sorted(found[1].split())


def shell(*target: str) -> Dict[str, object]:
    run = run_shell(*LINE, *target)
    shown = run.document()
    assert run.status == (LEAKS if shown["threads"] else CLEAN), run
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


@pytest.mark.parametrize("name, optimize, strip", in_builds(TOLD, BUILDS))
def test_what_is_stuck(workshop: Workshop, name: str, optimize: str, strip: bool) -> None:
    program = workshop.program(f"{FOLDER}/{name}", strip=strip, flags=(optimize,))
    running = workshop.start(program)
    pid = str(running.pid)
    looks: Dict[str, Callable[[], Dict[str, object]]] = {
        "live": lambda: shell(pid),
        "stopped": lambda: shell("--stop", pid),
        "gdb": lambda: in_gdb("-p", pid),
    }
    if name == "healthy_leader":
        del looks["gdb"]  # GDB 13 cannot attach to a process whose main thread has left
    seen = {how: look() for how, look in looks.items()}
    core = running.dump_core()
    seen["core"] = shell(program.path, core)
    seen["core in gdb"] = in_gdb(program.path, core)
    for how, shown in seen.items():
        assert names(shown) == expected(name), how
    sentences = of_findings(seen["live"])
    assert bool(sentences) == bool(expected(name))
    for how, shown in seen.items():
        assert of_findings(shown) == sentences, how


@pytest.mark.parametrize("name", UNTOLD)
def test_what_cannot_be_told_is_no_proof(workshop: Workshop, name: str) -> None:
    running = workshop.start(workshop.program(f"{FOLDER}/{name}"))
    assert set(names(shell(str(running.pid)))) <= set(expected(name))


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
