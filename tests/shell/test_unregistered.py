# SPDX-License-Identifier: MIT
"""A program that never loaded the library: one table of what glibc's lists tell of its threads, and every way in which
they can be seen. There is no debug information of libc."""

import json
import os
import re
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional

import pytest
from observe import CORE, LIVE, Look
from run_gdb import run_gdb
from run_shell import BLIND, CLEAN, LEAKS, SETTLED, Run, run_shell, targets
from schema import errors
from workshop import ROOT, Program, Workshop, symbol_offsets

KIB = 1 << 10
CANCELED = (1 << 64) - 1
MIB8 = 8192 * KIB + 4 * KIB  # a stack of the default size, and its guard


class Expected(NamedTuple):
    """Of a thread: what it began with, and what came of it."""

    start: str
    argument: int
    result: Optional[int]
    stack_size: Optional[int]
    guard_size: int = 4 * KIB
    detached: bool = False
    name: Optional[str] = None  # of one that is alive, in a process


TABLE = sorted(
    [
        Expected("be_twin", 1, 3, 264 * KIB, 8 * KIB),
        Expected("be_twin", 2, 4, 264 * KIB, 8 * KIB),
        Expected("be_exiter", 5, 5, MIB8),
        Expected("be_cancelled", 0, CANCELED, MIB8),
        Expected("be_lodger", 7, 7, 128 * KIB, 0),
        Expected("be_worker", 0, None, MIB8, name="worker"),
        Expected("be_daemon", 0, None, MIB8, detached=True, name="daemon"),
    ],
    key=str,
)
STRIPPED, STATIC = "stripped", "static"
HIDDEN_DEBUG = "set debug-file-directory /nonexistent"


class Form(NamedTuple):
    look: Look
    build: str = ""

    def program(self, workshop: Workshop) -> Program:
        flags = ("-static",) if self.build == STATIC else ()
        return workshop.program("unregistered", strip=self.build == STRIPPED, flags=flags)

    def arguments(self, workshop: Workshop) -> List[str]:
        return self.look._replace(preload="").arguments(workshop, self.program(workshop))


FORMS = {
    f"{'core' if look.core else 'live'}{', ' + build if build else ''}": Form(look, build)
    for look in (LIVE, CORE)
    for build in ("", STRIPPED, STATIC)
}


@pytest.fixture(scope="module", params=FORMS)
def form(request: Any) -> Form:
    return FORMS[request.param]


def in_the_shell(arguments: List[str]) -> Dict[str, Any]:
    run = run_shell("list", "--all", *targets(arguments), "--format", "json")
    assert run.status == LEAKS
    return run.document()


def in_gdb(arguments: List[str]) -> Dict[str, Any]:
    commands = [HIDDEN_DEBUG, "threadleak list --all --format json"]
    text = run_gdb(*arguments, commands=commands).outputs[-1]
    return json.JSONDecoder().raw_decode(text)[0]  # type: ignore[no-any-return]


def schema() -> Any:
    with open(os.path.join(ROOT, "docs", "json-schema.json"), encoding="utf-8") as file:
        return json.load(file)


def number(text: Optional[str]) -> Optional[int]:
    return None if text is None else int(text, 16)


def said_of(thread: Dict[str, Any], names: Dict[int, str], live: bool) -> Expected:
    return Expected(
        names[int(thread["start"]["offset"], 16)],
        number(thread["argument"]) or 0,
        number(thread["result"]),
        thread["stack_size"],
        thread["guard_size"],
        thread["detached"],
        thread["name"] if live else None,
    )


@pytest.mark.parametrize("read", [in_the_shell, in_gdb])
def test_what_is_said_of_each_thread(workshop: Workshop, form: Form, read: Any) -> None:
    shown = read(form.arguments(workshop))
    assert errors(shown, schema(), schema()) == []
    assert shown["summary"] == {"threads": 8, "leaked": 5, "by_class": {"unjoined": 5, "alive": 3}}
    assert shown["registry"]["found"] is False and shown["error"] is None
    threads = {each["pthread"]: each for each in shown["threads"]}
    assert len(threads) == 8 and all(each["id"] is None for each in threads.values())
    (main,) = [each for each in threads.values() if each["main"]]
    assert main["class"] == "alive" and main["tid"] == shown["target"]["pid"]
    others = [each for each in threads.values() if not each["main"]]
    program = form.program(workshop)
    base = 0x400000 if form.build == STATIC else 0
    names = {at - base: name for name, at in symbol_offsets(program.whole).items()}
    live = not form.look.core
    expected = [each if live else each._replace(name=None) for each in TABLE]
    assert sorted((said_of(each, names, live) for each in others), key=str) == expected
    for each in others:
        leaked = each["state"] == "finished"
        said = ("unjoined", True, "suspicion") if leaked else ("alive", False, None)
        assert (each["class"], each["leaked"], each["confidence"]) == said
        assert (each["tid"] is None) == leaked


def test_what_is_shown(workshop: Workshop, form: Form) -> None:
    words = targets(form.arguments(workshop))
    run = run_shell("check", *words)
    assert run.first_line == "threadleak: 5 leaked threads (5 unjoined) of 8"
    assert run.status == LEAKS and run.out.count("note: no registry: ") == 1
    groups = run_shell("groups", *words).out.split("\n\n")[1:]
    assert sorted(each.split("\n")[0] for each in groups) == [
        *["1 leaked thread (1 unjoined)"] * 3,
        "2 leaked threads (2 unjoined)",
    ]
    assert "8 (5 unjoined, 3 alive)" in run_shell("info", *words).out
    at_end = run_shell("check", "--at-end", "--allow", "detached", "--proof-only", *words)
    assert at_end.first_line == "threadleak: 6 leaked threads (5 unjoined, 1 outlived) of 8"


def test_joined_past_the_library(workshop: Workshop) -> None:
    running = workshop.start(workshop.program("goes_past"), "joined")
    said = "note: 5 finished threads joined or detached by a path that the library does not see"
    for words in ((str(running.pid),), ("--stop", str(running.pid))):
        run = run_shell("check", *SETTLED, *words)
        assert (run.first_line, run.status) == ("threadleak: 0 leaked threads of 2", CLEAN)
        assert said in run.out


def test_a_thread_is_called_by_its_pthread_t_or_its_tid(workshop: Workshop, form: Form) -> None:
    arguments = form.arguments(workshop)
    words = targets(arguments)
    threads = in_the_shell(arguments)["threads"]
    cancelled = next(each for each in threads if number(each["result"]) == CANCELED)
    worker = next(each for each in threads if each["tid"] and not each["main"])
    ids = [cancelled["pthread"], f"tid:{worker['tid']}", worker["pthread"]]
    run = run_shell("explain", *words, "--id", *ids)
    first, second, third = run.out.split("\n\nthread ")
    assert first.startswith(f"thread {ids[0]}: leaked, unjoined (suspicion)\n")
    assert "PTHREAD_CANCELED" in first and "When it finished is not known." in first
    # a core has no names but those of the library and of files beside it
    assert re.match(f"{worker['pthread']}( `.+`)?: ", second) and run.status == CLEAN
    heads = [
        re.sub(r"has not run for .*", "", text.split("stack now:")[0]) for text in (second, third)
    ]
    assert heads[0] == heads[1]
    wrong = run_shell("explain", *words, "--id", "0x10")
    assert "there is no thread 0x10 in this target" in wrong.err
    in_gdb_too = run_gdb(*arguments, commands=[f"threadleak explain {ids[0]}"]).outputs[0]
    assert in_gdb_too.split("\n")[0] == first.split("\n")[0]


def test_rules_speak_of_such_threads(workshop: Workshop, tmp_path: Any) -> None:
    words = targets(LIVE._replace(preload="").arguments(workshop, workshop.program("unregistered")))
    rules = tmp_path / "rules"
    rules.write_text(
        "class=unjoined start:be_twin twins are fine\nstart:be_worker it stays\nclass=unjoined start:be_[cel]* so what\n"
    )
    run = run_shell("check", "--at-end", "--allow", "detached", "--rules", str(rules), *words)
    assert run.status == CLEAN and run.first_line == "threadleak: 0 leaked threads of 8"


def check_child(workshop: Workshop, how: str, core: bool) -> Run:
    running = workshop.start(workshop.program("forked"), how, preload="", ready="")
    child = int(running.line())
    assert running.line() == "ready"
    return run_shell("check", running.dump_core(child) if core else str(child))


@pytest.mark.parametrize("core", [False, True], ids=["live", "core"])
def test_a_fork_child_has_lists_of_its_own(workshop: Workshop, core: bool) -> None:
    run = check_child(workshop, "fork", core)
    assert run.first_line == "threadleak: 1 leaked thread (1 unjoined) of 3" and run.status == LEAKS


@pytest.mark.parametrize("core", [False, True], ids=["live", "core"])
def test_lists_that_are_a_copy_of_another_process_are_not_believed(
    workshop: Workshop, core: bool
) -> None:
    """A child has its parent's descriptors where it was made past the handlers of fork."""
    run = check_child(workshop, "_Fork", core)
    assert run.status == BLIND and "are not this process's own" in run.err


CLOSURES = [f"main::{{lambda()#{number}}}" for number in (1, 2, 3)]


def test_std_threads_are_told_apart_by_what_they_run(workshop: Workshop, tmp_path: Path) -> None:
    """All have one start routine, and there is no site: the page and JSON say what the table says."""
    pid = str(workshop.start(workshop.program("closures"), preload="").pid)
    words = ("list", "--all", pid, *SETTLED)
    assert all(f"  {each}  " in run_shell(*words).out for each in CLOSURES)
    document = run_shell(*words, "--format", "json").document()
    assert not errors(document, schema(), schema())
    ran = {each["pthread"]: each.get("callable") for each in document["threads"]}
    assert sorted(filter(None, ran.values())) == CLOSURES
    page = tmp_path / "page.html"
    run_shell(*words, "--format", "html", "--output", str(page))
    found = re.search('<script[^>]* id="data"[^>]*>(.*?)</script>', page.read_text("utf-8"), re.S)
    assert found is not None
    data = json.loads(found.group(1))
    kinds = [dict(zip(data["kindFields"], each)) for each in data["kinds"]]
    starts = [data["texts"][kinds[each]["start"]] for each in data["columns"]["kind"]]
    shown = dict(zip(data["columns"]["id"], starts))
    assert shown == {id: runs or "main" for id, runs in ran.items()}


@pytest.mark.parametrize("preload", [None, ""], ids=["registry", "none"])
def test_explain_says_first_what_a_std_thread_runs(
    workshop: Workshop, preload: Optional[str]
) -> None:
    pid = str(workshop.start(workshop.program("closures"), preload=preload).pid)
    threads = run_shell("list", "--all", pid, "--format", "json").document()["threads"]
    ids = [str(each.get("id") or each["pthread"]) for each in threads if not each["main"]]
    said = run_shell("explain", pid, *ids).out
    started = re.findall(r"^  started in +(.*?), through .*libstdc", said, re.M)
    assert sorted(started) == CLOSURES
    assert "started in  main::{lambda()#" in run_shell("groups", "--all", pid).out


def test_nothing_stands_for_a_name_that_is_not_known(workshop: Workshop) -> None:
    program, core = CORE._replace(preload="").arguments(workshop, workshop.program("closures"))[-2:]
    ids = re.findall("^0x[0-9a-f]+", run_shell("list", "--all", program, core).out, re.M)
    assert len(ids) == 4
    assert f"thread {ids[0]}: alive\n" in run_shell("explain", program, core, "--id", ids[0]).out
