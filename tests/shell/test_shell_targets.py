# SPDX-License-Identifier: MIT
"""The table of tests/gdb, seen by the shell: live without a stop, live with one, and in core files."""

from typing import Any, Dict, List

import pytest
from leaky_table import FORMS, ORPHAN, SUMMARY, THREADS, Form, said_of
from observe import by_name
from run_shell import LEAKS, SETTLED, Run, run_shell, targets
from workshop import HIDDEN, STATIC, Program, Workshop, line_of, symbol_offsets

WAYS = {**FORMS, **{f"{name}, stopped": form for name, form in FORMS.items() if not form.look.core}}


class Seen:
    """What each command says of one program, looked at in one way; each is run once, when it is asked for."""

    def __init__(self, form: Form, program: Program, words: List[str]):
        self.form = form
        self.program = program
        self.words = words
        self._runs: Dict[Any, Run] = {}

    def run(self, *command: str) -> Run:
        if command not in self._runs:
            self._runs[command] = run_shell(command[0], *self.words, *command[1:])
        return self._runs[command]

    def threads(self) -> Dict[str, Dict[str, Any]]:
        return by_name(self.run("list", "--all", "--format", "json", *SETTLED).document())

    @property
    def has_names(self) -> bool:
        """The shell finds the program by itself."""
        return not self.form.strip


@pytest.fixture(scope="module", params=WAYS)
def seen(request: Any, workshop: Workshop) -> Seen:
    form = WAYS[request.param]
    program = workshop.program("leaky", form.link, form.strip)
    words = targets(form.look.arguments(workshop, program))
    return Seen(form, program, words + ["--stop"] * request.param.endswith(", stopped"))


def test_the_summary_comes_first_and_check_fails(seen: Seen) -> None:
    for command in "list", "groups", "check":
        run = seen.run(command, *SETTLED)
        assert run.first_line == SUMMARY and run.status == LEAKS
    assert "threadleak: check failed: 5 of 11 threads" in seen.run("check", *SETTLED).err


def test_the_json_sums_up(seen: Seen) -> None:
    shown = seen.run("list", "--all", "--format", "json", *SETTLED).document()
    by_class = {"unjoined": 4, "outlived": 1, "alive": 6}
    assert shown["summary"] == {"threads": 11, "leaked": 5, "by_class": by_class}
    assert shown["target"]["kind"] == ("core" if seen.form.look.core else "process")
    assert shown["target"]["exe"] == seen.program.path
    assert shown["registry"]["untracked"] == 0 and shown["error"] is None


def test_what_is_said_of_each_thread(seen: Seen) -> None:
    threads = dict(seen.threads())
    main = threads.pop("leaky")
    assert main["main"] and main["id"] == 1 and not main["leaked"]
    offsets = symbol_offsets(seen.program.whole)
    assert {name: said_of(thread) for name, thread in threads.items()} == {
        name: expected.said(number, offsets, seen.has_names)
        for number, (name, expected) in enumerate(THREADS.items(), ORPHAN)
    }


def test_explain_knows_the_ancestry_and_the_stack(seen: Seen) -> None:
    text = seen.run("explain", "--id", str(ORPHAN)).out
    assert text.startswith(f"thread {ORPHAN} `orphan`: alive\n")
    assert "thread 2, which is gone" in text and "state       blocked\n" in text
    stack = text.split("stack now:\n", 1)[1]
    assert "#0" in stack
    if seen.has_names:
        assert f"created at main (leaky.c:{line_of('leaky', '/* creates helper */')})" in text
        assert "be_orphan" in stack


def test_stacks_show_all_threads(seen: Seen) -> None:
    run = seen.run("stacks", *SETTLED)
    assert run.status == 0
    assert run.first_line.startswith("7 threads, ") and f"\n{SUMMARY}\n" in run.out
    if seen.has_names:
        assert "\n1 thread blocked in pause, from block (scenario.h:" in run.out


def test_info_says_where_the_registry_is(seen: Seen) -> None:
    text = seen.run("info").out
    has_symbol = not (seen.form.strip and seen.form.link == STATIC)
    assert ("found by symbol" if has_symbol else "found by scan") in text
    assert "11 (4 unjoined, 1 outlived, 6 alive)" in text
    is_double = seen.form.look.preload is not None
    assert ("two copies of the library are in this process" in text) == is_double
    assert text.count("registry:") == (2 if seen.form.link == HIDDEN and is_double else 1)
