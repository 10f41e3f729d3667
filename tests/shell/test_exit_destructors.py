# SPDX-License-Identifier: MIT
"""The check at exit and what runs after it has begun: threads that destructors and exit handlers end and join did
not leak, and what did is reported however the exit ends."""

import json
import re
import signal
import subprocess
import time
import xml.etree.ElementTree as xml
from pathlib import Path
from typing import Any

import pytest
from run_shell import SHELL, TIMEOUT_S, environment
from test_exit_check import CHECK, OUTLIVED, Ended, end, engine
from workshop import EMBEDDED, HIDDEN, LINKED, PRELOADED, STATIC, STATIC_PIE, Workshop

LEFT = "threadleak: 1 thread (1 outlived) at the exit of destroys"


@pytest.fixture
def destroys(workshop: Workshop) -> str:
    return workshop.program("destroys").path


def without_core(*words: str, options: str = CHECK) -> Ended:
    return end(
        "sh", "-c", f"ulimit -c 0; exec {' '.join(words)}", options=f"{options}:only=destroys"
    )


@pytest.mark.parametrize(
    "words",
    [
        ("object",),
        ("handler",),
        ("object", "handler"),
        ("handler", "elsewhere"),
        ("quick_handler", "quick_exit"),
    ],
)
def test_what_is_joined_did_not_leak(destroys: str, words: "tuple[str, ...]") -> None:
    assert end(destroys, *words) == Ended(
        0, "", "joined\n" * len(set(words) - {"elsewhere", "quick_exit"})
    )
    kept = end(destroys, *words, options=f"{CHECK}:exitcode=17")
    assert kept.status == 0


def test_a_status_of_its_own_stays(destroys: str) -> None:
    assert end(destroys, "object", "exit_4") == Ended(4, "", "joined\n")
    ended = end(destroys, "object", "leak", "exit_4")
    assert ended.status == 4 and ended.says(OUTLIVED)


@pytest.mark.parametrize("more", ["", ":engine=/nonexistent"])
def test_what_is_told_to_end_did_not_leak(workshop: Workshop, more: str) -> None:
    """However long the scheduler lets it wait."""
    program = workshop.program("told_to_end").path
    assert end(program, options=f"at_exit=check:settle_ms=1000{more}") == Ended(0, "", "")


def test_who_sleeps_is_not_waited_for(destroys: str) -> None:
    ended = end(destroys, "object", "leak", options="at_exit=check:settle_ms=50")
    assert ended.status == 3 and ended.says(OUTLIVED), ended.err


@pytest.mark.parametrize("words", [("object", "leak"), ("leak", "handler")])
def test_a_leak_beside_them(destroys: str, words: "tuple[str, ...]") -> None:
    """It alone is reported."""
    ended = end(destroys, *words)
    assert ended.status == 3 and ended.says(OUTLIVED), ended.err
    assert "created at:" in ended.err and ended.err.count("started in stay(void*)") == 1
    assert ended.err.index("joined\n") < ended.err.index("leaked")


def test_documents_tell_of_it_alone(destroys: str) -> None:
    ended = end(destroys, "object", "leak", options=f"{CHECK}:format=junit")
    assert ended.status == 3 and ended.err.count("<testcase") == 1 and OUTLIVED in ended.err


def test_what_an_exit_handler_creates(destroys: str) -> None:
    ended = end(destroys, "leak_later")
    assert ended.status == 3 and ended.says(OUTLIVED), ended.err
    both = end(destroys, "leak", "leak_later")
    assert both.status == 3 and len(both.reports) == 2
    assert end(destroys, "object", "leak_later").says(OUTLIVED)


@pytest.mark.parametrize("link", [PRELOADED, LINKED, EMBEDDED, HIDDEN])
def test_the_destructor_of_a_library(workshop: Workshop, link: str) -> None:
    """It runs after all exit handlers of the program."""
    library = workshop.program("destroying", flags=("-shared", "-fPIC")).path
    host = workshop.program("destroying_host", link, flags=(library,)).path
    preload = {} if link == PRELOADED else {"preload": ""}
    assert end(host, options=f"{CHECK}:engine={engine()}", **preload) == Ended(0, "", "")


@pytest.mark.parametrize("link", [LINKED, EMBEDDED, HIDDEN, STATIC, STATIC_PIE])
def test_however_it_comes_by_the_library(workshop: Workshop, link: str) -> None:
    path = workshop.program("destroys", link).path
    options = f"{CHECK}:engine={engine()}"
    assert end(path, "object", options=options, preload="") == Ended(0, "", "joined\n")
    quick = end(path, "quick_handler", "quick_exit", options=options, preload="")
    assert quick == Ended(0, "", "joined\n")
    ended = end(path, "object", "leak", options=options, preload="")
    assert ended.status == 3 and ended.says(OUTLIVED)


def test_a_crash_on_the_way(destroys: str) -> None:
    """What was there when the exit began is shown; nobody knows whether it would have been joined."""
    ended = without_core(destroys, "leak", "crash")
    assert ended.status == -signal.SIGABRT and len(ended.reports) == 1
    assert ended.reports[0].startswith(LEFT)
    assert ", which ended before its exit was over: made by " in ended.reports[0]
    assert "created at:" in ended.err
    assert without_core(destroys, "crash") == Ended(-signal.SIGABRT, "", "")


@pytest.mark.parametrize("format", ["json", "junit", "tap", "github", "sarif"])
@pytest.mark.parametrize("in_file", [False, True])
def test_a_crash_on_the_way_in_documents(
    destroys: str, tmp_path: Path, format: str, in_file: bool
) -> None:
    """None of them says that threads leaked."""
    path = tmp_path / "leaks"
    options = f"{CHECK}:format={format}" + (f":log_path={path}" if in_file else "")
    ended = without_core(destroys, "leak", "crash", options=options)
    assert ended.status == -signal.SIGABRT
    text = awaited(path) if in_file else ended.err
    assert ended.err == ("" if in_file else text)
    assert "1 thread (1 outlived) at the exit of destroys" in text
    assert "which ended before its exit was over" in text
    assert "leaked thread" not in text and "<failure" not in text
    if format == "json":
        shown = json.loads(text)
        assert shown["summary"] is None and shown["error"].startswith("1 thread (1 outlived) at ")
        assert [each["leaked"] for each in shown["threads"]] == [None]
        assert "stay(void*)" in text
    elif format == "junit":
        assert len(xml.fromstring(text).findall(".//testcase[@name='destroys']/error")) == 1
    else:
        assert "cannot tell: 1 thread (1 outlived) at " in text
        assert ("created at" in text) == (format != "sarif")


def awaited(path: Path) -> str:
    """What the engine, which nobody waits for once the program is gone, writes into a file."""
    until = time.monotonic() + TIMEOUT_S
    while not path.exists() or not path.read_text(encoding="utf-8").endswith("\n"):
        assert time.monotonic() < until
        time.sleep(0.01)
    return path.read_text(encoding="utf-8")


def test_a_handler_that_leaves_at_once(destroys: str) -> None:
    """_exit(0) ends the exit: what is left then leaked."""
    ended = end(destroys, "leak", "cut")
    assert ended.status == 3 and ended.says(OUTLIVED)
    assert end(destroys, "cut").status == 0


def test_all_descriptors_are_closed_on_the_way(destroys: str) -> None:
    """That of the engine too: the check is made anew."""
    ended = end(destroys, "leak", "close")
    assert ended.status == 3 and ended.says(OUTLIVED), ended.err
    assert end(destroys, "object", "close") == Ended(0, "", "joined\n")


@pytest.mark.parametrize("words", [("object", "leak"), ("leak",)])
def test_a_fork_on_the_way(destroys: str, words: "tuple[str, ...]") -> None:
    """The child has no threads, and leaves its parent the report that is held: it is printed once."""
    ended = end(destroys, *words, "fork")
    assert ended.status == 3 and ended.says(OUTLIVED), ended.err
    assert ended.err.count("child: 0\n") == 1


def test_a_fork_before_they_are_joined(destroys: str) -> None:
    """In the child, too, the destructor joins: libc takes the threads for ended there."""
    assert end(destroys, "object", "fork") == Ended(0, "", "joined\nchild: 0\njoined\n")


def test_a_check_on_the_way(destroys: str) -> None:
    """It takes the engine that holds a report, and the last look starts one anew."""
    ended = end(destroys, "leak", "check")
    assert ended.status == 3 and "check: 1\n" in ended.err, ended.err
    assert [OUTLIVED in each for each in ended.reports] == [True, True]
    joined = end(destroys, "object", "check")
    assert joined.status == 0 and joined.err.endswith("check: 1\njoined\n")
    assert [OUTLIVED in each for each in joined.reports] == [True]


def test_without_an_engine(destroys: str) -> None:
    options = f"{CHECK}:engine=/nonexistent"
    assert end(destroys, "object", options=options) == Ended(0, "", "joined\n")
    ended = end(destroys, "object", "leak", options=options)
    assert ended.status == 2 and ended.err.count("cannot tell") == 1


def test_a_destructor_that_hangs(workshop: Workshop) -> None:
    """Bare, it says nothing; with the check, after a few seconds, what is left, which is in its way."""
    program = workshop.program("static_condition")
    for options in "", CHECK:
        running = workshop.start(program, env={"THREADLEAK_OPTIONS": options}, ready="")
        assert running.line() == "destructor"
        if options:
            first = awaited(Path(running.folder, "stderr")).splitlines()[0]
            assert "1 thread (1 outlived) at the exit of static_condition (pid" in first
            assert ", whose exit has gone on for 3 s: made by main" in first
        with pytest.raises(subprocess.TimeoutExpired):
            running.process.wait(1)
        assert options or running.errors() == ""
        running.end()


def run(destroys: str, *words: str, timeout: str = "") -> Any:
    options = ["--timeout", timeout] if timeout else []
    return subprocess.run(
        [SHELL, "run", "--settle-ms", "0", *options, "--", destroys, *words],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )


def test_run_tells_the_same(destroys: str) -> None:
    done = run(destroys, "object")
    assert (done.returncode, done.stderr) == (0, "joined\n")
    done = run(destroys, "object", "leak")
    assert done.returncode == 3 and OUTLIVED in done.stderr
    driver = run("/bin/sh", "-c", f"ulimit -c 0; {destroys} leak crash; {destroys} object; true")
    assert driver.returncode == 2 and "it ended before its exit was over" in driver.stderr


def cores_of(destroys: str, folder: Path, *words: str) -> "tuple[int, str, list[str]]":
    """The status, stderr, and what is in the core files that `run --core-on-leak` leaves there."""
    folder.mkdir()
    command = [SHELL, "run", "--settle-ms", "0", "--core-on-leak", "--", "sh", "-c"]
    script = f"ulimit -c 0; {destroys} {' '.join(words)}; true"
    done = subprocess.run(
        [*command, script],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    checks = [
        subprocess.run([SHELL, "check", "--at-end", str(core)], capture_output=True, text=True)
        for core in folder.iterdir()
    ]
    assert [each.returncode for each in checks] == [3] * len(checks)
    assert done.stderr.count("at its exit: written to threadleak.") == len(checks), done.stderr
    return done.returncode, done.stderr, [each.stdout.split("\n")[0] for each in checks]


def test_a_core_is_of_the_beginning_of_the_exit(destroys: str, tmp_path: Path) -> None:
    """There is one if the exit crashes, and none if the threads were joined after all."""
    status, _, cores = cores_of(destroys, tmp_path / "crash", "leak", "crash")
    assert status == 2 and cores == ["threadleak: 1 leaked thread (1 outlived) of 2"]
    status, _, cores = cores_of(destroys, tmp_path / "both", "object", "leak")
    assert status == 3 and cores == ["threadleak: 2 leaked threads (2 outlived) of 3"]
    status, _, cores = cores_of(destroys, tmp_path / "later", "leak_later")
    assert status == 3 and cores == ["threadleak: 1 leaked thread (1 outlived) of 2"]
    assert cores_of(destroys, tmp_path / "joined", "object") == (0, "joined\n", [])


@pytest.mark.parametrize("more, moment", [((), "still ran"), (("--core-on-leak",), "at its exit")])
def test_run_ends_an_exit_that_hangs(
    destroys: str, tmp_path: Path, more: "tuple[str, ...]", moment: str
) -> None:
    """The engine that waits is no part of what hangs, and one core file is told of once."""
    done = subprocess.run(
        [SHELL, "run", "--timeout", "2", "--settle-ms", "0", *more, "--", destroys, "leak", "hang"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert done.returncode == 124
    assert done.stderr.count("still runs:\n") == 1, done.stderr
    told = re.findall(r"(still ran|at its exit): written to (threadleak\.\d+\.core)", done.stderr)
    assert [when for when, _ in told] == [moment], done.stderr
    assert (tmp_path / told[0][1]).exists()
