# SPDX-License-Identifier: MIT
"""The verify protocol with processes: what the library does, done by a test."""

import contextlib
import os
import subprocess
import xml.etree.ElementTree as tree
from typing import Iterator, List, NamedTuple, Optional, Sequence

import pytest
from run_shell import SHELL, environment, run_shell
from workshop import LIBRARY, Running, Workshop, line_of, symbol_offsets

SOON_S = 60


class Said(NamedTuple):
    lines: List[str]
    report: str
    errors: str

    @property
    def first_line(self) -> str:
        return self.report.split("\n", 1)[0]


def registry_of(running: Running) -> int:
    library = os.path.realpath(LIBRARY)
    with open(f"/proc/{running.pid}/maps", encoding="ascii", errors="replace") as file:
        bases = [int(line.split("-")[0], 16) for line in file if line.rstrip().endswith(library)]
    return min(bases) + symbol_offsets(library)["threadleak_registry"]


class Engine:
    """One that runs, and that has made its first look."""

    def __init__(
        self,
        running: Running,
        *words: str,
        registry: Optional[int] = None,
        under: Sequence[str] = (),
    ):
        ask, answer = os.pipe(), os.pipe()
        address = registry_of(running) if registry is None else registry
        given = ["protocol=1", f"pid={running.pid}", f"registry={address:#x}", "self=1"]
        given += ["what=since:1", "title=process", f"ask={ask[0]}", f"answer={answer[1]}", *words]
        self.process = subprocess.Popen(
            [*under, SHELL, "verify", *given],
            pass_fds=(ask[0], answer[1]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
            text=True,
        )
        os.close(ask[0])
        os.close(answer[1])
        self._ask = ask[1]
        self._answers = os.fdopen(answer[0], encoding="utf-8")
        self.first: List[str] = []
        for line in self._answers:
            self.first.append(line.rstrip("\n"))
            if line.startswith(("classified ", "blind ")):
                break

    def end(self, verb: str = "") -> Said:
        if verb:
            os.write(self._ask, verb.encode() + b"\n")
        os.close(self._ask)
        out, errors = self.process.communicate(timeout=SOON_S)
        with self._answers:
            return Said(self.first + self._answers.read().splitlines(), out, errors)


@pytest.fixture
def leaky(workshop: Workshop) -> Iterator[Running]:
    running = workshop.start(workshop.program("leaky"))
    yield running
    running.end()


def check(running: Running, *words: str) -> Said:
    return Engine(running, *words).end("report")


def test_a_process_is_told_whole(leaky: Running) -> None:
    said = check(leaky)
    place = f"serve_request at leaky.c:{line_of('leaky', 'creates requests')}"
    assert said.first_line.startswith(
        f"threadleak: 10 leaked threads (4 unjoined, 6 outlived) in the process: 2 made by {place}"
    )
    assert said.lines[0] == "classified 10" and said.lines[-1] == "leaked 10"
    assert f"message {said.first_line}" in said.lines and said.errors == ""


def test_a_scope_is_told_alone(leaky: Running) -> None:
    said = check(leaky, "what=scope:2", "title=request")
    assert said.first_line.startswith(
        "threadleak: 3 leaked threads (2 unjoined, 1 outlived) in test request: 2 made by"
    )
    assert said.lines[-1] == "leaked 3"


def test_what_threads_wait_for_and_who_made_them(leaky: Running) -> None:
    report = check(leaky, "what=since:11").report
    assert "It waits for the end of thread 11 `" in report
    assert "pthread_join" in report and "be_waiter" in report
    report = check(leaky, "what=since:3").report
    assert "  created by:\n    thread 2, which is gone\n      created at main (leaky.c:" in report


def test_rules_mark_and_are_named(leaky: Running, workshop: Workshop) -> None:
    path = os.path.join(workshop.new_folder("rules"), "rules")
    with open(path, "w", encoding="utf-8") as file:
        file.write("site:start_services services stay\nclass=unjoined site:* known\n")
    said = check(leaky, f"rules={path}")
    assert said.lines[:2] == [
        f"rule 1 1 class=unjoined site:* known ({path}:2)",
        f"rule 2 0 site:start_services services stay ({path}:1)",
    ]
    assert {"expected 4 1", "expected 7 2", "expected 8 2", "classified 4", "leaked 4"} <= set(
        said.lines
    )


def test_a_library_that_wants_no_report_hears_nothing_more(leaky: Running) -> None:
    engine = Engine(leaky)
    said = engine.end()
    assert said == (["classified 10"], "", "") and engine.process.returncode == 0


def test_a_process_that_dies_meanwhile(leaky: Running) -> None:
    engine = Engine(leaky)
    leaky.end()
    said = engine.end("report")
    assert said.report == said.errors == ""
    assert [line.split(" ", 1)[0] for line in said.lines] == ["classified", "unread"]


def test_where_no_registry_is(leaky: Running) -> None:
    said = Engine(leaky, registry=0x1000).end()
    assert len(said.lines) == 1 and said.lines[0].startswith("unread ")
    assert said.report == said.errors == ""


def test_output_that_does_not_block_gets_all(leaky: Running) -> None:
    """As a test driver may have made the pipe that is our standard output."""
    read, write = os.pipe2(os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(write, b"." * 4096)
    ask, answer = os.pipe(), os.pipe()
    words = ["protocol=1", f"pid={leaky.pid}", f"registry={registry_of(leaky):#x}", "self=1"]
    words += ["what=since:1", f"ask={ask[0]}", f"answer={answer[1]}"]
    process = subprocess.Popen(
        [SHELL, "verify", *words], pass_fds=(ask[0], answer[1]), stdout=write, env=environment()
    )
    for each in (ask[0], answer[1], write):
        os.close(each)
    os.write(ask[1], b"report\n")
    os.set_blocking(read, True)
    with os.fdopen(read, "rb") as file:
        text = file.read()
    assert process.wait(SOON_S) == 0
    assert text.lstrip(b".").startswith(b"threadleak: 10 leaked threads")
    assert b"fix (outlived)" in text
    for each in (ask[1], answer[0]):
        os.close(each)


def test_in_a_container_that_forbids_tracing(leaky: Running, workshop: Workshop) -> None:
    confined = workshop.program("confined").path
    said = Engine(leaky, "what=scope:2", "title=request", under=[confined]).end("report")
    assert said.lines[-1] == "leaked 3"
    assert "its stack now:" in said.report and "be_straggler" in said.report


def test_it_is_no_command_for_people() -> None:
    done = subprocess.run([SHELL, "verify"], capture_output=True, text=True, timeout=SOON_S)
    assert (done.returncode, done.stdout) == (64, "")
    assert "is started by the library alone" in done.stderr
    shown = subprocess.run([SHELL, "--help"], capture_output=True, text=True, timeout=SOON_S)
    assert "verify" not in shown.stdout


def test_check_of_several_targets_is_one_document(leaky: Running, workshop: Workshop) -> None:
    folder = workshop.new_folder("documents")
    path = os.path.join(folder, "leaks.xml")
    run = run_shell("check", "--format", "junit", "--output", path, str(leaky.pid), "/etc/passwd")
    assert run.status == 3 and "written to" in run.out
    cases = tree.parse(path).getroot().findall("testsuite/testcase")
    assert [case.get("name") for case in cases] == [f"leaky {leaky.pid}", "/etc/passwd"]
    assert [child.tag for case in cases for child in case] == ["failure", "error"]
    run = run_shell("check", "--format", "tap", str(leaky.pid), "/etc/passwd")
    assert run.out.splitlines()[1:3] == ["1..2", f"not ok 1 - leaky {leaky.pid}"]
    assert "not ok 2 - /etc/passwd" in run.out.splitlines()
