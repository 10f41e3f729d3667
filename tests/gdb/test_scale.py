# SPDX-License-Identifier: MIT
"""20,000 records, 10,000 threads alive: a report of a screenful, and right to the last one."""

import pytest
from observe import SETTLED, document
from run_gdb import Run, run_gdb
from workshop import Workshop, line_of

ALIVE = UNJOINED = 10_000
SUMMARY = "threadleak: 10,000 leaked threads (10,000 unjoined) of 20,001"
LARGE = ("set libthread-db-search-path /nonexistent",)  # as `threadleak gdb` does for large cores


@pytest.fixture(scope="module")
def seen(workshop: Workshop) -> Run:
    program = workshop.program("crowd")
    core = workshop.start(program, str(ALIVE), str(UNJOINED)).dump_core()
    return run_gdb(
        program.path,
        core,
        early=LARGE,
        commands=[
            f"threadleak list {SETTLED}",
            f"threadleak list --all {SETTLED}",
            f"threadleak groups --all {SETTLED}",
            "threadleak explain 15000",
            f"threadleak list --format json --all {SETTLED}",
            f"threadleak check --exit {SETTLED}",
        ],
    )


def test_text_is_a_screenful(seen: Run) -> None:
    for number in 0, 1, 2, 3, 5:
        assert len(seen.outputs[number].splitlines()) <= 40, seen.outputs[number]
    for number in 0, 1, 2, 5:
        assert seen.outputs[number].split("\n", 1)[0] == SUMMARY
    assert seen.status == 3


def test_the_rest_is_counted(seen: Run) -> None:
    assert "... and 9,992 more like these: ids 10010-20001" in seen.outputs[0]
    assert "10,000 leaked threads (10,000 unjoined)" in seen.outputs[2]
    assert "10,000 threads (10,000 crowd)" in seen.outputs[2]
    assert "  ids         10002-20001\n" in seen.outputs[2]
    line = line_of("crowd", "/* creates unjoined */")
    assert f"(crowd.c:{line})" in seen.outputs[0]
    assert "the others: ids 10002-14999, 15001-20001" in seen.outputs[3]


def test_every_one_is_in_the_json(seen: Run) -> None:
    shown = document(seen.outputs[4])
    assert shown["summary"]["by_class"] == {"unjoined": UNJOINED, "crowd": ALIVE, "alive": 1}
    assert sorted(each["id"] for each in shown["threads"]) == list(range(1, 20_002))
    # those of the finished may be in use again, by threads that live
    alive = {each["tid"] for each in shown["threads"] if each["class"] in ("alive", "crowd")}
    assert len(alive) == ALIVE + 1
