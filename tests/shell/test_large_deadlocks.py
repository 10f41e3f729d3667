# SPDX-License-Identifier: MIT
"""Deadlocks of many threads: a check looks for them although a list does not, and what is said of them is bounded."""

from typing import Any

import pytest
from run_shell import CLEAN, LEAKS, run_shell
from workshop import Running, Workshop

COUNT = 1100
SHOWN = 12  # threads of a cycle in one sentence


@pytest.fixture(scope="module")
def ring(workshop: Workshop) -> Running:
    return workshop.start(workshop.program("large_ring"), str(COUNT))


def test_a_list_says_that_it_did_not_look(ring: Running) -> None:
    run = run_shell("list", str(ring.pid))
    assert run.status == CLEAN and "0 leaked" in run.out
    assert "deadlocks were not looked for" in run.out


def test_a_check_where_nothing_else_fails_looks(ring: Running) -> None:
    run = run_shell("check", str(ring.pid))
    assert run.status == LEAKS and f"{COUNT:,} stuck" in run.out
    assert "not looked for" not in run.out and len(run.out) < 4096


@pytest.mark.parametrize("asked", [("--waits", "never"), ("--fail-on", "unjoined")])
def test_a_check_that_does_not_ask_does_not_look(ring: Running, asked: Any) -> None:
    run = run_shell("check", *asked, str(ring.pid))
    assert run.status == CLEAN and "stuck" not in run.out


def test_each_is_told_where_it_stands_and_of_what_cycle(ring: Running) -> None:
    shown = run_shell("list", "--stop", "--format", "json", str(ring.pid)).document()
    (found,) = shown["findings"]
    stuck = [each for each in shown["threads"] if each["class"] == "stuck"]
    assert len(stuck) == COUNT and len({each["fix"] for each in stuck}) == 1
    for each in stuck:
        own, cycle = each["why"]
        assert own.startswith(f"Thread {each['id']} `large_ring` waits for the mutex")
        assert cycle.lower() == found["text"].lower()
    assert f"{COUNT - SHOWN:,} more threads" in found["text"]
