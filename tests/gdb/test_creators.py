# SPDX-License-Identifier: MIT
"""Threads that others make for the user, and those that nobody sees being made."""

import os


import pytest
from observe import CORE, LIVE, SETTLED, Look, by_name, document, own_frame, run_checked
from workshop import Program, Workshop, line_of, source_of

OWN = {
    "std-thread": "use_thread",
    "std-jthread": "use_jthread",
    "std-async": "use_async",
    "openmp": "use_openmp",
}


@pytest.mark.parametrize("look", [LIVE, CORE])
def test_cxx_threads_are_named_by_the_users_own_frame(workshop: Workshop, look: Look) -> None:
    program = workshop.program("cxx", flags=("-fopenmp",))
    seen = run_checked(
        look.arguments(workshop, program), f"threadleak list --all --format json {SETTLED}"
    )
    assert seen.status == 0
    threads = by_name(document(seen.outputs[0]))
    assert set(threads) == {"cxx", *OWN}
    for name, function in OWN.items():
        own = own_frame(threads[name])
        assert own["function"].split("(")[0] == function, threads[name]["creation_stack"]
        assert own["line"] == line_of("cxx", f"// creates {name}")
        assert threads[name]["class"] == "alive" and threads[name]["creation_stack_complete"]
    assert threads["std-thread"]["detached"] and not threads["std-jthread"]["detached"]


def test_cxx_threads_at_the_end(workshop: Workshop) -> None:
    program = workshop.program("cxx", flags=("-fopenmp",))
    seen = run_checked(
        CORE.arguments(workshop, program),
        "threadleak list --at-end --no-builtin --format json",
        "threadleak filter add site:use_openmp* libgomp keeps its threads",
        "threadleak list --at-end --no-builtin --format json",
        "threadleak filter remove 1",
        "threadleak list --at-end --format json",
    )
    leaked = [document(seen.outputs[at])["summary"]["leaked"] for at in (0, 2, 4)]
    assert leaked == [4, 3, 3]


def test_python_threads(workshop: Workshop) -> None:
    python = Program("python3", os.path.realpath("/usr/bin/python3"), "", "preloaded")
    running = workshop.start(python, source_of("pool"))
    seen = run_checked(
        ["-p", str(running.pid)], "threadleak list --all --format json", "threadleak list --all"
    )
    shown = document(seen.outputs[0])
    made = [thread for thread in shown["threads"] if not thread["main"]]
    assert len(made) == 3 and shown["summary"]["leaked"] == 0 and seen.status == 0
    for thread in made:
        assert thread["class"] == "alive" and thread["detached"]
        assert os.path.basename(own_frame(thread)["module"]).startswith("python3")
        assert thread["creation_stack_complete"]


@pytest.mark.parametrize("kind", ["clone", "timer"])
@pytest.mark.parametrize("core", [False, True])
def test_untracked_threads(workshop: Workshop, kind: str, core: bool) -> None:
    program = workshop.program("untracked")
    running = workshop.start(program, kind)
    arguments = [program.path, running.dump_core()] if core else ["-p", str(running.pid)]
    seen = run_checked(
        arguments,
        "threadleak list --all --format json",
        "threadleak list",
        "threadleak check --strict --no-builtin",
        "threadleak check --strict",
    )
    shown = document(seen.outputs[0])
    assert seen.status == 0
    assert shown["summary"] == {
        "threads": 3,
        "leaked": 0,
        "by_class": {"alive": 2, "untracked": 1},
    }
    assert shown["registry"]["untracked"] == 1
    (untracked,) = [each for each in shown["threads"] if each["class"] == "untracked"]
    assert untracked["id"] is None and not untracked["leaked"]
    assert "note: 1 untracked thread, not in the registry" in seen.outputs[1]
    failed = seen.err.count("check failed: there are untracked threads (--strict)")
    assert failed == {"clone": 2, "timer": 1}[kind]  # there is a built-in rule for glibc's timers
