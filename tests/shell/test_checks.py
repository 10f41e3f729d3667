# SPDX-License-Identifier: MIT
"""threadleak.h in real programs, with the real engine: what checks return, and what they print."""

import json
import os
import re
import subprocess
import xml.etree.ElementTree as xml
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional

import pytest
from run_shell import SHELL
from workshop import LIBRARY, LINKED, PRELOADED, STATIC, Workshop

SOON_S = 60


class Ran(NamedTuple):
    results: List[str]
    report: str

    @property
    def headline(self) -> str:
        return self.report.split("\n", 1)[0]


def run(
    workshop: Workshop,
    part: str,
    options: str = "",
    link: str = PRELOADED,
    env: Optional[Dict[str, str]] = None,
) -> Ran:
    program = workshop.program("checks", link=link)
    clean = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "THREADLEAK_OPTIONS": options}
    if link == PRELOADED:
        clean["LD_PRELOAD"] = LIBRARY
    done = subprocess.run(
        [program.path, part],
        capture_output=True,
        text=True,
        env={**clean, **(env or {})},
        timeout=SOON_S,
    )
    assert done.returncode == 0, done.stderr
    return Ran(done.stdout.splitlines(), done.stderr)


@pytest.mark.parametrize("link", [PRELOADED, LINKED])
def test_an_unjoined_thread(workshop: Workshop, link: str) -> None:
    ran = run(workshop, "unjoined", link=link)
    assert ran.results == [f"1 {ran.headline}"]
    assert (
        "1 leaked thread (1 unjoined) in test Suite.unjoined: made by create at checks.cc:"
        in ran.headline
    )
    assert "pthread_join" in ran.report


BEFORE = r"at the exit of checks \(pid \d+\): reported before, in test Suite.unjoined\n"


def test_what_a_check_has_reported_is_told_at_the_exit_in_one_line(workshop: Workshop) -> None:
    ran = run(workshop, "exits", options="at_exit=report:settle_ms=0")
    assert ran.report.count("created at:") == 1
    assert re.search(rf"\nthreadleak: 1 leaked thread \(1 unjoined\) {BEFORE}\Z", ran.report)


@pytest.mark.parametrize("more", [[], ["--report", "of_run.json"]])
def test_run_counts_what_a_check_has_reported(
    workshop: Workshop, tmp_path: Path, more: List[str]
) -> None:
    """Documents are whole."""
    words = ["run", "--settle-ms", "0", *more, "--", workshop.program("checks").path, "exits"]
    done = subprocess.run(
        [SHELL, *words], cwd=tmp_path, capture_output=True, text=True, timeout=SOON_S
    )
    assert done.returncode == 3, done.stderr
    assert done.stderr.count("created at:") == 1 and len(re.findall(BEFORE, done.stderr)) == 1
    if more:
        (program,) = json.loads((tmp_path / "of_run.json").read_text())["programs"]
        assert program["leaked"] == 1 and len(program["reports"]) == 2
        assert all("created at:" in each["text"] for each in program["reports"])


def test_who_checks_has_not_ended(workshop: Workshop) -> None:
    ran = run(workshop, "joined_next")
    assert "(1 unjoined) in test Suite.joined_next" in ran.headline
    assert "has ended" not in ran.report
    assert re.search(
        r"^  Thread 1 is in joined_next.* \(checks.cc:\d+\) now, .* may yet join it\.$",
        ran.report,
        re.M,
    ), ran.report


def test_a_creator_that_has_ended(workshop: Workshop) -> None:
    ran = run(workshop, "creator_ended")
    assert "  Thread 2, which created it, has ended without joining it.\n" in ran.report


def test_threads_that_outlive_their_test_are_blamed_on_it_alone(workshop: Workshop) -> None:
    ran = run(workshop, "outlived")
    first, second, whole = ran.results
    assert first.startswith("2 threadleak: 2 leaked threads (2 outlived) in test Suite.outlived:")
    assert second == "0 "
    assert whole.startswith("2 threadleak: 2 leaked threads (2 outlived) in the process")


def test_a_deadlock_is_told_by_the_test_that_made_it(workshop: Workshop) -> None:
    """With the cycle, as the first of the threads sees it, and what to change."""
    ran = run(workshop, "deadlock")
    assert "2 leaked threads (2 stuck) in test Suite.deadlock: made by deadlock" in ran.headline
    whole = " ".join(ran.report.split())
    cycle = re.search(
        r"Thread (\d+) `checks` waits for the mutex `(first|second)` \(0x[0-9a-f]+\), owned by thread (\d+)"
        r" `checks`, which waits for the mutex `(first|second)` \(0x[0-9a-f]+\), owned by thread \1 ",
        whole,
    )
    assert cycle is not None, ran.report
    assert cycle[1] != cycle[3] and cycle[2] != cycle[4]
    assert "a deadlock, nobody can wake either" in whole
    assert "Lock them in the same order everywhere." in whole


def test_a_pool_that_a_rule_expects_costs_one_engine(workshop: Workshop, tmp_path: object) -> None:
    counter = os.path.join(str(tmp_path), "starts")
    wrapper = os.path.join(str(tmp_path), "threadleak")
    with open(wrapper, "w", encoding="ascii") as file:
        file.write(f'#!/bin/sh\necho start >> {counter}\nexec {SHELL} "$@"\n')
    os.chmod(wrapper, 0o755)
    rules = os.path.join(str(tmp_path), "pool.rules")
    with open(rules, "w", encoding="ascii") as file:
        file.write("start:stays the pool lives as long as the process\n")
    ran = run(workshop, "pool", options=f"engine={wrapper}:rules={rules}")
    assert ran == Ran(["0 ", "0 ", "0 "], "")
    with open(counter, encoding="ascii") as file:
        assert file.read() == "start\n"


def test_a_rule_of_one_check_holds_for_that_alone(workshop: Workshop) -> None:
    first, second = run(workshop, "ruled").results
    assert first == "0 "
    assert second.startswith("1 ")


def test_ten_thousand_leaks_are_one_group(workshop: Workshop) -> None:
    ran = run(workshop, "many")
    assert ran.results[0].startswith(
        "10000 threadleak: 10,000 leaked threads (10,000 unjoined) in test"
    )
    assert len(ran.report.encode()) <= 4096


@pytest.mark.parametrize("link", [PRELOADED, STATIC])
def test_the_selftest_finds_what_it_plants(workshop: Workshop, link: str) -> None:
    ran = run(workshop, "selftest", options=f"engine={SHELL}", link=link)
    assert ran == Ran(["0 ", "0 "], "")


def test_the_selftest_says_what_is_in_the_way(workshop: Workshop, tmp_path: object) -> None:
    ran = run(workshop, "selftest", options="engine=/nonexistent/threadleak")
    assert re.match(r"-1 selftest: cannot tell .*/nonexistent/threadleak", ran.results[0])
    rules = os.path.join(str(tmp_path), "all.rules")
    with open(rules, "w", encoding="ascii") as file:
        file.write("name:* hides whatever there is\n")
    ran = run(workshop, "selftest", options=f"rules={rules}")
    assert ran.results[0].startswith("-1 selftest: ")
    assert "expected 3 leaked threads, found 1" in ran.results[0]


def test_scopes_as_objects(workshop: Workshop) -> None:
    results = run(workshop, "raii").results
    assert results[0].startswith("1 ") and "in test Suite.raii" in results[0]
    assert results[1] == "-5 after an exception"
    assert results[2].startswith("1 ") and "in test Suite.in a destructor" in results[2]
    assert results[3:] == ["0 ", "0 "]


def test_announced_leaks(workshop: Workshop) -> None:
    exact, off = run(workshop, "expects").results
    assert exact == "0 "
    assert off.startswith("2 ") and "expected 3 leaked threads, found 1" in off


def test_unknown_threads_are_said_once_and_blind_a_strict_check(workshop: Workshop) -> None:
    ran = run(workshop, "untracked")
    assert ran.results[:2] == ["0 ", "0 "]
    assert ran.results[2].startswith("-1 cannot tell whether threads leaked: ")
    assert ran.report.count("note: 1 thread of this process is not known to the library") == 1
    strict = run(workshop, "untracked", options="strict=1")
    assert all(result.startswith("-1 ") for result in strict.results)


def test_a_quiet_check_prints_nothing(workshop: Workshop) -> None:
    ran = run(workshop, "quiet")
    assert ran.results[0].startswith("1 threadleak: 1 leaked thread")
    assert ran.report == ""


def test_formats_and_a_file_for_each_process(workshop: Workshop, tmp_path: object) -> None:
    ran = run(workshop, "unjoined", options=f"format=json:log_path={tmp_path}/report.%p.json")
    assert ran.report == ""
    (name,) = os.listdir(str(tmp_path))
    assert re.fullmatch(r"report\.\d+\.json", name)
    with open(os.path.join(str(tmp_path), name), encoding="utf-8") as file:
        document = json.load(file)
    assert document["title"] == "Suite.unjoined"
    assert document["summary"]["leaked"] == 1


def _texts(folder: object) -> Dict[str, str]:
    """Of the files in it, by name."""
    texts = {}
    for name in os.listdir(str(folder)):
        with open(os.path.join(str(folder), name), encoding="utf-8") as file:
            texts[name] = file.read()
    return texts


@pytest.mark.parametrize("format", ["json", "junit", "tap"])
def test_each_document_is_a_file(workshop: Workshop, tmp_path: object, format: str) -> None:
    """Of two failing checks; a file that was there stays as it is."""
    with open(os.path.join(str(tmp_path), "leaks.d-2.txt"), "w", encoding="ascii") as file:
        file.write("mine")
    ran = run(workshop, "outlived", options=f"format={format}:log_path={tmp_path}/leaks.d.txt")
    assert [result[:2] for result in ran.results] == ["2 ", "0 ", "2 "] and ran.report == ""
    texts = _texts(tmp_path)
    assert texts.pop("leaks.d-2.txt") == "mine"
    assert sorted(texts) == ["leaks.d-3.txt", "leaks.d.txt"]
    for name, title in (("leaks.d.txt", "Suite.outlived"), ("leaks.d-3.txt", "checks")):
        text = texts[name]
        if format == "json":
            assert json.loads(text)["title"] == title
        elif format == "junit":
            assert len(xml.fromstring(text).findall(f".//testcase[@name='{title}']/failure")) == 1
        else:
            assert text.startswith(f"TAP version 13\n1..1\nnot ok 1 - {title}\n# threadleak: 2 ")


@pytest.mark.parametrize("format", ["text", "github"])
def test_lines_are_appended_to_one_file(workshop: Workshop, tmp_path: object, format: str) -> None:
    run(workshop, "outlived", options=f"format={format}:log_path={tmp_path}/leaks")
    (text,) = _texts(tmp_path).values()
    assert text.count("threadleak: 2 leaked threads (2 outlived) in ") >= 2


def test_notes_are_no_part_of_a_document(workshop: Workshop, tmp_path: object) -> None:
    for format in "json", "text":
        options = f"format={format}:log_path={tmp_path}/{format}:strict=1"
        report = run(workshop, "untracked", options=options).report
        assert ("threadleak: cannot tell" in report) == (format == "json")
    assert "threadleak: cannot tell" in _texts(tmp_path)["text"]


def test_documents_in_a_stream_or_in_a_place_that_cannot_be_written(workshop: Workshop) -> None:
    ran = run(workshop, "unjoined", options="format=tap:log_path=/dev/stdout")
    assert ran.results[0].startswith("not ok - Suite.unjoined") and ran.report == ""
    ran = run(workshop, "unjoined", options="format=tap:log_path=/nonexistent/leaks")
    assert ran.report.count("not ok 1 - Suite.unjoined") == 1


def test_without_an_engine_unjoined_threads_count_and_others_cannot_be_told(
    workshop: Workshop,
) -> None:
    ran = run(workshop, "unjoined", options="engine=/nonexistent/threadleak")
    assert ran.results[0].startswith(
        "1 1 leaked thread, finished and never joined; plain report, since"
    )
    assert "/nonexistent/threadleak" in ran.headline
    assert "created at\n    #0 0x" in ran.report
    ran = run(workshop, "outlived", options="engine=/nonexistent/threadleak")
    assert ran.results[0].startswith(
        "-1 cannot tell whether threads leaked: the engine could not be"
    )
    assert ran.results[1] == "0 "


def test_of_a_process_that_may_not_be_read_unjoined_threads_count(workshop: Workshop) -> None:
    ran = run(workshop, "undumpable")
    unjoined, alive = ran.results
    if "may not be executed" in unjoined:
        pytest.skip("the checkout is where no other user may go, as below /root")
    assert unjoined.startswith("1 1 leaked thread, finished and never joined; plain report, since")
    assert " is not dumpable, since " in unjoined
    assert "1 finished and never joined, 0 alive, created at\n    #0 0x" in ran.report
    assert alive.startswith("-1 cannot tell whether threads leaked: process ")
    assert " is not dumpable, since " in alive


def test_a_copy_of_a_process_cannot_tell(workshop: Workshop) -> None:
    (result,) = run(workshop, "copy").results
    assert result.startswith("-1 cannot tell whether threads leaked: this process is a copy")


def test_a_library_that_came_too_late_cannot_tell(workshop: Workshop) -> None:
    folder = workshop.new_folder("late")
    source = os.path.join(folder, "late.c")
    with open(source, "w", encoding="ascii") as file:
        file.write(
            "#include <dlfcn.h>\n#include <stdio.h>\n"
            "int main(int argc, char **argv)\n{\n"
            "    void *library = dlopen(argv[argc - 1], RTLD_NOW | RTLD_GLOBAL);\n"
            "    int (*verify)(unsigned long, const void *) =\n"
            '        (int (*)(unsigned long, const void *))dlsym(library, "threadleak_verify_since_");\n'
            '    printf("%d\\n", verify(0, NULL));\n    return 0;\n}\n'
        )
    program = os.path.join(folder, "late")
    workshop.compile(source, program, ["-ldl"])
    done = subprocess.run(
        [program, LIBRARY], capture_output=True, text=True, check=True, timeout=SOON_S
    )
    assert done.stdout == "-1\n"
    assert "loaded too late, by dlopen" in done.stderr
