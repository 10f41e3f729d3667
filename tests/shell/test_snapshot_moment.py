# SPDX-License-Identifier: MIT
"""A snapshot tells when it was made, so that it is judged as its process was then, not as a core of a dead one."""

import os

import pytest
from run_shell import BLIND, CLEAN, LEAKS, SETTLED, run_shell
from workshop import Workshop


@pytest.mark.parametrize("how", [(), ("--stop",)])
def test_a_thread_that_just_finished_is_not_counted_yet(
    workshop: Workshop, how: "tuple[str, ...]"
) -> None:
    running = workshop.start(workshop.program("just_finished"))
    core = os.path.join(running.folder, "a.core")
    try:
        for fifo in ("go", "gone"):
            mode = os.O_WRONLY if fifo == "go" else os.O_RDONLY
            os.close(os.open(os.path.join(running.folder, fifo), mode))
        done = run_shell("snapshot", "-o", core, *how, str(running.pid))
        assert done.status == 0 and f"{core}: 1 thread; " in done.out, done.err
    finally:
        running.end()
    done = run_shell("check", "--settle-ms", "60000", core)
    assert (done.status, "1 unjoined thread not counted yet" in done.out) == (CLEAN, True)
    assert run_shell("check", *SETTLED, core).status == LEAKS


def test_whether_threads_are_untracked_cannot_be_told_of_one_that_was_made_without_a_stop(
    workshop: Workshop,
) -> None:
    """They may have begun while it was made. Who asks to fail for them is not told that there are none."""
    running = workshop.start(workshop.program("untracked"), "clone")
    core = os.path.join(running.folder, "untracked.core")
    try:
        for how, status, said in (
            ((), BLIND, "cannot tell whether threads leaked: 1 thread that may have come or gone"),
            (("--stop",), LEAKS, "check failed: there are untracked threads (--strict)"),
        ):
            assert run_shell("snapshot", "-o", core, *how, str(running.pid)).status == 0
            strict = run_shell("check", "--strict", *SETTLED, core)
            assert (strict.status, said in strict.err) == (status, True), strict.err
            assert run_shell("check", *SETTLED, core).status == CLEAN
            os.unlink(core)
    finally:
        running.end()
