# SPDX-License-Identifier: MIT
"""`threadleak top`: what rises and where, once, as samples, and on a screen with keys."""

import json
import signal
import subprocess
import time
from typing import Any, Dict, Iterator, List

import pytest
from growing import Growing
from run_shell import SHELL, run_shell
from screen import ENTER, LEAVE, Screen
from workshop import LIBRARY, READY_S, Workshop, line_of

FAST = ("--interval", "0.1")


@pytest.fixture
def screen(growing: Growing) -> Iterator[Screen]:
    made = Screen(SHELL, "top", *FAST, growing.pid)
    yield made
    made.close()


def samples(*words: str) -> List[Dict[str, Any]]:
    done = run_shell("top", "--format", "json", *words)
    assert done.status == 0, done
    return [json.loads(line) for line in done.out.splitlines()]


def test_once(growing: Growing) -> None:
    growing.make("uuuajj")
    done = run_shell("top", "--once", *FAST, growing.pid)
    assert done.status == 0 and done.err == ""
    lines = done.out.splitlines()
    assert lines[0] == f"threadleak top: grows, process {growing.pid}"
    assert lines[1] == "2 alive   3 unjoined   0.0 created/s   0 failed"
    place = f"leave_unjoined (grows.c:{line_of('grows', '/* creates unjoined */')})"
    assert ["0", "0", "3", "0.0", *place.split()] in [line.split() for line in lines]
    assert "joined */" not in done.out  # nothing is left of those


def test_samples(growing: Growing) -> None:
    growing.make("uua")
    first, second = samples("--samples", "2", *FAST, growing.pid)
    assert second["time"] > first["time"]
    assert (first["alive"], first["unjoined"], first["created"], first["failed_creates"]) == (
        2,
        2,
        3,
        0,
    )
    assert (first["untracked"], first["notes"], first["name"]) == (0, [], "grows")
    assert first["unjoined_growth_per_s"] == 0
    sites = {site["function"]: site for site in first["sites"]}
    assert sites["leave_unjoined"]["unjoined"] == 2 and sites["keep_alive"]["alive"] == 1
    assert sites["keep_alive"]["line"] == line_of("grows", "/* creates alive */")


def test_what_grows_comes_first(growing: Growing) -> None:
    """Half of the samples are of before, half of after."""
    growing.make("a" * 20)
    top = subprocess.Popen(
        [SHELL, "top", "--format", "json", "--samples", "40", *FAST, growing.pid],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert top.stdout is not None
    before = json.loads(top.stdout.readline())
    growing.make("u" * 10 + "j" * 30)
    after = [json.loads(line) for line in top.stdout][-1]
    top.wait(READY_S)
    assert before["sites"][0]["function"] == "keep_alive"
    assert [site["function"] for site in after["sites"]] == ["leave_unjoined", "keep_alive", "join"]
    worst, _, joined = after["sites"]
    seconds = after["time"] - before["time"]
    assert worst["growth_per_s"] == pytest.approx(10 / seconds, rel=0.4)
    assert joined["growth_per_s"] == 0
    assert joined["created_per_s"] == pytest.approx(3 * worst["growth_per_s"], rel=0.01)
    assert after["created_per_s"] == pytest.approx(4 * worst["growth_per_s"], rel=0.01)


def test_without_the_library(workshop: Workshop) -> None:
    bare = Growing(workshop.program("grows").path, preload="")
    bare.make("aau")
    (sample,) = samples("--once", *FAST, bare.pid)
    done = run_shell("top", "--once", *FAST, bare.pid)
    bare.kill()
    assert (sample["alive"], sample["unjoined"], sample["created"], sample["sites"]) == (
        3,
        1,
        None,
        [],
    )
    (note,) = sample["notes"]
    assert "no registry was found" in note
    assert note.endswith("; where threads are created cannot be told")
    assert done.out.splitlines()[1] == "3 alive   1 unjoined"


def test_it_ends_with_the_process(growing: Growing) -> None:
    top = subprocess.Popen(
        [SHELL, "top", "--format", "json", *FAST, growing.pid],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert top.stdout is not None
    json.loads(top.stdout.readline())
    growing.end()
    out, err = top.communicate(timeout=READY_S)
    for line in out.splitlines():
        json.loads(line)
    assert (top.returncode, err) == (0, f"threadleak: process {growing.pid} has ended\n")


def test_another_program_takes_the_place(workshop: Workshop) -> None:
    """exec: the registry is another one then."""
    path = workshop.program("grows").path
    env = {"LD_PRELOAD": LIBRARY, "PATH": "/usr/bin:/bin"}
    pipe = subprocess.PIPE
    command = ["bash", "-c", f"read line; exec {path}"]
    process = subprocess.Popen(command, env=env, stdin=pipe, stdout=pipe, text=True)
    screen = Screen(SHELL, "top", *FAST, str(process.pid))
    screen.wait_for("top: bash")
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write("go\nuuu\n")
    process.stdin.flush()
    screen.wait_for("top: grows(.|\n)*3 unjoined(.|\n)*leave_unjoined")
    screen.close()
    process.kill()
    process.communicate()


def test_a_screen(screen: Screen, growing: Growing) -> None:
    screen.wait_for("1 alive   0 unjoined")
    assert ENTER in screen.text
    growing.make("uuuuaa")
    frame = screen.wait_for(r"3 alive \(.*4 unjoined \(\+")
    assert len(frame) == 24
    assert frame[-1].startswith("every 0.1 s, by growth   q quit")
    graph = next(line for line in frame if line.startswith("unjoined"))
    assert "▁" in graph and graph.split("  ")[-2].endswith("█") and graph.endswith("0 to 4")
    screen.send("q")
    assert screen.end() == 0
    assert screen.text.endswith(LEAVE)
    assert screen.mode_now() == screen.mode


def test_keys(screen: Screen, growing: Growing) -> None:
    screen.wait_for("every 0.1 s, by growth")
    screen.send("s")
    screen.wait_for("by threads")
    screen.send("\033[A++")  # an arrow says nothing
    screen.wait_for("every 0.5 s")
    screen.send("--")
    screen.wait_for("every 0.1 s")
    screen.send(" ")
    screen.wait_for("paused")
    growing.make("u")
    time.sleep(0.5)
    screen.send("s")
    assert "0 unjoined" in screen.wait_for("paused, by created")[1]
    screen.send(" ")
    screen.wait_for("1 unjoined")


def test_colours(growing: Growing) -> None:
    """As everywhere; wide rows are cut by the terminal, not by us."""
    growing.make("u")
    for env, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        screen = Screen(SHELL, "top", *FAST, growing.pid, **env)
        screen.wait_for("leave_unjoined")
        screen.close()
        assert ("\033[33mleave_unjoined\033[m" in screen.text) == coloured


def test_the_window_changes(screen: Screen) -> None:
    screen.wait_for("q quit")
    screen.resize(10, 60)
    screen.process.send_signal(signal.SIGWINCH)
    screen.wait(lambda: len(screen.frame()) == 10)
    screen.resize(2, 20)
    screen.process.send_signal(signal.SIGWINCH)
    screen.wait(lambda: 0 < len(screen.frame()) <= 2)


@pytest.mark.parametrize("keys", ["\x03", None])
def test_it_is_ended(screen: Screen, keys: Any) -> None:
    screen.wait_for("q quit")
    if keys is None:
        screen.process.terminate()
    else:
        screen.send(keys)
    assert screen.end() == (128 + signal.SIGTERM if keys is None else 0)
    assert screen.text.endswith(LEAVE)
    assert screen.mode_now() == screen.mode


def test_it_is_suspended(growing: Growing) -> None:
    """By a shell with job control, as a person does."""
    script = 'set -m; "$@"; echo stopped; read line; fg; echo "status $?"'
    screen = Screen("bash", "-c", script, "bash", SHELL, "top", *FAST, growing.pid)
    screen.wait_for("q quit")
    screen.send("\032")  # Ctrl-Z
    screen.wait(lambda: "stopped\r\n" in screen.text.rpartition(LEAVE)[2])
    assert screen.mode_now() == screen.mode
    screen.send("\n")
    screen.wait(lambda: screen.text.count(ENTER) == 2)
    growing.make("u")
    screen.wait_for("1 unjoined")
    screen.send("q")
    assert screen.end() == 0
    assert screen.text.rpartition(LEAVE)[2] == "status 0\r\n"
    screen.close()


@pytest.mark.parametrize("paused", [False, True])
def test_the_process_ends_on_the_screen(screen: Screen, growing: Growing, paused: bool) -> None:
    growing.make("u")
    screen.wait_for("1 unjoined")
    if paused:
        screen.send(" ")
        screen.wait_for("paused")
    growing.end()
    assert screen.end() == 0
    last = screen.text.rpartition(LEAVE)[2]
    assert f"process {growing.pid}" in last and "1 unjoined" in last
    assert last.endswith(f"threadleak: process {growing.pid} has ended\r\n")


def test_a_terminal_without_blocks(growing: Growing) -> None:
    growing.make("u")
    screen = Screen(SHELL, "top", *FAST, growing.pid, LC_ALL="C")
    frame = screen.wait_for("unjoined +_")
    screen.close()
    assert "".join(frame).isascii()


@pytest.mark.parametrize(
    "words, status",
    [
        (("x",), 64),
        (("0",), 64),
        (("999999999",), 2),
        (("--interval", "0", "1"), 64),
        (("--sort", "size", "1"), 64),
        ((), 64),
    ],
)
def test_wrong_usage(words: Any, status: int) -> None:
    done = run_shell("top", *words)
    assert done.status == status and done.out == "" and done.err.count("\n") == 1
