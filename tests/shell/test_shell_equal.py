# SPDX-License-Identifier: MIT
"""GDB and the shell say the same of the same target. Left out is, since they read the names of code each in
their own way:
  - names in system libraries, and of libc in static programs: the shell knows local functions too;
  - files and lines of all frames that do not lie in the program's own sources: where an optimized function from a
    header begins and ends has no one answer;
  - how long ago something was, and when the target was read, if that is alive.
"""

import json
import os
from typing import Any, Dict

import pytest
from observe import CORE, LIVE
from run_gdb import run_gdb
from run_shell import run_shell, targets
from workshop import HIDDEN, LIBRARY, LINKED, PRELOADED, PROGRAMS, STATIC, Workshop

COMMANDS = ("list --all --stacks", "groups --all", "check", "stacks")
HOW = "--format json --settle-ms 0"
CASES: Dict[str, Dict[str, Any]] = {
    "leaky": {"name": "leaky"},
    "leaky, linked": {"name": "leaky", "link": LINKED},
    "leaky, static": {"name": "leaky", "link": STATIC},
    "leaky, stripped": {"name": "leaky", "strip": True},
    "leaky, two copies": {"name": "leaky", "link": HIDDEN},
    "C++": {"name": "cxx", "flags": ("-fopenmp",)},
    "hostile": {"name": "hostile"},
    "exiting": {"name": "exiting"},
}


def comparable(shown: Any) -> Any:
    if isinstance(shown, list):
        return [comparable(each) for each in shown]
    if not isinstance(shown, dict):
        return shown
    if set(shown) == {"pc", "function", "module", "offset", "file", "line"}:
        return frame(shown)
    if shown.get("kind") == "cost":
        # what is in memory, and what the machine has room for, is another from one moment to the next
        return {key: shown[key] for key in ("kind", "count", "ids")}
    # times; the shell alone looks at a process that goes on, which tells since when a thread has not run; of the
    # probe's and GDB's names of objects the words are compared elsewhere
    unequal = ("age_s", "read_at", "why", "sentences")
    return {key: comparable(value) for key, value in shown.items() if key not in unequal}


def frame(shown: Dict[str, Any]) -> Dict[str, Any]:
    kept = {key: shown[key] for key in ("pc", "module", "offset")}
    if (shown["file"] or "").startswith(PROGRAMS):
        kept.update({key: shown[key] for key in ("function", "file", "line")})
    return kept


@pytest.mark.parametrize("look", [CORE, LIVE], ids=["core", "live"])
@pytest.mark.parametrize("case", CASES)
def test_gdb_and_the_shell_agree(workshop: Workshop, case: str, look: Any) -> None:
    made = {"link": PRELOADED, **CASES[case]}
    program = workshop.program(made.pop("name"), **made)
    how = {"preload": LIBRARY} if made["link"] == HIDDEN else {}
    arguments = look.arguments(workshop, program, **how)
    in_gdb = run_gdb(*arguments, commands=[f"threadleak {command} {HOW}" for command in COMMANDS])
    for command, text in zip(COMMANDS, in_gdb.outputs):
        run = run_shell(*command.split(), *HOW.split(), *targets(arguments))
        ours, theirs = json.loads(run.out), json.JSONDecoder().raw_decode(text)[0]
        assert comparable(ours) == comparable(theirs), command


def test_without_the_program_the_shell_finds_it(workshop: Workshop) -> None:
    core = workshop.core(workshop.program("leaky"))
    shown = run_shell("list", core, "--format", "json").document()
    assert shown["target"]["exe"] == workshop.program("leaky").path
    own = [thread["creation_stack"][thread["own_frame"]] for thread in shown["threads"]]
    assert all(os.path.basename(each["file"]) == "leaky.c" for each in own)


def test_a_stop_changes_nothing_that_is_said(workshop: Workshop) -> None:
    pid = str(workshop.live(workshop.program("leaky")).pid)
    for command in COMMANDS:
        ours = [run_shell(*command.split(), *HOW.split(), pid, *how) for how in ([], ["--stop"])]
        moving, still = (comparable(json.loads(run.out)) for run in ours)
        assert moving == still, command
        assert "stood still for" in ours[1].err and "stood still for" not in ours[0].err
