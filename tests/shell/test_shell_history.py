# SPDX-License-Identifier: MIT
"""`threadleak history` of real programs: what the process itself counted, live and in a core, in GDB and in the shell."""

import json
import os
import shutil
import subprocess
import xml.etree.ElementTree as tree
from typing import Any, Dict

import pytest
from growing import Growing
from run_gdb import ROOT, run_gdb
from run_shell import BLIND, CLEAN, SHELL, USAGE, run_shell
from schema import errors
from screen import Screen
from workshop import Workshop, line_of


def document(*words: str) -> Dict[str, Any]:
    done = run_shell("history", "--format", "json", *words)
    assert (done.status, done.err) == (CLEAN, "")
    shown = json.loads(done.out)
    with open(os.path.join(ROOT, "docs", "json-schema.json"), encoding="utf-8") as file:
        schema = json.load(file)
    assert errors(shown, schema, schema) == []
    return shown  # type: ignore[no-any-return]


def counts(found: Dict[str, Any], *names: str) -> Any:
    return tuple(found[name] for name in names)


def test_a_process(growing: Growing) -> None:
    growing.make("uuuaajj")
    shown = document(growing.pid)
    assert shown["target"]["kind"] == "process" and shown["registry"]["found"]
    told = shown["history"]
    assert told["whole"] and told["before"] == {"alive": 1, "unjoined": 0}
    assert counts(told["points"][-1], "alive", "unjoined", "created", "finished", "joined") == (
        *(3, 3, 7, 5, 2),
    )
    assert 3 <= told["peak"] <= 8  # those that just finish are alive too
    sites = {site["own_frame"]["function"]: site for site in told["sites"]}
    assert counts(sites["leave_unjoined"], "growth", "unjoined", "created") == (3, 3, 3)
    assert counts(sites["keep_alive"], "growth", "alive", "created") == (2, 2, 2)
    assert counts(sites["join"], "growth", "joined", "created") == (0, 2, 2)
    assert sites["keep_alive"]["points"][-1]["alive"] == 2
    growing.make("aj")
    (later,) = [
        site
        for site in document(growing.pid)["history"]["sites"]
        if site["own_frame"]["function"] == "keep_alive"
    ]
    assert later["growth"] == 3


def test_two_calls_in_one_line_are_one_place(growing: Growing) -> None:
    growing.make("bcb")
    (site,) = document(growing.pid)["history"]["sites"]
    assert counts(site, "growth", "unjoined", "created") == (3, 3, 3)
    assert site["points"][-1]["unjoined"] == 3
    assert run_shell("history", growing.pid).out.count(" spawn (grows.c:") == 1


def test_as_text(growing: Growing) -> None:
    growing.make("uuua")
    done = run_shell("history", growing.pid)
    assert (done.status, done.err) == (CLEAN, "")
    lines = done.out.splitlines()
    assert lines[0].startswith(f"threadleak history: grows, process {growing.pid}, ")
    assert lines[1].startswith("2 alive (+1), at most ")
    assert lines[1].endswith("; 3 unjoined (+3); 4 created; 0 joined")
    assert max(map(len, lines[:-3])) <= 80 and "█" in done.out and "now" in done.out
    place = f"leave_unjoined (grows.c:{line_of('grows', '/* creates unjoined */')})"
    assert lines[-2].startswith("  +3      0         3        3") and lines[-2].endswith(place)
    assert run_shell("history", growing.pid, env={"LC_ALL": "C"}).out.isascii()


def test_threads_that_it_does_not_have(workshop: Workshop) -> None:
    pid = str(workshop.start(workshop.program("untracked"), "clone").pid)
    shown = document(pid)
    note = "1 untracked thread, not in the registry"
    assert (shown["registry"]["untracked"], shown["history"]["notes"]) == (1, [note])
    assert f"note: {note}" in run_shell("history", pid).out.splitlines()


def test_one_place(growing: Growing) -> None:
    growing.make("uuuaaj")
    told = document(growing.pid, "--site", "keep_*")["history"]
    assert counts(told["points"][-1], "alive", "unjoined", "created") == (2, 0, 2)
    assert [site["own_frame"]["function"] for site in told["sites"]] == ["keep_alive"]
    done = run_shell("history", growing.pid, "--site", "keep_*")
    assert f", process {growing.pid}, made through keep_*, " in done.out.split("\n")[0]
    done = run_shell("history", growing.pid, "--site", "nobody")
    assert done.status == BLIND
    assert "there is no place like 'nobody' that created threads" in done.err


def told_everywhere(reason: str, *target: str) -> None:
    """In what people read, in what programs read, and beside what has no room for it."""
    done = run_shell("history", *target)
    assert done.status == BLIND
    assert any(line.startswith("note: ") and reason in line for line in done.out.splitlines())
    done = run_shell("history", "--format", "json", *target)
    assert done.status == BLIND
    assert any(reason in note for note in json.loads(done.out)["history"]["notes"])
    for format in "svg", "openmetrics":
        done = run_shell("history", "--format", format, *target)
        assert done.status == BLIND and done.out != ""
        assert done.err.startswith("threadleak: cannot tell: ") and reason in done.err
        assert done.err.count("\n") == 1


def test_dropped_threads_are_missed(workshop: Workshop) -> None:
    """Of a program of 300, with room for 8."""
    env = {"THREADLEAK_OPTIONS": "max_records=8"}
    running = workshop.start(workshop.program("crowd"), "300", "0", env=env)
    told_everywhere("threads dropped for lack of room", str(running.pid))


def test_a_truncated_core(workshop: Workshop, tmp_path: Any) -> None:
    program = workshop.program("crowd")
    core = workshop.start(program, "5", "3").dump_core()
    short = tmp_path / "core"
    shutil.copy(core, short)
    os.truncate(short, os.path.getsize(core) - 1)
    told_everywhere("truncated", program.path, str(short))


def test_a_core_in_both(workshop: Workshop) -> None:
    program = workshop.program("crowd")
    core = workshop.start(program, "5", "3").dump_core()
    shell = run_shell("history", program.path, core)
    assert (shell.status, shell.err) == (CLEAN, "")
    assert "6 alive (+5), at most " in shell.out and "; 3 unjoined (+3); 8 created" in shell.out
    assert " end\n" in shell.out
    gdb = run_gdb(program.path, core, commands=["threadleak history", HISTORY_JSON])
    assert gdb.outputs[0].rstrip("\n") == shell.out.rstrip("\n")
    ours, theirs = document(program.path, core), json.loads(gdb.outputs[1])
    assert ours["history"] == theirs["history"]


HISTORY_JSON = "threadleak history --format json"


def test_a_live_process_in_gdb(growing: Growing) -> None:
    growing.make("uua")
    gdb = run_gdb("-p", growing.pid, commands=[HISTORY_JSON])
    told = json.JSONDecoder().raw_decode(gdb.outputs[0])[0]["history"]  # GDB says that it detaches
    assert counts(told["points"][-1], "alive", "unjoined", "created") == (2, 2, 3)


def test_a_picture(growing: Growing, tmp_path: Any) -> None:
    growing.make("uua")
    path = tmp_path / "threads.svg"
    done = run_shell("history", growing.pid, "--format", "svg", "--output", str(path))
    assert (done.status, done.out) == (CLEAN, f"threadleak: written to {path}\n")
    root = tree.parse(path).getroot()
    assert root.get("role") == "img"
    words = [each.text or "" for each in root.iter() if each.tag.endswith("}text")]
    assert any(word.startswith("+2  leave_unjoined (grows.c:") for word in words)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool, of prometheus")
def test_prometheus_takes_it(growing: Growing, tmp_path: Any) -> None:
    """As samples of the time before it was there."""
    growing.make("uuaj")
    path = tmp_path / "history"
    run_shell("history", growing.pid, "--format", "openmetrics", "--output", str(path))
    blocks = str(tmp_path / "blocks")
    words = ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(path), blocks]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    os.mkdir(os.path.join(blocks, "wal"))  # which a database has that is in use
    done = subprocess.run(["promtool", "tsdb", "dump", blocks], capture_output=True, text=True)
    last = {line.rsplit(" ", 2)[0]: line.rsplit(" ", 2)[1] for line in done.stdout.splitlines()}
    (created,) = [value for name, value in last.items() if "threads_created_total" in name]
    assert created == "4"
    states = [name for name in last if '"threadleak_threads"' in name]
    assert sorted(last[name] for name in states) == ["2", "2"]


def test_colours_on_a_terminal_alone(growing: Growing) -> None:
    growing.make("u")
    assert "\033" not in run_shell("history", growing.pid).out
    screen = Screen(SHELL, "history", growing.pid)
    assert screen.end() == 0
    screen.close()
    assert "\033[34m" in screen.text and "\033[31m" in screen.text


def test_where_none_is_kept(workshop: Workshop) -> None:
    without = workshop.start(
        workshop.program("plain"), env={"THREADLEAK_OPTIONS": "history=0"}, preload=None
    )
    done = run_shell("history", str(without.pid))
    assert (done.status, done.out) == (BLIND, "") and "history=0" in done.err
    bare = workshop.start(workshop.program("plain"), preload="")
    done = run_shell("history", str(bare.pid))
    assert (done.status, done.out) == (BLIND, "") and "no registry was found" in done.err
    assert run_shell("history").status == run_shell("history", "--level", "x", "1").status == USAGE
