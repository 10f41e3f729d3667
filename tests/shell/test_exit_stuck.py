# SPDX-License-Identifier: MIT
"""Threads that nothing can wake are leaks at the exit of a process, whatever expects them while they can go on."""

from pathlib import Path

import pytest
from run_shell import SHELL
from test_exit_check import CHECK, Ended, end
from workshop import Workshop

STUCK = "2 leaked threads (2 stuck)"


@pytest.fixture
def stuck(workshop: Workshop) -> str:
    return workshop.program("stuck_at_exit").path


@pytest.fixture
def rules(tmp_path: Path) -> str:
    path = tmp_path / "pool.rules"
    path.write_text("start:locks_both the pool lives as long as the process\n")
    return f"{CHECK}:rules={path}"


def test_a_rule_of_a_file_expects_none(stuck: str, rules: str) -> None:
    """In a check of the program's own, and at its exit."""
    ended = end(stuck, "at_once", options=rules)
    assert (ended.status, ended.out) == (3, "2\n")
    in_process, at_exit = ended.reports
    assert in_process.startswith(f"threadleak: {STUCK} in the process"), ended.err
    assert at_exit.startswith(f"threadleak: {STUCK} at the exit"), ended.err
    assert "stuck threads need class=stuck" in ended.err


def test_where_a_rule_names_their_class_they_are_expected(stuck: str, tmp_path: Path) -> None:
    path = tmp_path / "stuck.rules"
    path.write_text("class=stuck,outlived start:locks_both as it is known\n")
    assert end(stuck, "at_once", options=f"{CHECK}:rules={path}") == Ended(0, "0\n", "")


@pytest.mark.parametrize("how, option", [("detached", ":allow=detached"), ("daemons", "")])
def test_what_lets_them_be_alive_does_not(stuck: str, how: str, option: str) -> None:
    ended = end(stuck, how, options=CHECK + option)
    assert ended.status == 3 and ended.says(STUCK), ended.err


def test_threads_that_were_fine_at_an_earlier_check_are_looked_at_again(
    stuck: str, rules: str
) -> None:
    ended = end(stuck, "checked", options=rules)
    assert ended.out.splitlines()[0] == "0"
    assert ended.status == 3 and ended.says(STUCK), ended.err


def test_threads_that_are_still_fine_are_not_waited_for(
    stuck: str, rules: str, tmp_path: Path
) -> None:
    """One engine for the check, and one for the exit."""
    starts, wrapper = tmp_path / "starts", tmp_path / "threadleak"
    wrapper.write_text(f'#!/bin/sh\necho start >> {starts}\nexec {SHELL} "$@"\n')
    wrapper.chmod(0o755)
    ended = end(stuck, "healthy", options=f"{rules}:engine={wrapper}:settle_ms=600000")
    assert ended == Ended(0, "0\n", "")
    assert starts.read_text() == "start\nstart\n"


@pytest.mark.parametrize("how, option", [("detached", ":allow=detached"), ("daemons", "")])
def test_without_an_engine_what_lets_them_be_counts(stuck: str, how: str, option: str) -> None:
    ended = end(stuck, how, options=f"{CHECK}{option}:engine=/nonexistent")
    assert ended == Ended(0, "", "")
