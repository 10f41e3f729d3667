# SPDX-License-Identifier: MIT
"""The option trace=FILE: a process that exits leaves a timeline, and ends as it would have."""

import os
import subprocess
from typing import Any, Dict, List

import pytest
import trace_format
from run_shell import environment, run_shell
from workshop import LIBRARY, Workshop

LEAKS = 3
TIMEOUT_S = 60
MORE = 2000


def run(
    workshop: Workshop, folder: Any, options: str, *words: str, told: str = "ua\n"
) -> "subprocess.CompletedProcess[str]":
    """Of `grows`, each letter makes a thread: u one that nobody joins, a one that stays alive, j one that is joined."""
    env = environment(LD_PRELOAD=LIBRARY, THREADLEAK_OPTIONS=options)
    return subprocess.run(
        [workshop.program("grows").path, *words],
        env=env,
        cwd=folder,
        input=told,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )


def ends(path: Any) -> Dict[int, str]:
    return {each.args["id"]: each.name for each in trace_format.read(path).lives()}


def test_a_trace_alone(workshop: Workshop, tmp_path: Any) -> None:
    done = run(workshop, tmp_path, "trace=t.json", "0")
    assert (
        done.returncode == 0
        and f"threadleak: written to {tmp_path}/t.json: 3 threads" in done.stderr
    )
    assert ends(tmp_path / "t.json") == {1: "main", 2: "finish (unjoined)", 3: "stay (outlived)"}


def test_beside_the_check(workshop: Workshop, tmp_path: Any) -> None:
    done = run(workshop, tmp_path, "at_exit=check:trace=t.json", "0")
    assert done.returncode == LEAKS and "2 leaked threads (1 unjoined, 1 outlived)" in done.stderr
    assert len(ends(tmp_path / "t.json")) == 3


def test_rules_hold_for_it(workshop: Workshop, tmp_path: Any) -> None:
    (tmp_path / "rules").write_text("start:stay  writes statistics until the end\n")
    run(workshop, tmp_path, "rules=rules:trace=t.json", "0")
    [stay] = [
        each for each in trace_format.read(tmp_path / "t.json").lives() if each.name == "stay"
    ]
    assert "writes statistics until the end" in stay.args["expected by"]
    assert stay.args["leaked"] is False and not stay.colour


def test_each_program_of_a_run_has_its_own(workshop: Workshop, tmp_path: Any) -> None:
    """The shell exits last; what it started wrote before."""
    (tmp_path / "t.json").write_text("mine")
    env = environment(LD_PRELOAD=LIBRARY, THREADLEAK_OPTIONS="trace=t.json")
    program = workshop.program("grows").path
    command = ["/bin/sh", "-c", f"{program} 0 <letters; true"]
    (tmp_path / "letters").write_text("ua\n")
    done = subprocess.run(
        command, env=env, cwd=tmp_path, timeout=TIMEOUT_S, stderr=subprocess.PIPE, text=True
    )
    assert f"written to {tmp_path}/t-2.json: 3 threads" in done.stderr
    assert f"written to {tmp_path}/t-3.json: 1 thread " in done.stderr
    assert (tmp_path / "t.json").read_text() == "mine"
    assert len(ends(tmp_path / "t-2.json")) == 3 and len(ends(tmp_path / "t-3.json")) == 1


@pytest.mark.parametrize(
    "options, name",
    [("trace=t.json", "t.json"), ("at_exit=report:format=json:log_path=l.json", "l.json")],
)
def test_paths_are_meant_where_it_started(
    workshop: Workshop, tmp_path: Any, options: str, name: str
) -> None:
    folder = tmp_path / "100%pure" / "later"
    folder.mkdir(parents=True)
    env = environment(LD_PRELOAD=LIBRARY, THREADLEAK_OPTIONS=options)
    command = [workshop.program("exits").path, "unjoined", "elsewhere"]
    subprocess.run(command, env=env, cwd=folder.parent, timeout=TIMEOUT_S)
    assert sorted(os.listdir(folder.parent)) == sorted([name, "later"]) and not os.listdir(folder)


def test_a_pipe_is_written_to_as_it_is(workshop: Workshop, tmp_path: Any) -> None:
    """The pipe holds it."""
    os.mkfifo(tmp_path / "pipe")
    with open(os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK), encoding="ascii") as reader:
        done = run(workshop, tmp_path, "trace=pipe", "0")
        shown = trace_format.parse(reader.read())
    assert done.returncode == 0 and len(shown.lives()) == 3
    assert os.listdir(tmp_path) == ["pipe"]


def test_a_pipe_that_nobody_reads_holds_nobody_up(workshop: Workshop, tmp_path: Any) -> None:
    os.mkfifo(tmp_path / "pipe")
    done = run(workshop, tmp_path, "trace=pipe", "0")
    assert done.returncode == 0
    assert f"{tmp_path}/pipe cannot be written: nobody reads this pipe" in done.stderr


def test_a_link_means_the_file_that_it_names(workshop: Workshop, tmp_path: Any) -> None:
    """One that is not there yet is made, one that is there stays."""
    (tmp_path / "made").mkdir()
    (tmp_path / "t.json").symlink_to("made/real.json")
    done = run(workshop, tmp_path, "trace=t.json", "0")
    assert f"written to {tmp_path}/made/real.json: 3 threads" in done.stderr
    before = (tmp_path / "made" / "real.json").read_text()
    done = run(workshop, tmp_path, "trace=t.json", "0", told="")
    assert f"written to {tmp_path}/made/real-2.json: 1 thread " in done.stderr
    assert (tmp_path / "made" / "real.json").read_text() == before
    assert len(ends(tmp_path / "t.json")) == 3
    assert len(ends(tmp_path / "made" / "real-2.json")) == 1
    assert (tmp_path / "t.json").is_symlink() and len(os.listdir(tmp_path)) == 2


def test_a_link_to_itself_is_no_file(workshop: Workshop, tmp_path: Any) -> None:
    (tmp_path / "t.json").symlink_to("t.json")
    done = run(workshop, tmp_path, "trace=t.json", "0")
    assert done.returncode == 0 and "t.json cannot be written: Too many levels" in done.stderr


def test_run_hands_it_on(workshop: Workshop, tmp_path: Any) -> None:
    words: List[str] = ["run", "--options", "trace=t.%p.json", "--", workshop.program("grows").path]
    done = run_shell(*words, "0", cwd=str(tmp_path))
    assert done.status == 0, done.err
    [name] = os.listdir(tmp_path)
    shown = trace_format.read(tmp_path / name)
    assert name == f"t.{shown.about['pid']}.json" and len(shown.lives()) == 1


@pytest.mark.parametrize("options", ["trace=/nonexistent/t.json", "events=0:trace=t.json"])
def test_no_trace_changes_no_end(workshop: Workshop, tmp_path: Any, options: str) -> None:
    done = run(workshop, tmp_path, options, "0")
    assert done.returncode == 0 and os.listdir(tmp_path) == []
    assert "/nonexistent/t.json cannot be written" in done.stderr or "events=0" in done.stderr


def test_it_keeps_more_events(workshop: Workshop, tmp_path: Any) -> None:
    """A ring of the default size holds 1,024."""
    run(workshop, tmp_path, "trace=t.json", "0", told="j" * MORE)
    shown = trace_format.read(tmp_path / "t.json")
    assert len(shown.lives()) == MORE + 1 and shown.about["events overwritten"] == 0
    assert len([each for each in shown.arrows if each.what == "join"]) == MORE


@pytest.mark.parametrize(
    "how, status",
    [
        ("return", 0),
        ("exit_4", 4),
        ("quick_exit", 0),
        ("_exit", 0),
        ("thread", 0),
        ("by_two", 0),
        ("term", -15),
    ],
)
def test_however_it_ends(workshop: Workshop, tmp_path: Any, how: str, status: int) -> None:
    env = environment(
        LD_PRELOAD=LIBRARY, THREADLEAK_OPTIONS="trace=t.json:sigterm=1:at_exit=report"
    )
    command = [workshop.program("exits").path, "joined", how]
    done = subprocess.run(command, env=env, cwd=tmp_path, timeout=TIMEOUT_S, capture_output=True)
    assert done.returncode == status
    assert done.stderr.count(b"/t.json: ") == 1
    [joined] = [
        each for each in trace_format.read(tmp_path / "t.json").lives() if each.args["id"] == 2
    ]
    assert "joined" in str(joined.args)


def test_sigterm_without_a_check(workshop: Workshop, tmp_path: Any) -> None:
    env = environment(LD_PRELOAD=LIBRARY, THREADLEAK_OPTIONS="trace=t.json:sigterm=1")
    command = [workshop.program("exits").path, "joined", "term"]
    done = subprocess.run(command, env=env, cwd=tmp_path, timeout=TIMEOUT_S, capture_output=True)
    assert done.returncode == -15 and b"/t.json: " in done.stderr
    assert ends(tmp_path / "t.json")


def test_the_core_of_an_abort_has_it(workshop: Workshop, tmp_path: Any) -> None:
    with open("/proc/sys/kernel/core_pattern", encoding="ascii") as file:
        if file.read().strip() != "core":
            pytest.skip("cores go elsewhere here")
    path = workshop.program("exits").path
    command = ["/bin/sh", "-c", 'ulimit -c unlimited; exec "$@"', "sh", path, "joined", "abort"]
    env = environment(THREADLEAK_OPTIONS="trace=t.json")
    command[-3:-3] = ["env", f"LD_PRELOAD={LIBRARY}"]
    assert subprocess.run(command, env=env, cwd=tmp_path, timeout=TIMEOUT_S).returncode == -6
    [core] = os.listdir(tmp_path)
    done = run_shell("trace", "-o", str(tmp_path / "t.json"), path, str(tmp_path / core))
    assert done.status == 0 and len(trace_format.read(tmp_path / "t.json").lives()) == 2


@pytest.mark.parametrize("name, files", [("t.json", 1), ("t.%p.json", 3)])
def test_children(workshop: Workshop, tmp_path: Any, name: str, files: int) -> None:
    """Two, one of which leaves a thread behind; without %p they leave the parent's file alone."""
    env = environment(LD_PRELOAD=LIBRARY, THREADLEAK_OPTIONS=f"trace={name}")
    command = [workshop.program("exits").path, "joined", "children"]
    subprocess.run(command, env=env, cwd=tmp_path, timeout=TIMEOUT_S, capture_output=True)
    shown = [trace_format.read(tmp_path / each) for each in os.listdir(tmp_path)]
    assert len(shown) == files
    assert len({each.about["pid"] for each in shown}) == files
