# SPDX-License-Identifier: MIT
"""What the subcommands say and which status they give, on the core of leaky and on the live process."""

import json
import os
import re
from typing import Any, List

import pytest
from observe import LIVE, SETTLED, by_name, document, functions, read_json
from run_gdb import Run, run_gdb
from workshop import Workshop, line_of

SUMMARY = "threadleak: 5 leaked threads (4 unjoined, 1 outlived) of 11"
LEAKED = {"request-1", "request-2", "straggler", "exiter", "c11"}


@pytest.fixture(scope="module")
def live(workshop: Workshop) -> List[str]:
    return LIVE.arguments(workshop, workshop.program("leaky"))


def run(arguments: List[str], *commands: str, **how: Any) -> Run:
    return run_gdb(*arguments, commands=commands, **how)


# ---- list ----------------------------------------------------------------------------------------


def test_list_shows_the_leaked_ones_and_says_what_to_do_next(core: List[str]) -> None:
    seen = run(core, f"threadleak list {SETTLED}")
    assert seen.status == 0
    lines = seen.outputs[0].splitlines()
    assert lines[0] == SUMMARY
    assert lines[2].split() == "ID TID NAME STATE CLASS SCOPE STARTED IN CREATED AT".split()
    rows = [line.split() for line in lines[3:8]]
    assert {row[2] for row in rows} == LEAKED
    marks = {row[2]: row[4] for row in rows}
    assert marks["request-1"] == "unjoined" and marks["exiter"] == "unjoined?"
    where = f"serve_request (leaky.c:{line_of('leaky', '/* creates straggler */')})"
    assert any(line.endswith(where) for line in lines)
    assert "`threadleak explain 4` says more." in lines
    assert any(line.startswith("fix (unjoined): Join it where it is created") for line in lines)
    assert any(line.startswith("fix (outlived): Tell it to end") for line in lines)
    assert all(line.startswith("fix (") for line in lines[-3:])


def test_list_all_shows_everybody(core: List[str]) -> None:
    text = run(core, "threadleak list --all").outputs[0]
    ids = [line.split()[0] for line in text.splitlines()[3:] if line]
    assert sorted(int(each) for each in ids if each.isdecimal()) == [1, *range(3, 13)]


SELECTIONS = {
    "--class outlived": {"straggler"},
    "--class outlived,unjoined": LEAKED,
    "--class alive --name p*": {"pool"},
    "--scope request": {"request-1", "request-2", "straggler"},
    "--scope session": LEAKED,
    "--name *er --all": {"straggler", "exiter", "waiter"},
    "--site serve_request": {"request-1", "request-2", "straggler"},
    "--state finished": LEAKED - {"straggler"},
    "--state blocked --scope request": {"straggler"},
    "--name nobody": set(),
}


def test_list_selects(core: List[str]) -> None:
    seen = run(core, *(f"threadleak list --format json {SETTLED} {each}" for each in SELECTIONS))
    for output, (options, names) in zip(seen.outputs, SELECTIONS.items()):
        shown = document(output)
        assert set(by_name(shown)) == names, options
        assert shown["summary"]["leaked"] == 5  # that of the process, whatever is shown


def test_list_sorts_and_limits(core: List[str]) -> None:
    keys = "id", "age", "name"
    seen = run(
        core,
        *(f"threadleak list --all --format json --sort {key}" for key in keys),
        f"threadleak list --limit 1 {SETTLED}",
    )
    threads = dict(zip(keys, (document(output)["threads"] for output in seen.outputs[:3])))
    for key in "id", "age":
        assert [each["id"] for each in threads[key]] == [1, *range(3, 13)]
    names = [each["name"] for each in threads["name"]]
    assert names == sorted(names)
    assert "... and 1 more like these: ids 5" in seen.outputs[3]


def test_list_at_end_judges_what_is_alive(core: List[str]) -> None:
    alive = {"orphan", "pool", "daemon", "awaited", "waiter"}
    threads = by_name(read_json(core, "--all --at-end"))
    assert {name for name, each in threads.items() if each["class"] == "outlived"} == {
        "straggler",
        *alive,
    }
    assert all(each["confidence"] == "proof" for each in threads.values() if each["leaked"])
    allowed = by_name(read_json(core, "--all --at-end --allow detached"))["daemon"]
    assert not allowed["leaked"] and allowed["expected_by"] == "--allow detached"


def test_list_shows_stacks_of_the_living(core: List[str]) -> None:
    threads = by_name(read_json(core, "--all --stacks"))
    stack = [frame["function"] for frame in threads["straggler"]["stack"]]
    assert "be_straggler" in stack and "pause" in " ".join(filter(None, stack))
    assert threads["exiter"]["stack"] is None
    text = run(core, "threadleak list --stacks").outputs[0]
    assert "be_straggler" in text.split("\nthread 6, tid ", 1)[1]


def test_one_that_just_finished_is_not_counted_yet(live: List[str]) -> None:
    seen = run(live, "threadleak check --exit --settle-ms 3600000")
    assert seen.outputs[-1].startswith("threadleak: 1 leaked thread (1 outlived) of 11\n")
    assert "4 unjoined threads not counted yet: just finished, or being joined" in seen.out
    assert seen.status == 3


def test_one_that_just_finished_is_a_suspicion_in_a_core(core: List[str]) -> None:
    threads = by_name(read_json(core, "--all --settle-ms 3600000"))
    assert threads["request-1"]["leaked"] and threads["request-1"]["confidence"] == "suspicion"


def test_output_goes_to_a_file(core: List[str], tmp_path: Any) -> None:
    path = tmp_path / "report.json"
    seen = run(core, f"threadleak list --format json --output {path}")
    assert seen.outputs[0] == f"threadleak: written to {path}\n"
    assert document(path.read_text())["summary"]["leaked"] == 5


# ---- JSON ----------------------------------------------------------------------------------------


def test_the_fields_of_the_json(core: List[str]) -> None:
    shown = read_json(core)
    thread = by_name(shown)["straggler"]
    assert shown["target"]["exe"].endswith("/leaky") and shown["target"]["core"].endswith("/core")
    for address in thread["pthread"], thread["start"]["pc"], thread["creation_stack"][0]["pc"]:
        assert address.startswith("0x") and int(address, 16)
    assert abs(thread["created_at"] - os.stat(core[1]).st_mtime) < 600
    assert thread["finished_at"] is None and thread["tid"] > 0
    assert functions(thread)[:2] == ["serve_request", "main"]
    assert len(thread["why"]) == 1
    assert thread["why"][0].startswith("It is alive although the scope `request` ended")
    assert thread["fix"] == "Tell it to end, and join it (pthread_join), before its scope ends."
    finished = by_name(shown)["c11"]
    assert finished["finished_at"] >= finished["created_at"]
    assert "thrd_join" in finished["fix"] and "thrd_exit" in finished["why"][0]
    assert shown["findings"] == []


def test_the_groups_of_the_json(core: List[str]) -> None:
    requests = read_json(core)["groups"][0]
    assert requests["threads"] == requests["leaked"] == 2
    assert requests["ids"] == "4-5" and requests["by_class"] == {"unjoined": 2}
    assert requests["start"]["function"] == "handle_request"
    assert requests["creation_stack"][requests["own_frame"]]["function"] == "serve_request"


# ---- explain -------------------------------------------------------------------------------------


def test_explain_tells_all_of_a_thread(core: List[str]) -> None:
    text = run(core, f"threadleak explain 6 {SETTLED}").outputs[0]
    lines = [line.strip() for line in text.splitlines()]
    assert lines[0] == "thread 6 `straggler`: leaked, outlived (proof)"
    assert lines[1].startswith("It is alive although the scope `request` ended")
    assert any(line.startswith("started in  be_straggler (") for line in lines)
    assert "scope       request in session" in lines
    assert "kind        POSIX thread, joinable" in lines
    line = line_of("leaky", "/* creates straggler */")
    assert any(each.startswith("=> #0  serve_request (") and f":{line})" in each for each in lines)
    assert "thread 1 `leaky`, the main thread" in lines
    assert "1 created here so far, 1 still known" in lines
    assert lines[-1].startswith("fix: Tell it to end")


def test_explain_names_siblings_joiners_and_kinds(core: List[str]) -> None:
    seen = run(
        core,
        "threadleak explain --id 4",
        "threadleak explain 11",
        "threadleak explain 8 10",
        "threadleak explain 1",
    )
    assert "2 created here so far, 2 still known; the others: ids 5" in seen.outputs[0]
    assert "It has no stack to show: it has finished." in seen.outputs[0]
    assert "It is being joined: thread 12 began to wait" in seen.outputs[1]
    assert "kind        POSIX thread, created detached" in seen.outputs[2]
    assert "kind        C11 thread, joinable" in seen.outputs[2]
    assert "It runs main, which nobody has to join." in seen.outputs[3]


def test_the_number_that_explain_gives_is_gdbs(live: List[str]) -> None:
    text = run(live, "threadleak explain 6").outputs[0]
    number = text.split("GDB's thread ", 1)[1].split(" ", 1)[0]
    assert "be_straggler" in run(live, f"thread apply {number} backtrace").outputs[0]


def test_explain_of_unknown_ids(core: List[str]) -> None:
    wrong = ["4x", "-1", "0", "9" * 40, "1.2.3", "\\x1b"]
    seen = run(core, "threadleak explain 4 99", *(f"threadleak explain {each}" for each in wrong))
    assert seen.outputs[0].startswith("thread 4 `request-1`")
    assert "there is no thread 99 in this target; ids go up to 12" in seen.err
    assert seen.outputs[1:] == [""] * len(wrong)
    assert len(re.findall("^threadleak(?: explain)?: ", seen.err, re.M)) == 1 + len(wrong)
    seen = run(core, "threadleak explain 2")
    assert "there is no thread 2 any more: it was joined" in seen.err and seen.status == 1


# ---- groups, info --------------------------------------------------------------------------------


def test_groups(core: List[str]) -> None:
    text = run(core, f"threadleak groups {SETTLED}").outputs[0]
    block = text.split("\n\n")[1].splitlines()
    assert block[0] == "2 leaked threads (2 unjoined)"
    assert block[1] == "  ids         4-5"
    assert block[2] == "  names       request-1, request-2"
    assert block[3] == "  scopes      request"
    assert block[4].startswith("  started in  handle_request (leaky.c:")
    assert block[-1].startswith("  fix: ")
    every = run(core, f"threadleak groups --all {SETTLED}").outputs[0]
    assert "1 thread (1 alive), the main thread" in every
    helper = line_of("leaky", "/* creates helper */")
    assert f"by a thread created at main (leaky.c:{helper})" in every


def test_info(live: List[str]) -> None:
    seen = run(live, "threadleak info")
    rows = dict(line.split(": ", 1) for line in seen.outputs[0].splitlines() if ": " in line)
    assert rows["target"].strip() == f"process {live[1]}"
    assert rows["program"].strip().endswith("/leaky")
    assert rows["records"].strip() == "11 kept of 12 made, 1 given back"
    assert "version 1.2 at 0x" in rows["registry"] and "found by symbol" in rows["registry"]
    assert rows["scopes"].strip() == "2"


# ---- check ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options, status",
    [
        ("", 3),
        ("--name pool", 0),
        ("--fail-on outlived", 3),
        ("--fail-on alive", 3),
        ("--proof-only", 3),
        ("--proof-only --name exiter", 0),
        ("--name daemon --at-end", 3),
        ("--name daemon --at-end --allow detached", 0),
        ("--fail-on nonsense", 64),
        ("--colour", 64),
        ("--registry zero", 64),
        ("leftover", 64),
    ],
)
def test_the_status_of_check(core: List[str], options: str, status: int) -> None:
    seen = run(core, f"threadleak check --exit {SETTLED} {options}")
    assert seen.status == status
    assert bool(re.search("^threadleak(?: check)?: ", seen.err, re.M)) == (status != 0)


def test_check_fails_as_a_gdb_command_does(core: List[str]) -> None:
    seen = run(core, "threadleak check", "print $_threadleak_leaks", "threadleak check")
    assert seen.status == 1 and "$1 = 5\n" in seen.out
    assert "threadleak: check failed: 5 of 11 threads" in seen.err
    assert run(core, "threadleak check --name pool").status == 0


def test_check_as_json(core: List[str]) -> None:
    seen = run(core, f"threadleak check --format json --fail-on outlived {SETTLED}")
    assert set(by_name(json.loads(seen.outputs[0]))) == {"straggler"}


WRONG = {
    "list --nonsense": "unrecognized arguments: --nonsense",
    "list --class nonsense": "unknown class 'nonsense'",
    "list --state nonsense": "invalid choice: 'nonsense'",
    "list --sort nonsense": "invalid choice: 'nonsense'",
    "list --format nonsense": "invalid choice: 'nonsense'",
    "list --settle-ms -1": "argument --settle-ms",
    "explain": "which thread? Give an ID",
    "filter": "the following arguments are required",
    "nonsense": "ndefined threadleak command",
    "list --output /nonexistent/x": "cannot be written",
    "list --rules /nonexistent/x": "cannot be read",
}


def test_usage_errors_are_one_sentence(core: List[str]) -> None:
    seen = run(core, *(f"threadleak {each}" for each in WRONG))
    assert seen.status == 1 and seen.outputs == [""] * len(WRONG)
    said = [line for line in seen.err.splitlines() if "threadleak" in line]
    assert len(said) == len(WRONG)
    for line, (command, says) in zip(said, WRONG.items()):
        assert says in line, command
