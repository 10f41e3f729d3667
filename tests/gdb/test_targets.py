# SPDX-License-Identifier: MIT
"""One program, one table of what has to be said of its threads, and every way in which GDB can see it."""

import re
from typing import Any, Dict

import pytest
from leaky_table import FORMS, ORPHAN, SUMMARY, THREADS, Form, said_of
from observe import SETTLED, by_name, document, run_checked
from run_gdb import Run
from workshop import HIDDEN, STATIC, Program, Workshop, line_of, symbol_offsets


@pytest.fixture(scope="module", params=FORMS)
def form(request: Any) -> Form:
    return FORMS[request.param]


@pytest.fixture(scope="module")
def program(workshop: Workshop, form: Form) -> Program:
    return workshop.program("leaky", form.link, form.strip)


@pytest.fixture(scope="module")
def seen(workshop: Workshop, form: Form, program: Program) -> Run:
    return run_checked(
        form.look.arguments(workshop, program),
        f"threadleak list --all --format json {SETTLED}",
        f"threadleak list {SETTLED}",
        f"threadleak groups {SETTLED}",
        f"threadleak explain {ORPHAN}",
        "threadleak info",
    )


@pytest.fixture(scope="module")
def threads(seen: Run) -> Dict[str, Dict[str, Any]]:
    return by_name(document(seen.outputs[0]))


def test_the_summary_comes_first_and_check_fails(seen: Run) -> None:
    for output in seen.outputs[1], seen.outputs[2], seen.outputs[5]:
        assert output.split("\n", 1)[0] == SUMMARY
    assert seen.status == 3
    assert "threadleak: check failed: 5 of 11 threads" in seen.err


def test_the_json_sums_up(seen: Run, form: Form) -> None:
    shown = document(seen.outputs[0])
    by_class = {"unjoined": 4, "outlived": 1, "alive": 6}
    assert shown["summary"] == {"threads": 11, "leaked": 5, "by_class": by_class}
    assert shown["target"]["kind"] == ("core" if form.look.core else "process")
    registry = {"found": True, "version": "1.2", "dropped": 0, "untracked": 0}
    assert {key: shown["registry"][key] for key in registry} == registry
    assert shown["error"] is None


def test_what_is_said_of_each_thread(
    threads: Dict[str, Dict[str, Any]], form: Form, program: Program
) -> None:
    main = threads.pop("leaky")
    assert main["main"] and main["id"] == 1 and not main["leaked"]
    offsets = symbol_offsets(program.whole)
    said = {name: said_of(thread) for name, thread in threads.items()}
    assert said == {
        name: expected.said(number, offsets, form.names_creation)
        for number, (name, expected) in enumerate(THREADS.items(), ORPHAN)
    }
    threads["leaky"] = main


def test_explain_knows_the_ancestry_of_one_whose_creator_is_gone(seen: Run, form: Form) -> None:
    text = seen.outputs[3]
    assert text.startswith(f"thread {ORPHAN} `orphan`: alive\n")
    assert "thread 2, which is gone" in text
    if form.has_names:
        line = line_of("leaky", "/* creates helper */")
        assert f"created at main (leaky.c:{line})" in text


def test_explain_shows_the_stack_and_the_number_that_gdb_gives_it(seen: Run, form: Form) -> None:
    text = seen.outputs[3]
    assert "state       blocked, GDB's thread " in text
    stack = text.split("stack now:\n", 1)[1]
    assert "#0" in stack
    if form.has_names:
        assert "be_orphan" in stack


def test_groups_put_equal_threads_together(seen: Run) -> None:
    text = seen.outputs[2]
    assert "\n2 leaked threads (2 unjoined)\n  ids         4-5\n" in text
    assert len(re.findall("^[0-9]+ (?:threads?: .*)?leaked ", text, re.M)) == 4


def test_info_says_where_the_registry_is(seen: Run, form: Form) -> None:
    text = seen.outputs[4]
    has_symbol = form.look.with_program and not (form.strip and form.link == STATIC)
    assert ("found by symbol" if has_symbol else "found by scan") in text
    assert "11 (4 unjoined, 1 outlived, 6 alive)" in text


def test_two_copies_are_noticed(seen: Run, form: Form) -> None:
    is_double = form.look.preload is not None
    assert ("two copies of the library are in this process" in seen.outputs[4]) == is_double
    copies = 2 if form.link == HIDDEN and is_double else 1
    assert seen.outputs[4].count("registry:") == copies
