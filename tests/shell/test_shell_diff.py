# SPDX-License-Identifier: MIT
"""`threadleak diff`: a process and what was said of it before, cores, other processes, files that are no report."""

import json
import subprocess
from typing import Any, Iterator, List

import pytest
from run_gdb import run_gdb
from run_shell import BLIND, CLEAN, LEAKS, USAGE, run_shell
from workshop import LIBRARY, Program, Workshop, line_of


class Told:
    """The program that makes threads as it is told."""

    def __init__(self, program: Program):
        self.process = subprocess.Popen(
            [program.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"PATH": "/usr/bin:/bin", "LD_PRELOAD": LIBRARY},
            text=True,
        )
        assert self._line() == "ready"
        self.pid = str(self.process.pid)

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def tell(self, letters: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(letters + "\n")
        self.process.stdin.flush()
        assert self._line() == "done"

    def save(self, path: Any, *words: str) -> str:
        words = words or ("--all",)
        run_shell("list", self.pid, *words, "--format", "json", "--output", str(path))
        return str(path)


@pytest.fixture
def told(workshop: Workshop) -> Iterator[Told]:
    made = Told(workshop.program("grows"))
    yield made
    made.process.kill()
    made.process.communicate()


def diff(*words: str) -> List[str]:
    run = run_shell("diff", *words)
    assert run.status == CLEAN and run.err == ""
    return run.out.splitlines()


def test_growth_names_the_place(told: Told, tmp_path: Any) -> None:
    told.tell("uuaaj")
    before = told.save(tmp_path / "before")
    told.tell("uuuujj")
    lines = diff(before, told.pid)
    line = line_of("grows", "/* creates unjoined */")
    assert lines[0].startswith(f"+4 threads since {before} (in ")
    assert lines[0].endswith(f": 4 unjoined at leave_unjoined (grows.c:{line})")
    assert lines[1] == "5 before, 9 after; 4 new, 0 gone"
    assert lines[3].split() == ["BEFORE", "AFTER", "CHANGE", "CLASSES", "CREATED", "AT"]
    assert lines[4].split()[:6] == ["2", "6", "+4", "unjoined", "2", "->"]
    assert lines[5:] == ["new: ids 7-10"]  # 6 was joined before, 11 and 12 since
    backwards = diff(told.pid, before)
    assert backwards[0] == f"-4 threads since process {told.pid}"
    assert backwards[2] == f"note: {before} was read before process {told.pid}"
    assert backwards[-1] == "gone: ids 7-10"


def test_no_growth(told: Told, tmp_path: Any) -> None:
    told.tell("a")
    before = told.save(tmp_path / "before")
    told.tell("jjj")
    lines = diff(before, told.pid, "--fail-on-growth")
    assert lines[0].startswith(f"as many threads as {before} (in ") and len(lines) == 2


def test_growth_may_fail(told: Told, tmp_path: Any) -> None:
    before = told.save(tmp_path / "before")
    told.tell("u")
    run = run_shell("diff", before, told.pid, "--fail-on-growth", "--settle-ms", "60000")
    assert run.status == CLEAN  # it may yet be joined
    run = run_shell("diff", before, told.pid, "--fail-on-growth", "--settle-ms", "0")
    assert run.status == LEAKS and run.err == "threadleak: 1 place has more threads than before\n"


def test_as_json(told: Told, tmp_path: Any) -> None:
    told.tell("u")
    before = told.save(tmp_path / "before")
    told.tell("ua")
    shown = run_shell("diff", before, told.pid, "--format", "json").document()["diff"]
    assert shown["same_process"] and shown["growth"] == 2 and shown["seconds"] > 0
    assert [each["id"] for each in shown["new"]] == [3, 4] and shown["gone"] == []
    grown = [each for each in shown["sites"] if each["growth"]]
    assert [(each["before"], each["after"]) for each in grown] == [
        ({"unjoined": 1}, {"unjoined": 2}),
        ({}, {"alive": 1}),
    ]
    own = [each["creation_stack"][each["own_frame"]]["function"] for each in grown]
    assert own == ["leave_unjoined", "keep_alive"]


def test_gdb_compares_with_what_the_shell_saved(told: Told, tmp_path: Any) -> None:
    told.tell("uua")
    before = told.save(tmp_path / "before")
    told.tell("uu")
    seen = run_gdb("-p", told.pid, commands=[f"threadleak diff {before}"])
    assert seen.first_line.startswith(f"+2 threads since {before} (in ")
    assert "\n2       4      +2 " in seen.out


def test_two_processes_are_compared_by_place(workshop: Workshop, told: Told) -> None:
    other = Told(workshop.program("grows"))
    try:
        told.tell("uu")
        other.tell("uuua")
        lines = diff(told.pid, other.pid)
    finally:
        other.process.kill()
        other.process.communicate()
    assert lines[0].startswith(f"+2 threads since process {told.pid}: 1 unjoined at leave_unjoined")
    assert lines[1] == "3 before, 5 after"
    assert lines[2].startswith(f"note: two processes, {told.pid} and {other.pid}: compared by the")
    assert not any(line.startswith(("new:", "gone:")) for line in lines)


def test_cores_and_their_programs(workshop: Workshop) -> None:
    leaky, plain = workshop.program("leaky"), workshop.program("plain")
    cores = [workshop.core(leaky), workshop.core(plain)]
    lines = diff(leaky.path, cores[0], plain.path, cores[1])
    assert lines[0].startswith(f"-9 threads since {cores[0]}: 1 unjoined at main (plain.c:")
    assert diff(cores[0], cores[0])[0] == f"as many threads as {cores[0]} (in 0 ms)"


def test_what_is_no_report(told: Told, tmp_path: Any) -> None:
    whole = json.loads(open(told.save(tmp_path / "whole"), encoding="utf-8").read())
    thread = whole["threads"][0]
    files = {
        "{": "is no report",
        "{}": "is no report",
        '{"schema": "other/1", "error": null}': "its schema is 'other/1'",
        '{"schema": "threadleak/1"}': "it has no 'error'",
        '{"schema": "threadleak/1", "error": null, "threads": 7}': "is no report",
        json.dumps({**whole, "error": "no luck"}): "says: no luck",
        json.dumps({**whole, "threads": []}): "has 0 of 1 threads",
        json.dumps({**whole, "threads": [7]}): "is no report",
        json.dumps({**whole, "threads": [{**thread, "creation_stack": [{}]}]}): "",
        "{" + '"a":{' * 100_000: "is no report",
    }
    for number, (text, says) in enumerate(files.items()):
        file = tmp_path / f"{number}"
        file.write_text(text)
        run = run_shell("diff", str(file), told.pid)
        if says:
            assert run.status == BLIND and says in run.err, (text[:80], run)
            assert run.err.startswith("threadleak: cannot tell: ") and run.err.count("\n") == 1


def test_a_report_of_leaks_alone_is_not_enough(told: Told, tmp_path: Any) -> None:
    told.tell("uaa")
    before = told.save(tmp_path / "before", "--settle-ms", "0")
    run = run_shell("diff", before, told.pid)
    assert run.status == BLIND and "has 1 of 4 threads: save it with" in run.err


def test_hostile_reports_are_made_harmless(told: Told, tmp_path: Any) -> None:
    shown = json.loads(open(told.save(tmp_path / "whole"), encoding="utf-8").read())
    thread = {**shown["threads"][0], "main": False, "id": "1\033[2J", "creation_stack": []}
    thread["start"] = {"pc": "0x1", "function": "\033[31m", "module": None, "offset": None}
    thread["start"].update(file="\033[2J", line=3)
    thread["creation_stack"] = [thread["start"]]
    shown["threads"] = [thread]
    file = tmp_path / "\x1b[7m"
    file.write_text(json.dumps(shown))
    lines = diff(str(file), told.pid)
    assert all(line.isprintable() for line in lines) and "\\x1b[31m" in "\n".join(lines)


def test_wrong_numbers_of_words(told: Told) -> None:
    for words in [], [told.pid], [told.pid] * 3:
        run = run_shell("diff", *words)
        assert run.status == USAGE and "give two" in run.err
