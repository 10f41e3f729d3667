# SPDX-License-Identifier: MIT
"""`threadleak run --update-baseline`: leaks of all programs of a run that are known from now on."""

from pathlib import Path
from typing import List

import pytest
from run_shell import BLIND, CLEAN, LEAKS, USAGE
from test_run_check import JOINED, Done
from workshop import Workshop


@pytest.fixture
def grows(workshop: Workshop) -> str:
    return workshop.program("grows").path


def run(
    folder: Path, grows: str, *letters: str, update: bool = False, more: List[str] = []
) -> Done:
    script = "; ".join(f"echo {each} | {grows} 0" for each in letters)
    words = ["--settle-ms", "0", "--baseline", "known", *(["--update-baseline"] if update else [])]
    return Done(folder, *words, *more, "--", "bash", "-c", script)


def known(folder: Path) -> List[List[str]]:
    """Class and number of threads of each line."""
    lines = (folder / "known").read_text().splitlines()
    words = [line.split() for line in lines if not line.startswith("#")]
    return [[each[0], each[2]] for each in words]


def test_what_leaks_now_is_known_and_what_comes_is_not(grows: str, tmp_path: Path) -> None:
    """Each program is compared for itself: the most that one of them leaked counts."""
    done = run(tmp_path, grows, "uua", "u", update=True)
    assert done.status == CLEAN
    assert done.lines[-1] == "threadleak: baseline known: 3 leaked threads are known (+3)"
    assert known(tmp_path) == [["unjoined", "2"], ["outlived", "1"]]
    done = run(tmp_path, grows, "uua", "u", "uu")
    assert done.status == CLEAN
    assert done.lines[-1].startswith(
        "threadleak: no threads leaked but those of baseline known in 3 processes with threads"
    )
    done = run(tmp_path, grows, "uu", "uuu")
    assert done.status == LEAKS and "1 leaked thread (1 unjoined)" in done.err


def test_it_only_shrinks_unless_forced(grows: str, tmp_path: Path) -> None:
    run(tmp_path, grows, "uu", update=True)
    done = run(tmp_path, grows, "uuu", update=True)
    assert done.status == LEAKS and done.lines[-1].endswith(
        "1 new one is not: --force takes new leaks in"
    )
    assert known(tmp_path) == [["unjoined", "2"]]
    assert run(tmp_path, grows, "uuu", update=True, more=["--force"]).status == CLEAN
    assert known(tmp_path) == [["unjoined", "3"]]
    assert run(tmp_path, grows, "u", "j", update=True).status == CLEAN
    assert known(tmp_path) == [["unjoined", "1"]]


def test_what_cannot_be_told_leaves_it_as_it_is(grows: str, tmp_path: Path) -> None:
    run(tmp_path, grows, "uu", update=True)
    before = (tmp_path / "known").read_text()
    killed = f'/usr/bin/python3 -c "{JOINED}os.kill(os.getpid(), 9)"; true'
    words = ["--baseline", "known", "--update-baseline"]
    for command, status, why in (
        (killed, BLIND, "it ended without a check"),
        ("exit 5", 5, "the command ended with status 5"),
    ):
        done = Done(tmp_path, *words, "--", "bash", "-c", command)
        assert done.status == status and why in done.lines[-1]
        assert "the baseline is left as it is" in done.lines[-1]
    assert (tmp_path / "known").read_text() == before


def test_words_that_do_not_go_together(tmp_path: Path) -> None:
    for words in (["--update-baseline"], ["--baseline", "known"], ["--force"]):
        done = Done(tmp_path, *words, "--", "echo", "ran")
        assert (done.status, done.out) == (USAGE, "") and done.err.count("\n") == 1


def test_an_empty_file_knows_of_none(grows: str, tmp_path: Path) -> None:
    (tmp_path / "known").touch()
    assert run(tmp_path, grows, "u").status == LEAKS
    assert run(tmp_path, grows, "j").status == CLEAN


def test_what_is_no_baseline_is_told_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "bad").write_text("what?\n")
    for name, why in (
        ("bad", "bad is no baseline"),
        ("none", "there is no baseline none: check or run with --update-baseline writes it"),
    ):
        done = Done(tmp_path, "--baseline", name, "--", "echo", "ran")
        assert (done.status, done.out) == (USAGE, "") and done.err.count("\n") == 1
        assert why in done.err


def test_a_baseline_that_goes_away_while_the_program_runs(grows: str, tmp_path: Path) -> None:
    (tmp_path / "known").touch()
    command = f"rm known; echo u | {grows} 0"
    done = Done(tmp_path, "--baseline", "known", "--", "bash", "-c", command)
    assert done.status == BLIND
    why = f"there is no baseline {tmp_path}/known: check or run with --update-baseline writes it"
    assert done.err.startswith(f"threadleak: cannot tell whether threads leaked: {why}\n")
