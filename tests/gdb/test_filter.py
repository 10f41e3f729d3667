# SPDX-License-Identifier: MIT
"""Rules: which threads are expected, who says so, and what that does to check."""

from typing import Any, List

from observe import SETTLED, by_name, document
from run_gdb import Run, run_gdb

LIST = f"threadleak list --all --format json {SETTLED}"
RULE = "name:strag* it serves until the end"


def run(core: List[str], *commands: str) -> Run:
    return run_gdb(*core, commands=commands)


def test_an_expected_thread_names_its_rule_and_is_not_leaked(core: List[str]) -> None:
    seen = run(core, f"threadleak filter add {RULE}", LIST, f"threadleak explain 6 {SETTLED}")
    assert seen.outputs[0] == f"rule 1: {RULE}\n"
    shown = document(seen.outputs[1])
    thread = by_name(shown)["straggler"]
    assert thread["class"] == "outlived" and not thread["leaked"]
    assert thread["expected_by"] == f"{RULE} (filter)" and thread["confidence"] is None
    assert shown["summary"]["leaked"] == 4
    assert f"expected by: {RULE}" in seen.outputs[2]
    assert seen.outputs[2].startswith("thread 6 `straggler`: outlived, expected\n")


MATCHES = {
    "start:be_str* r": {"straggler"},
    "module:leaky r": {"straggler"},
    "site:serve_request r": {"straggler"},
    "scope:session r": {"straggler"},
    "class=unjoined site:serve_request r": {"request-1", "request-2"},
    "class=unjoined name:* r": {"request-1", "request-2", "exiter", "c11"},
}


def test_what_a_rule_speaks_of(core: List[str]) -> None:
    commands = []
    for rule in MATCHES:
        commands += [f"threadleak filter add {rule}", LIST, "threadleak filter remove 1"]
    for output, (rule, names) in zip(run(core, *commands).outputs[1::3], MATCHES.items()):
        shown = document(output)
        leaks = [each for each in shown["threads"] if each["class"] in ("unjoined", "outlived")]
        assert {each["name"] for each in leaks if each["expected_by"]} == names, rule
        assert shown["summary"]["leaked"] == 5 - len(names)


def test_check_passes_once_everything_is_expected(core: List[str]) -> None:
    rules = [f"threadleak filter add {RULE}", "threadleak filter add class=unjoined name:* later"]
    seen = run(core, *rules, f"threadleak check --exit {SETTLED}")
    assert seen.status == 0
    assert seen.outputs[2].startswith("threadleak: 0 leaked threads of 11")


def test_rules_are_listed_removed_saved_and_loaded(core: List[str], tmp_path: Any) -> None:
    path = tmp_path / "expected.rules"
    seen = run(
        core,
        "threadleak filter list",
        f"threadleak filter add {RULE}",
        "threadleak filter add name:nobody never there",
        f"threadleak filter save {path}",
        "threadleak filter remove 1",
        "threadleak filter list",
        f"threadleak filter load {path}",
        "threadleak filter list",
        "threadleak list",
    )
    assert seen.status == 0
    assert seen.outputs[0] == "There are no rules.\n"
    assert seen.outputs[4] == f"removed: {RULE}\n"
    assert seen.outputs[5] == "1: name:nobody never there\n"
    assert seen.outputs[7].splitlines()[1] == f"2: {RULE}"
    assert "matched no thread: name:nobody" in seen.outputs[8]
    assert path.read_text() == f"{RULE}\nname:nobody never there\n"


def test_rules_come_from_a_file(core: List[str], tmp_path: Any) -> None:
    path = tmp_path / "expected.rules"
    path.write_text(f"# of the test\n\n{RULE}\nclass=unjoined name:* they are joined later\n")
    assert run(core, f"threadleak check --exit --rules {path} {SETTLED}").status == 0
    path.write_text("name:x y\nnonsense\n")
    seen = run(core, f"threadleak check --exit --rules {path}")
    assert seen.status == 64 and f"{path}:2: a rule is FIELD:GLOB REASON" in seen.err


WRONG = {
    "add name:x": "has no reason",
    "add nonsense:x y": "is no condition: FIELD:GLOB has a field of",
    "add class=nonsense name:x y": "unknown class 'nonsense'",
    "add name: y": "has no glob",
    "remove 1": "there is no rule 1",
    "remove x": "give the number",
    "load /nonexistent/x": "cannot be read",
    "nonsense": "is none of add, remove, list, load, save",
}


def test_wrong_words() -> None:
    seen = run([], *(f"threadleak filter {words}" for words in WRONG))
    assert seen.status == 1 and seen.outputs == [""] * len(WRONG)
    for line, says in zip(seen.err.splitlines(), WRONG.values()):
        assert says in line
