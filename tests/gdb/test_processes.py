# SPDX-License-Identifier: MIT
"""Processes and libraries that come and go: forks, plugins, a library that comes too late, or first."""

import os
import subprocess
from functools import partial
from typing import Any, Dict, Tuple

import pytest
from observe import CORE, LIVE, SETTLED, Look, by_name, document, own_frame, run_checked
from run_gdb import Run
from workshop import LIBRARY, STATIC, Program, Running, Workshop, line_of, symbol_offsets

SHARED = ("-shared", "-fPIC", "-Wl,--build-id")


# ---- forks ---------------------------------------------------------------------------------------


def fork(workshop: Workshop, how: str) -> Tuple[Running, int]:
    """A running parent, and the pid of its child, which is ready."""
    running = workshop.start(workshop.program("forked"), how, ready="")
    child = int(running.line())
    assert running.line() == "ready"
    return running, child


def look_at_child(workshop: Workshop, how: str, core: bool, *commands: str) -> Run:
    running, child = fork(workshop, how)
    arguments = ["-p", str(child)]
    if core:
        arguments = [workshop.program("forked").path, running.dump_core(child)]
    return run_checked(arguments, *commands)


@pytest.mark.parametrize("core", [False, True])
@pytest.mark.parametrize("how", ["fork", "_Fork-create"])
def test_a_child_has_its_own_threads_alone(workshop: Workshop, how: str, core: bool) -> None:
    seen = look_at_child(
        workshop, how, core, f"threadleak list --all --format json {SETTLED}", "threadleak info"
    )
    shown = document(seen.outputs[0])
    # after _Fork libthread_db gives GDB threads of the parent's that a core of the child does not have
    known = [each for each in shown["threads"] if each["id"] is not None]
    threads = {each["name"]: each for each in known if not each["main"]}
    assert set(threads) == {"child-unjoined", "child-blocked"} and len(known) == 3
    assert threads["child-unjoined"]["class"] == "unjoined"
    assert threads["child-blocked"]["class"] == "alive"
    assert "2 other threads of its parent are not here" in seen.outputs[1]
    assert seen.status == 3


@pytest.mark.parametrize("core", [False, True])
def test_of_a_child_that_no_handler_saw_it_cannot_be_told(workshop: Workshop, core: bool) -> None:
    seen = look_at_child(workshop, "_Fork", core)
    assert seen.status == 2
    assert "cannot tell: the registry is that of process " in seen.err
    assert "vfork, _Fork or clone" in seen.err and "leaked" not in seen.outputs[-1]


def test_the_parent_of_a_fork_stays_as_it_was(workshop: Workshop) -> None:
    running, _ = fork(workshop, "fork")
    seen = run_checked(["-p", str(running.pid)])
    assert seen.first_line == "threadleak: 1 leaked thread (1 unjoined) of 3"
    assert seen.status == 3


# ---- the main thread -------------------------------------------------------------------------------


def test_a_core_of_a_process_whose_main_thread_left(workshop: Workshop) -> None:
    program = workshop.program("main_exits")
    seen = run_checked(
        CORE.arguments(workshop, program), f"threadleak list --all --format json {SETTLED}"
    )
    shown = document(seen.outputs[0])
    assert shown["summary"]["by_class"] == {"unjoined": 1, "alive": 2}
    (unjoined,) = [each for each in shown["threads"] if each["leaked"]]
    assert unjoined["confidence"] == "proof" and "The main thread finished." in unjoined["why"]
    assert own_frame(unjoined)["function"] == "report"
    assert seen.status == 3


def test_a_live_process_whose_main_thread_left(workshop: Workshop) -> None:
    """GDB 13 takes it for a zombie and does not attach; that is not green."""
    seen = run_checked(LIVE.arguments(workshop, workshop.program("main_exits")))
    assert seen.status in (2, 3) and "0 leaked" not in seen.out


@pytest.mark.parametrize("core", [False, True])
@pytest.mark.parametrize(
    "name, leaked",
    [
        ("exiting", {"unjoined": "unjoined", "outlived": "outlived"}),
        ("late_handler", {"outlived": "outlived"}),  # runs before the library's own handler
    ],
)
def test_the_process_is_exiting(
    workshop: Workshop, name: str, leaked: Dict[str, str], core: bool
) -> None:
    program = workshop.program(name)
    running = workshop.start(program)
    arguments = [program.path, running.dump_core()] if core else ["-p", str(running.pid)]
    seen = run_checked(arguments, f"threadleak list --format json {SETTLED}")
    threads = by_name(document(seen.outputs[0]))
    assert {name: each["class"] for name, each in threads.items()} == leaked
    assert {each["confidence"] for each in threads.values()} == {"proof"}
    assert "although the process is exiting" in threads["outlived"]["why"][0]
    assert seen.status == 3


# ---- another PID namespace -------------------------------------------------------------------------

# Its process 1 does not die of signals, so that the program must be another one.
IN_NAMESPACE = (
    "unshare",
    "--pid",
    "--fork",
    "--mount-proc",
    "sh",
    "-c",
    '"$0"; echo "child ended"',
)


def start_in_namespace(workshop: Workshop, name: str, **how: Any) -> Tuple[Program, Running, int]:
    """The last is its pid, seen from here."""
    trial = subprocess.run([*IN_NAMESPACE[:4], "true"], capture_output=True, text=True)
    if trial.returncode:
        pytest.skip(f"no PID namespace can be made here: {trial.stderr.strip()}")
    program = workshop.program(name)
    running = workshop.start(program, under=IN_NAMESPACE, **how)
    return program, running, running.innermost()


def core_from_outside(running: Running, pid: int) -> str:
    """Its numbers are those of here: GDB adds threads that libthread_db makes up."""
    path = os.path.join(running.folder, "outside")
    subprocess.run(["gcore", "-o", path, str(pid)], check=True, capture_output=True, timeout=60)
    return f"{path}.{pid}"


@pytest.mark.parametrize("how", ["live", "core", "core from outside"])
def test_numbers_differ_in_another_pid_namespace(workshop: Workshop, how: str) -> None:
    program, running, child = start_in_namespace(workshop, "leaky")
    arguments = ["-p", str(child)]
    if how != "live":
        dump = running.dump_core if how == "core" else partial(core_from_outside, running)
        arguments = [program.path, dump(child)]
    seen = run_checked(arguments, f"threadleak list --all --format json {SETTLED}")
    assert seen.first_line == "threadleak: 5 leaked threads (4 unjoined, 1 outlived) of 11"
    states = {name: each["state"] for name, each in by_name(document(seen.outputs[0])).items()}
    assert states["straggler"] == "blocked" and states["request-1"] == "finished"
    assert seen.status == 3


def test_a_deadlock_in_another_pid_namespace_without_the_library(workshop: Workshop) -> None:
    program, running, child = start_in_namespace(workshop, "deadlocks/ab_ba", preload="")
    for target in ("-p", str(child)), (program.path, core_from_outside(running, child)):
        seen = run_checked(target, "threadleak list --all")
        assert seen.first_line == "threadleak: 2 leaked threads (2 stuck) of 3"
        assert seen.status == 3 and "untracked" not in seen.outputs[0]


# ---- plugins -------------------------------------------------------------------------------------


@pytest.mark.parametrize("look", [LIVE, CORE])
def test_threads_of_a_plugin_that_was_unloaded(workshop: Workshop, look: Look) -> None:
    plugin = workshop.program("plugin", flags=SHARED)
    host = workshop.program("plugin_host")
    running = workshop.start(host, plugin.path)
    arguments = ["-p", str(running.pid)]
    if look.core:
        arguments = [host.path, running.dump_core()]
    seen = run_checked(
        arguments, f"threadleak list --all --format json {SETTLED}", f"threadleak list {SETTLED}"
    )
    assert seen.status == 3
    threads = by_name(document(seen.outputs[0]))
    offsets = symbol_offsets(plugin.path)
    starts = {"plugin-alive": "stay_in_plugin", "plugin-unjoined": "finish_in_plugin"}
    for name, function in starts.items():
        start, own = threads[name]["start"], own_frame(threads[name])
        assert start["module"] == own["module"] == plugin.path
        assert int(start["offset"], 16) == offsets[function]
        assert 0 < int(own["offset"], 16) - offsets["start_work"] < 200
        host_frame = threads[name]["creation_stack"][1]
        assert host_frame["function"] == "main"
        assert host_frame["line"] == line_of("plugin_host", "/* calls the plugin */")
        assert threads[name]["creation_stack_complete"]
        assert (start["function"], own["function"]) == (function, "start_work")
    assert threads["plugin-alive"]["class"] == "alive"
    assert "finish_in_plugin" in seen.outputs[1] and "plugin+0x" not in seen.outputs[1]


# ---- when the library comes ----------------------------------------------------------------------


@pytest.mark.parametrize("core", [False, True])
def test_of_a_library_that_came_too_late_glibc_tells(workshop: Workshop, core: bool) -> None:
    program = workshop.program("late")
    running = workshop.start(program, LIBRARY, preload="")
    arguments = [program.path, running.dump_core()] if core else ["-p", str(running.pid)]
    seen = run_checked(arguments, "threadleak list --format json")
    shown = document(seen.outputs[0])
    findings = {each["kind"]: each for each in shown["findings"]}
    assert "loaded too late, by dlopen" in findings["unusable_registry"]["text"]
    assert findings["unusable_registry"]["blind"] and not shown["registry"]["found"]
    assert shown["summary"]["by_class"]["unjoined"] == 1 and seen.status == 3


@pytest.mark.parametrize("is_first", [False, True])
def test_a_thread_of_a_constructor_that_ran_before_ours(workshop: Workshop, is_first: bool) -> None:
    early = workshop.program("early", flags=SHARED)
    order = [early.path, LIBRARY] if is_first else [LIBRARY, early.path]
    look = Look(core=False, preload=":".join(order))
    seen = run_checked(
        look.arguments(workshop, workshop.program("plain")),
        f"threadleak list --format json {SETTLED}",
    )
    threads = by_name(document(seen.outputs[0]))
    assert set(threads) == {"early", "plain"}
    assert {each["class"] for each in threads.values()} == {"unjoined"}
    assert own_frame(threads["early"])["function"] == "start_early"


def test_a_static_program_that_uses_little(workshop: Workshop) -> None:
    seen = run_checked(LIVE.arguments(workshop, workshop.program("plain", STATIC)))
    assert seen.first_line == "threadleak: 1 leaked thread (1 unjoined) of 2"
    assert seen.status == 3
