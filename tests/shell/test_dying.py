# SPDX-License-Identifier: MIT
"""Ends that no exit handler sees: the options sigterm and timeout."""

import os
import signal
import socket
import subprocess
from typing import Any, Dict

import pytest
from run_shell import LEAKS, run_shell
from test_exit_check import CHECK, OUTLIVED, UNJOINED, Ended, end
from workshop import Workshop

TERM = f"{CHECK}:sigterm=1"


@pytest.fixture
def exits(workshop: Workshop) -> str:
    return workshop.program("exits").path


def test_sigterm_is_checked_and_still_kills(exits: str) -> None:
    ended = end(exits, "unjoined", "term", options=TERM)
    assert ended.status == -signal.SIGTERM and ended.says(UNJOINED)
    assert "handler\n" not in ended.err and ended.out == ""  # as bare: nothing of stdio is written
    ended = end(exits, "joined", "term", options=TERM)
    assert ended.status == -signal.SIGTERM and ended.err == ""


@pytest.mark.parametrize("options", [CHECK, "sigterm=1"])
def test_sigterm_without_both_options(exits: str, options: str) -> None:
    ended = end(exits, "unjoined", "term", options=options)
    assert ended == Ended(-signal.SIGTERM, "", "")


def test_the_programs_own_handler_stays(exits: str) -> None:
    assert end(exits, "unjoined", "handle_term", options=TERM) == Ended(7, "", "own handler\n")


def test_sigterm_that_was_ignored_stays_so(exits: str) -> None:
    ignoring = ("sh", "-c", f"trap '' TERM; exec {exits} unjoined term")
    ended = end(*ignoring, options=f"{TERM}:only=exits")
    assert ended.status == 3 and ended.says(UNJOINED)  # it returns from main


def timed_out(ended: Ended) -> str:
    """What was printed of the threads."""
    first, *rest = ended.err.splitlines()
    assert first.startswith("threadleak: process ")
    assert first.endswith(" timed out after 1 s; all its threads, and then SIGABRT:")
    return "\n".join(rest)


def test_a_timeout_prints_all_threads_and_leaves_a_core(
    plain_core_pattern: None, exits: str, tmp_path: Any
) -> None:
    """Although the soft limit on core files is 0."""
    hanging = ("sh", "-c", f"ulimit -S -c 0; exec {exits} alive hang")
    ended = end(*hanging, options="timeout=1:only=exits", cwd=str(tmp_path))
    assert (ended.status, ended.out) == (-signal.SIGABRT, "main\n")
    shown = timed_out(ended)
    assert "2 threads, 2 different stacks" in shown
    assert "stay (" in shown and "hang (" in shown
    (core,) = [name for name in os.listdir(tmp_path) if name.startswith("core")]
    seen = run_shell("check", "--at-end", os.path.join(tmp_path, core))
    assert seen.status == LEAKS and OUTLIVED in seen.out


def no_core(command: str) -> "tuple[str, str, str]":
    return ("sh", "-c", f"ulimit -c 0; exec {command}")


def test_a_timeout_without_an_engine(exits: str) -> None:
    options = "timeout=1:only=exits:engine=/nonexistent/threadleak"
    ended = end(*no_core(f"{exits} alive hang"), options=options)
    assert ended.status == -signal.SIGABRT
    assert "0 finished and never joined, 1 alive, created at" in timed_out(ended)


def test_a_fork_child_has_its_own_time(exits: str) -> None:
    ended = end(*no_core(f"{exits} none hang_in_child"), options="timeout=1:only=exits")
    assert ended.status == 0 and f"child: {signal.SIGABRT}\n" in ended.out
    assert "1 thread, 1 stack" in timed_out(ended)


def test_who_ends_in_time_notices_nothing(exits: str) -> None:
    assert end(exits, "alive", "exit", options="timeout=60") == Ended(0, "main\n", "handler\n")


def test_programs_that_are_not_meant_have_all_the_time(exits: str) -> None:
    with pytest.raises(subprocess.TimeoutExpired) as still_there:
        end(exits, "alive", "hang", options="timeout=1:only=other", timeout=3)
    assert not still_there.value.stderr


def test_what_blocks_all_signals_is_not_reached(exits: str) -> None:
    """As docs/exit.md says: `threadleak run --timeout` reaches it."""
    with pytest.raises(subprocess.TimeoutExpired) as still_there:
        end(exits, "none", "hang_blocking_all", options="timeout=1", timeout=3)
    assert not still_there.value.stderr


class Listener:
    """Binds a result socket, and gives the datagrams that came, as fields."""

    def __init__(self) -> None:
        self.name = f"threadleak-test-{os.getpid()}-{os.urandom(4).hex()}"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + self.name)

    def told(self) -> "list[tuple[str, Dict[str, str]]]":
        told = []
        self._socket.setblocking(False)
        try:
            while True:
                what, *words = self._socket.recv(4096).decode().rstrip("\0").split("\0")
                told.append((what, dict(word.partition("=")[::2] for word in words)))
        except BlockingIOError:
            return told
        finally:
            self._socket.close()


@pytest.mark.parametrize(
    "left, how, options, status, leaked, reason",
    [
        ("unjoined", "exit", CHECK, "0", "1", UNJOINED),
        ("unjoined", "exit_4", CHECK, "4", "1", UNJOINED),
        ("unjoined", "disarmed", CHECK, "0", "0", "disarmed"),
        ("alive", "exit", f"{CHECK}:engine=/nonexistent", "0", "-1", "cannot tell"),
        ("unjoined", "term", TERM, "143", "1", UNJOINED),
        ("alive", "hang", f"{CHECK}:timeout=1", "134", "-1", "timed out after 1 s"),
    ],
)
def test_whoever_listens_is_told(
    exits: str, left: str, how: str, options: str, status: str, leaked: str, reason: str
) -> None:
    listener = Listener()
    end(
        *no_core(f"{exits} {left} {how}"),
        options=f"{options}:only=exits:result_socket={listener.name}",
    )
    begun, creates, *unchecked, checked = listener.told()
    assert all(what == "unchecked" for what, _ in unchecked) and len(unchecked) <= 1
    assert (begun[0], creates[0], checked[0]) == ("begun", "creates", "checked")
    assert begun[1]["program"] == os.path.realpath(exits)
    assert (checked[1]["status"], checked[1]["leaked"]) == (status, leaked)
    assert reason in checked[1]["reason"] and "\n" not in checked[1]["reason"]


def test_programs_that_are_not_meant_tell_nothing(exits: str) -> None:
    listener = Listener()
    end(exits, "joined", "exit", options=f"{CHECK}:only=other:result_socket={listener.name}")
    assert listener.told() == []
