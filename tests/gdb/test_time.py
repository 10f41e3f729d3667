# SPDX-License-Identifier: MIT
"""A thread that finished right before the process was stopped may yet be joined, however long ago that is by
now, and however long GDB took to attach."""

import pytest
from run_gdb import LOADER, Run, run_gdb
from workshop import Running, Workshop

NOT_COUNTED = "1 unjoined thread not counted yet"
SETTLE_S, LONGER_S = 2, 3  # to attach takes less than the one even on a busy machine


@pytest.fixture
def process(workshop: Workshop) -> Running:
    return workshop.start(workshop.program("just_finished"))


def finish(process: Running) -> str:
    """The thread finishes while this GDB command runs."""
    return f"shell echo > {process.folder}/go; cat {process.folder}/gone"


def look(process: Running, *commands: str) -> Run:
    attach = f"attach {process.pid}"
    return run_gdb(
        loader=None,
        commands=[
            finish(process),
            attach,
            *commands,
            f"threadleak list --all --settle-ms {SETTLE_S}000",
        ],
    )


def test_symbols_are_read_while_the_process_stands_still(process: Running) -> None:
    seen = look(process, f"shell sleep {LONGER_S}", f"source {LOADER}")
    assert NOT_COUNTED in seen.outputs[-1]
    assert "unjoined, just finished" in seen.outputs[-1]


def test_it_is_known_to_have_run_until_it_stopped_again(process: Running) -> None:
    interrupt = f"shell (sleep {LONGER_S}; kill -INT {process.pid}) >/dev/null 2>&1 &"
    seen = look(process, f"source {LOADER}", interrupt, "continue")
    assert NOT_COUNTED not in seen.outputs[-1]
    assert seen.first_line == "threadleak: 1 leaked thread (1 unjoined) of 2"
