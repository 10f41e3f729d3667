# SPDX-License-Identifier: MIT
"""`threadleak graph`: who waits for whom, in each of its formats."""

import json
import os
import re
import shutil
import xml.etree.ElementTree as xml
from typing import Any, Dict, List, Tuple

import pytest
import schema
from run_gdb import ROOT, run_gdb
from run_shell import CLEAN, LEAKS, USAGE, Run, run_shell
from workshop import Running, Workshop

CHAINS, TIMED = "deadlocks/chains", "deadlocks/healthy_timed"
with open(os.path.join(ROOT, "docs", "json-schema.json"), encoding="utf-8") as schema_file:
    SCHEMA: Dict[str, Any] = json.load(schema_file)
DEADLOCK = (
    "thread N `first` waits for the mutex `b` (N), owned by thread N `second`, which waits for the"
    " mutex `a` (N), owned by thread N `first`: a deadlock, nobody can wake either."
)
ARROWS = {("first", "second"), ("second", "first"), ("hanging", "first"), ("joining", "hanging")}


def started(workshop: Workshop, name: str) -> Running:
    return workshop.start(workshop.program(name))


def graph(running: Running, *words: str) -> Run:
    return run_shell("graph", *words, str(running.pid))


def lines(text: str) -> List[str]:
    """Without addresses and numbers of threads."""
    return [re.sub(r"0x[0-9a-f]+|(?<=thread )\d+", "N", line) for line in text.splitlines()]


def test_text_says_the_cycle_first_and_then_each_wait(workshop: Workshop) -> None:
    run = graph(started(workshop, CHAINS))
    assert run.status == LEAKS
    head, empty, *shown = lines(run.out)
    assert (head, empty) == ("threadleak: 4 leaked threads (4 stuck) of 5", "")
    assert shown == [
        DEADLOCK,
        "thread N `first` (stuck) waits for the mutex `b` (N) -> thread N `second`",
        "thread N `second` (stuck) waits for the mutex `a` (N) -> thread N `first`",
        "thread N `hanging` (stuck) waits for the mutex `a` (N) -> thread N `first`",
        "thread N `joining` (stuck) waits for the end of a thread (pthread_join) -> thread N `hanging`",
    ]


def test_a_cycle_that_is_no_proof_says_why(workshop: Workshop) -> None:
    running = started(workshop, TIMED)
    run = graph(running)
    assert run.status == CLEAN
    shown = lines(run.out)[2:]
    assert shown[0].startswith("no proof, it waits with a timeout: thread N `first` waits for")
    assert "deadlock" not in run.out and "(stuck)" not in run.out and len(shown) == 3
    document = graph(running, "--format", "json").document()
    (cycle,) = document["cycles"]
    assert (cycle["proven"], cycle["doubt"]) == (False, "it waits with a timeout")
    assert not any(each["proven"] for each in document["graph"])
    assert "color=red" not in graph(running, "--format", "dot").out


def test_nobody_waits_for_another(workshop: Workshop) -> None:
    run = graph(workshop.start(workshop.program("crowd"), "3", "0"))
    assert run.status == CLEAN
    assert run.out.endswith("\n\nno thread waits for another one\n")


def test_the_owner_that_is_gone(workshop: Workshop) -> None:
    running = started(workshop, "deadlocks/gone_normal")
    run = graph(running)
    assert run.status == LEAKS and run.out.endswith(" -> a thread that is gone\n")
    document = graph(running, "--format", "json").document()
    assert schema.errors(document, SCHEMA, SCHEMA) == []
    (edge,) = document["graph"]
    assert edge["to"] is None and edge["proven"]
    assert '  gone [label="a thread that is gone"];' in graph(running, "--format", "dot").out


def test_json_has_edges_and_cycles_and_obeys_the_schema(workshop: Workshop) -> None:
    run = graph(started(workshop, CHAINS), "--format", "json")
    assert run.status == LEAKS
    document = run.document()
    assert schema.errors(document, SCHEMA, SCHEMA) == []
    (finding,) = document["findings"]
    names = {
        each["id"]: name
        for each, name in zip(finding["threads"], ("first", "second", "hanging", "joining"))
    }
    edges = document["graph"]
    assert {(names[each["from"]["id"]], names[each["to"]["id"]]) for each in edges} == ARROWS
    assert sorted(each["kind"] for each in edges) == ["join", "mutex", "mutex", "mutex"]
    assert all(each["proven"] for each in edges)
    (cycle,) = document["cycles"]
    assert cycle["threads"] == finding["threads"][:2]
    assert (cycle["proven"], cycle["doubt"]) == (True, None)


def of_dot(text: str) -> List[Tuple[str, str, str]]:
    """From, to, and the rest of each edge, by the names of threads."""
    names = dict(re.findall(r"^  (\w+) \[label=\"thread \d+ `(\w+)`\"\];$", text, re.M))
    edges = re.findall(r"^  (\w+) -> (\w+) \[(.*)\];$", text, re.M)
    return [(names[start], names[end], rest) for start, end, rest in edges]


def test_dot(workshop: Workshop, tmp_path: Any) -> None:
    running = started(workshop, CHAINS)
    run = graph(running, "--format", "dot")
    edges = of_dot(run.out)
    assert run.status == LEAKS
    assert {(start, end) for start, end, _ in edges} == ARROWS
    assert all("color=red" in rest for _, _, rest in edges)
    file = str(tmp_path / "threads.dot")
    assert graph(running, "--format", "dot", "--output", file).status == LEAKS
    with open(file, encoding="utf-8") as written:
        assert written.read() == run.out


def test_a_selection_shows_waits_of_those_threads_alone(workshop: Workshop) -> None:
    run = graph(started(workshop, CHAINS), "--format", "dot", "--name", "joining")
    assert [(start, end) for start, end, _ in of_dot(run.out)] == [("joining", "hanging")]


def test_svg(workshop: Workshop) -> None:
    assert shutil.which("dot"), "graphviz is missing: scripts/setup test"
    run = graph(started(workshop, CHAINS), "--format", "svg")
    assert run.status == LEAKS
    drawn = xml.fromstring(run.out)
    assert drawn.tag == "{http://www.w3.org/2000/svg}svg"
    texts = "".join(drawn.itertext())
    assert all(f"`{name}`" in texts for pair in ARROWS for name in pair)


def test_svg_without_graphviz_is_refused_before_anything_is_read(
    workshop: Workshop, tmp_path: Any
) -> None:
    """An empty folder for PATH; the command itself is started by its path."""
    running = started(workshop, CHAINS)
    run = run_shell("graph", "--format", "svg", str(running.pid), env={"PATH": str(tmp_path)})
    assert run.status == USAGE and run.out == ""
    assert run.err.startswith("threadleak graph: --format svg needs the program dot of graphviz")


@pytest.mark.parametrize("format", ("text", "dot"))
def test_gdb_says_the_same(workshop: Workshop, format: str) -> None:
    running = started(workshop, CHAINS)
    seen = graph(running, "--format", format).out
    core = running.dump_core()
    program = workshop.program(CHAINS).path
    assert run_shell("graph", "--format", format, program, core).out.count("->") == 4
    (output,) = run_gdb(program, core, commands=(f"threadleak graph --format {format}",)).outputs
    for line in seen.splitlines():
        if " -> " in line:
            assert line in output
