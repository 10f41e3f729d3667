# SPDX-License-Identifier: MIT
"""Completion: what the command says may follow, and what the two shells make of it."""

import os
import shutil
import subprocess
from typing import Any, List

import pytest
from run_gdb import ROOT
from run_shell import SHELL, environment, run_shell
from workshop import Workshop

SCRIPTS = os.path.join(ROOT, "scripts", "completions")
BASH = """
source {scripts}/threadleak.bash
COMP_WORDS=({words})
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
{more}
_threadleak
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
# What zsh's own functions would do with what they get is not ours.
ZSH = """
_describe() {{ print -l -- "${{(@P)@[-1]}}" }}
_files() {{ print files }}
_normal() {{ print -r -- "normal $CURRENT: $words" }}
words=({words})
CURRENT=$#words
_threadleak() {{ {function} }}
_threadleak
"""


def candidates(*words: str) -> List[str]:
    done = run_shell("--complete", *words)
    assert done.status == 0 and done.err == ""
    return [line.split("\t")[0] for line in done.out.splitlines()]


@pytest.mark.parametrize("typed, expected", [("li", ["list"]), ("--v", ["--version"]), ("x", [])])
def test_subcommands(typed: str, expected: List[str]) -> None:
    assert candidates(typed) == expected


def test_every_subcommand_has_its_options() -> None:
    names = [word for word in candidates("") if not word.startswith("-")]
    assert {"list", "run", "top", "snapshot", "gdb"} <= set(names)
    for name in names:
        told = run_shell(name, "--help").out
        options = candidates(name, "--")
        assert "--help" in options
        for option in options:
            assert option == "--help" or option in told, name


@pytest.mark.parametrize(
    "words, expected",
    [
        (("list", "--class", "un"), ["unjoined", "untracked"]),
        (("list", "--class", "alive,unj"), ["alive,unjoined"]),
        (("list", "--class", "=", "out"), ["outlived"]),
        (("diff", "--format", ""), ["text", "json"]),
        (("list", "--limit", ""), []),
        (("check", "--rules", "x"), [":files"]),
        (("filter", "re"), ["remove"]),
        (("filter", "add", "de"), ["detached="]),
        (("filter", "add", "name:x", "s"), ["scope:", "start:", "site:", "stack:"]),
        (("filter", "load", ""), [":files"]),
        (("check", "--up"), ["--update-baseline"]),
        (("check", "--baseline", ""), [":files"]),
        (("suggest", "--i"), ["--id"]),
        (("top", "--sort", "g"), ["growth"]),
        (("watch", "--un"), ["--until-alarm"]),
        (("run", "--core"), ["--core-on-leak"]),
        (("run", "--format", "j"), ["json", "junit"]),
        (("run", "--output", ""), [":files"]),
        (("run", "--strict", "--timeout", "9", "ls", ""), [":command 5"]),
        (("run", "ls", ""), [":command 2"]),
        (("run", "--options", "frames=3", "ls", "-"), [":command 4"]),
        (("run", "--options", "=", "frames", "=", "3", "--", "l"), [":command 8"]),
        (("merge", ""), [":files"]),
        (("no-such", ""), []),
    ],
)
def test_what_may_follow(words: List[str], expected: List[str]) -> None:
    assert candidates(*words) == expected


def test_processes_that_have_the_library(workshop: Workshop) -> None:
    watched = workshop.live(workshop.program("plain"))
    bare = workshop.live(workshop.program("plain"), preload="")
    found = candidates("list", "")
    assert str(watched.pid) in found and str(bare.pid) not in found
    assert ":files" in found
    assert f"{watched.pid}\tplain" in run_shell("--complete", "top", "").out.splitlines()
    assert ":files" not in candidates("top", "") + candidates("watch", "")


def test_ids_behind_a_target(workshop: Workshop) -> None:
    pid = str(workshop.live(workshop.program("plain")).pid)
    ids = candidates("explain", pid, "")
    shown = run_shell("list", "--all", "--format", "json", pid).document()["threads"]
    assert shown and {str(each["id"]) for each in shown} <= set(ids)
    assert candidates("suggest", pid, str(shown[0]["id"]))[0] == str(shown[0]["id"])
    assert pid in candidates("explain", "/nonexistent", "")  # targets, as where there is none yet


def test_another_subcommands_word_for_an_option_is_not_offered() -> None:
    assert "--every" in candidates("watch", "--") and "--interval" not in candidates("watch", "--")
    assert "--interval" in candidates("top", "--") and "--every" not in candidates("top", "--")


def in_bash(words: str, folder: Any, more: str = "") -> List[str]:
    script = BASH.format(scripts=SCRIPTS, words=words, more=more)
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, cwd=folder)
    assert done.stderr == ""
    return done.stdout.split()


def test_in_bash(tmp_path: Any) -> None:
    (tmp_path / "core.1").write_text("")
    assert in_bash(f"{SHELL} che", tmp_path) == ["check"]
    assert in_bash(f"{SHELL} list --class unj", tmp_path) == ["unjoined"]
    assert in_bash(f"{SHELL} list core", tmp_path) == ["core.1"]
    assert "ls" in in_bash(f"{SHELL} run -- l", tmp_path)
    assert in_bash(f"{SHELL} run -- ls core", tmp_path) == ["core.1"]
    of_others = '_command_offset() { COMPREPLY=("from $1"); }'
    assert in_bash(f"{SHELL} run -- ls core", tmp_path, of_others) == ["from", "3"]


@pytest.mark.skipif(shutil.which("zsh") is None, reason="needs zsh")
@pytest.mark.parametrize(
    "words, expected",
    [
        ("che", "check:Fail if threads leaked: 0 none did, 3 some did, 2 it cannot be told.\n"),
        ("check --rules ''", "files\n"),
        ("list --class unj", "unjoined\n"),
        ("run -- ls core", "normal 2: ls core\n"),
    ],
)
def test_in_zsh(words: str, expected: str) -> None:
    with open(os.path.join(SCRIPTS, "_threadleak"), encoding="utf-8") as file:
        script = ZSH.format(words=f"{SHELL} {words}", function=file.read())
    done = subprocess.run(
        ["zsh", "-f", "-c", script], capture_output=True, text=True, env=environment()
    )
    assert (done.stdout, done.stderr) == (expected, "")
