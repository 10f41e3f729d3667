# SPDX-License-Identifier: MIT
"""One program, one table of what has to be said of its threads, and every way in which GDB can see it."""

import os
from typing import Any, Dict, NamedTuple, Optional, Tuple

import pytest
from observe import (
    CORE,
    CORE_ALONE,
    LIVE,
    SETTLED,
    Look,
    by_name,
    document,
    functions,
    own_frame,
    run_checked,
)
from run_gdb import Run
from workshop import (
    EMBEDDED,
    HIDDEN,
    LIBRARY,
    LINKED,
    PRELOADED,
    STATIC,
    STATIC_PIE,
    Program,
    Workshop,
    line_of,
    symbol_offsets,
)

SUMMARY = "threadleak: 5 leaked threads (4 unjoined, 1 outlived) of 11"
ORPHAN = 3


class Expected(NamedTuple):
    class_: str
    state: str
    confidence: Optional[str]  # of one that leaked
    scope: Optional[str]
    start: str
    made_in: Tuple[str, ...]  # functions of the creation stack, innermost first
    comment: str  # on the line that creates it
    creator: int = 1
    detached: bool = False

    def said(self, number: int, offsets: Dict[str, int], has_names: bool) -> Dict[str, Any]:
        """As said_of() gives it."""
        line = line_of("leaky", f"/* creates {self.comment} */")
        is_leaked = self.confidence is not None
        return {
            "id": number,
            "class": self.class_,
            "state": self.state,
            "leaked": is_leaked,
            "confidence": self.confidence,
            "scope": self.scope,
            "creator": self.creator,
            "detached": self.detached,
            "fix": is_leaked,
            "start": ("leaky", hex(offsets[self.start]), self.start if has_names else None),
            "made_in": list(self.made_in) if has_names else [],
            "own_module": "leaky",
            "own_place": ("leaky.c", line) if has_names else None,
            "complete": True,
        }


SERVE, START, FORGET = (
    ("serve_request", "main"),
    ("start_services", "main"),
    ("forget_threads", "main"),
)
HANDLE = ("handle_request", SERVE, "requests")
# What the comment at the top of leaky.c says, in the order of creation.
THREADS = {
    "orphan": Expected("alive", "blocked", None, None, "be_orphan", ("be_helper",), "orphan", 2),
    "request-1": Expected("unjoined", "finished", "proof", "request", *HANDLE),
    "request-2": Expected("unjoined", "finished", "proof", "request", *HANDLE),
    "straggler": Expected(
        "outlived", "blocked", "proof", "request", "be_straggler", SERVE, "straggler"
    ),
    "pool": Expected("alive", "blocked", None, "session", "be_pool", START, "pool"),
    "daemon": Expected(
        "alive", "blocked", None, "session", "be_daemon", START, "daemon", detached=True
    ),
    "exiter": Expected(
        "unjoined", "finished", "suspicion", "session", "be_exiter", FORGET, "exiter"
    ),
    "c11": Expected("unjoined", "finished", "suspicion", "session", "be_c11", FORGET, "c11"),
    "awaited": Expected("alive", "blocked", None, "session", "be_awaited", ("main",), "awaited"),
    "waiter": Expected("alive", "blocked", None, "session", "be_waiter", ("main",), "waiter"),
}
ALL_FUNCTIONS = {function for expected in THREADS.values() for function in expected.made_in}


class Form(NamedTuple):
    """A way to build the program, and a way to look at it."""

    link: str
    look: Look
    strip: bool = False

    @property
    def has_names(self) -> bool:
        return self.look.with_program and not self.strip


PRELOAD_TOO = Look(core=True, preload=LIBRARY)
FORMS = {
    "live": Form(PRELOADED, LIVE),
    "core": Form(PRELOADED, CORE),
    "core alone": Form(PRELOADED, CORE_ALONE),
    "stripped, live": Form(PRELOADED, LIVE, strip=True),
    "stripped, core": Form(PRELOADED, CORE, strip=True),
    "linked, live": Form(LINKED, LIVE),
    "linked, core": Form(LINKED, CORE),
    "embedded, live": Form(EMBEDDED, LIVE),
    "embedded, core": Form(EMBEDDED, CORE),
    "embedded and stripped, core": Form(EMBEDDED, CORE, strip=True),
    "static, live": Form(STATIC, LIVE),
    "static, core": Form(STATIC, CORE),
    "static, core alone": Form(STATIC, CORE_ALONE),
    "static and stripped, live": Form(STATIC, LIVE, strip=True),
    "static and stripped, core": Form(STATIC, CORE, strip=True),
    "static-pie, live": Form(STATIC_PIE, LIVE),
    "static-pie, core": Form(STATIC_PIE, CORE),
    "embedded and preloaded, core": Form(EMBEDDED, PRELOAD_TOO),
    "hidden and preloaded, live": Form(HIDDEN, PRELOAD_TOO._replace(core=False)),
    "hidden and preloaded, core": Form(HIDDEN, PRELOAD_TOO),
    "hidden and preloaded, core alone": Form(HIDDEN, PRELOAD_TOO._replace(with_program=False)),
}


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
    assert shown["registry"] == {"found": True, "version": "1.0", "dropped": 0, "untracked": 0}
    assert shown["error"] is None


def test_what_is_said_of_each_thread(
    threads: Dict[str, Dict[str, Any]], form: Form, program: Program
) -> None:
    main = threads.pop("leaky")
    assert main["main"] and main["id"] == 1 and not main["leaked"]
    offsets = symbol_offsets(program.whole)
    said = {name: said_of(thread) for name, thread in threads.items()}
    assert said == {
        name: expected.said(number, offsets, form.has_names)
        for number, (name, expected) in enumerate(THREADS.items(), ORPHAN)
    }
    threads["leaky"] = main


def said_of(thread: Dict[str, Any]) -> Dict[str, Any]:
    """What of a thread's JSON the table speaks of."""
    own, start = own_frame(thread), thread["start"]
    keys = ("id", "class", "state", "leaked", "confidence", "scope", "creator", "detached")
    return {
        **{key: thread[key] for key in keys},
        "fix": bool(thread["fix"]),
        "start": (os.path.basename(start["module"]), start["offset"], start["function"]),
        "made_in": [each for each in functions(thread) if each in ALL_FUNCTIONS],
        "own_module": os.path.basename(own["module"]),
        "own_place": own["file"] and (os.path.basename(own["file"]), own["line"]),
        "complete": thread["creation_stack_complete"],
    }


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
    assert "\n2 threads, 2 leaked (2 unjoined)\n  ids         4-5\n" in text
    assert text.count(" leaked (") == 4


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
