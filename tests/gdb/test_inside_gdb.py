# SPDX-License-Identifier: MIT
"""What GDB itself offers around the subcommands: help, completion, colour, MI, a function, loading."""

from typing import Any, Dict, List

import pytest
from observe import SETTLED
from run_gdb import LOADER, run_gdb, run_mi

SUBCOMMANDS = (
    *(
        "check",
        "diff",
        "explain",
        "filter",
        "graph",
        "groups",
        "history",
        "info",
        "list",
        "stacks",
        "suggest",
        "trace",
    ),
)
ESCAPE = "\033["


def complete(arguments: List[str], *lines: str) -> List[List[str]]:
    seen = run_gdb(*arguments, commands=[f"complete {line}" for line in lines])
    return [output.splitlines() for output in seen.outputs]


def test_completion(core: List[str]) -> None:
    words, subs, options, classes, filters, sorts, rules = complete(
        core,
        "threadleak li",
        "threadleak ",
        "threadleak list --s",
        "threadleak list --class unj",
        "threadleak filter re",
        "threadleak list --sort a",
        "threadleak filter add de",
    )
    assert words == ["threadleak list"]
    assert subs == [f"threadleak {name}" for name in SUBCOMMANDS]
    assert set(options) == {
        f"threadleak list --{name}"
        for name in ("scope", "settle-ms", "site", "sort", "stacks", "state")
    }
    assert classes == ["threadleak list --class unjoined"]
    assert filters == ["threadleak filter remove"]
    assert sorts == ["threadleak list --sort age"]
    assert rules == ["threadleak filter add detached="]


def test_completion_of_ids_is_that_of_the_leaked_ones(core: List[str]) -> None:
    (ids,) = complete(core, "threadleak explain ")
    assert ids and {line.rsplit(" ", 1)[1] for line in ids} == {"4", "5", "6", "9", "10"}


def test_completion_without_a_target_is_quiet() -> None:
    seen = run_gdb(commands=["complete threadleak explain ", "complete threadleak list --a"])
    assert seen.outputs[0] == "" and seen.err == ""
    assert "threadleak list --all" in seen.outputs[1]


def test_help() -> None:
    seen = run_gdb(commands=["help threadleak", *(f"help threadleak {s}" for s in SUBCOMMANDS)])
    prefix, *texts = seen.outputs
    assert prefix.startswith("Tell which threads leaked, who created them, and what to fix.\n")
    for name, text in zip(SUBCOMMANDS, texts):
        first, blank, usage = text.splitlines()[:3]
        assert f"threadleak {name} -- {first.rstrip('.')}" in prefix
        assert first.endswith(".") and blank == ""
        assert usage.startswith(f"Usage: threadleak {name} ")
        assert "\nexample:\n  threadleak " in text
    assert "  --at-end " in texts[SUBCOMMANDS.index("list")]


def test_help_of_the_function_and_of_the_parameter() -> None:
    seen = run_gdb(
        commands=[
            "help function threadleak_count",
            "help set threadleak color",
            "apropos threadleak",
        ]
    )
    assert seen.outputs[0].startswith("Return how many threads leaked.")
    assert "Set whether the output of threadleak is coloured" in seen.outputs[1]
    assert "threadleak groups -- " in seen.outputs[2]


@pytest.mark.parametrize(
    "commands, env, is_coloured",
    [
        ([], {}, False),
        (["set style enabled on"], {}, False),  # not to a pipe, as GDB itself
        (["set style enabled on", "set threadleak color on"], {}, True),
        (["set style enabled on"], {"NO_COLOR": "1"}, False),
        (["set style enabled on", "set threadleak color off"], {}, False),
        (["set threadleak color on"], {"NO_COLOR": "1"}, True),
    ],
)
def test_colour(
    core: List[str], commands: List[str], env: Dict[str, str], is_coloured: bool
) -> None:
    seen = run_gdb(*core, commands=[*commands, "threadleak list"], env={"TERM": "xterm", **env})
    assert (ESCAPE in seen.outputs[-1]) == is_coloured


def test_json_and_files_are_never_coloured(core: List[str], tmp_path: Any) -> None:
    path = tmp_path / "report"
    seen = run_gdb(
        *core,
        commands=[
            "set threadleak color on",
            "threadleak list --format json",
            f"threadleak list --output {path}",
        ],
    )
    assert ESCAPE not in seen.outputs[1] and ESCAPE not in path.read_text()


def test_the_convenience_function(core: List[str]) -> None:
    seen = run_gdb(
        *core,
        commands=[
            "print $threadleak_count()",
            'print $threadleak_count("request")',
            'print $threadleak_count("nothing")',
            'print $threadleak_count("a", "b")',
        ],
    )
    assert seen.outputs[:3] == ["$1 = 5\n", "$2 = 3\n", "$3 = 0\n"]
    assert "takes one argument" in seen.err


def test_mi(core: List[str]) -> None:
    out = run_mi(
        *core,
        commands=[
            f"1-threadleak-list {SETTLED}",
            "2-threadleak-list --nonsense",
            "3-threadleak-list --name pool --all",
        ],
    )
    lines = {line[0]: line for line in out.splitlines() if line[:1] in ("1", "2", "3")}
    assert lines["1"].startswith("1^done,")
    assert 'leaked="5"' in lines["1"] and 'name="straggler"' in lines["1"]
    assert '"None"' not in lines["1"] and '"True"' not in lines["1"]
    assert lines["2"].startswith("2^error,msg=") and "--nonsense" in lines["2"]
    assert 'name="pool"' in lines["3"] and 'name="straggler"' not in lines["3"]


def test_the_selected_thread_stays_selected(core: List[str]) -> None:
    seen = run_gdb(
        *core,
        commands=["thread 3", "up", "threadleak list --all --stacks", "thread", "frame"],
    )
    assert "[Current thread is 3 " in seen.outputs[3]
    assert seen.outputs[4].startswith("#1 ")


def test_loading_twice_does_nothing(core: List[str]) -> None:
    seen = run_gdb(*core, commands=[f"source {LOADER}", "threadleak check --exit"])
    assert seen.status == 3


def test_it_loads_from_a_script_that_another_script_sources(core: List[str], tmp_path: Any) -> None:
    script = tmp_path / "mine.py"
    script.write_text(f"import gdb\ngdb.execute('source {LOADER}')\n")
    seen = run_gdb(*core, loader=str(script), commands=["threadleak check --exit"])
    assert seen.status == 3


def test_without_a_target() -> None:
    commands = [f"threadleak {each}" for each in ("list", "groups", "explain 1", "info", "check")]
    seen = run_gdb(commands=commands)
    assert seen.status == 1 and seen.err.count("there is nothing to look at") == len(commands)
    assert run_gdb(commands=["threadleak check --exit"]).status == 2
