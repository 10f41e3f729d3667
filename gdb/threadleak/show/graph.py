# SPDX-License-Identifier: MIT
"""The graph of who waits for whom, as text, and in graphviz's language."""

import shutil
import subprocess
from contextlib import suppress
from typing import Any, Dict, List, Optional

from ..escapes import ESCAPED
from ..judge.graph import GONE
from ..judge.report import Report
from ..judge.stuck_words import Words
from ..judge.wait_graph import WaitGraph
from .json import of_report
from .json_text import dump
from .json_threads import id_of
from .sanitize import clean

DOT_S = 60


def _words(report: Report, found: WaitGraph) -> Words:
    return Words(report.target, report.registry.copies, found.threads, report.name_of)


def lines(report: Report, found: WaitGraph, numbers: List[int]) -> List[str]:
    """Cycles first, then each wait of another thread; `numbers`: the threads whose waits are shown."""
    words = _words(report, found)
    asked = set(numbers)
    shown = []
    for each in found.cycles:
        if not asked.isdisjoint(each.members):
            shown.append(clean(words.cycle(each.members, found.seen.edges)))
            if each.doubt:
                shown[-1] = f"no proof, {each.doubt}: {shown[-1].rpartition(': ')[0]}"
    for number in numbers:
        edge = found.seen.edges[number]
        gone = "nobody" if edge.wait.is_refused else "a thread that is gone"
        owner = gone if edge.owner == GONE else words.thread(edge.owner)
        owner += " or a thread that is gone" if number in found.inherited else ""
        mark = " (stuck)" if found.is_proven(number) else ""
        text = f"{words.thread(number)}{mark} waits {words.object(edge.wait)} -> {owner}"
        shown.append(clean(text))
    return shown or ["no thread waits for another one"]


def dot(report: Report, found: WaitGraph, numbers: List[int]) -> str:
    """Edges of what is stuck are red."""
    words = _words(report, found)
    nodes: Dict[int, str] = {}
    edges = []
    for number in numbers:
        edge = found.seen.edges[number]
        for each in (number, edge.owner):
            nodes[each] = "a thread that is gone" if each == GONE else words.thread(each)
        colour = ", color=red" if found.is_proven(number) else ""
        label = _quoted(words.object(edge.wait))
        edges.append(f"  {_node(number)} -> {_node(edge.owner)} [label={label}{colour}];")
    named = [f"  {_node(each)} [label={_quoted(name)}];" for each, name in sorted(nodes.items())]
    return "\n".join(["digraph threads {", "  node [shape=box];", *named, *edges, "}"]) + "\n"


def svg(text: str) -> Optional[str]:
    """What graphviz draws of it; None: it is not installed, or took too long."""
    if shutil.which("dot") is None:
        return None
    fonts = [f"-{of}fontname=Helvetica" for of in "NE"] + ["-Nfontsize=12.5", "-Efontsize=12"]
    with suppress(subprocess.SubprocessError, OSError):
        return subprocess.run(
            ["dot", "-Tsvg", *fonts],
            input=text,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
            errors=ESCAPED,
            timeout=DOT_S,
            check=True,
        ).stdout
    return None


def _node(number: int) -> str:
    return "gone" if number == GONE else f"t{number}"


def _quoted(text: str) -> str:
    text = clean(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def document(report: Report, found: WaitGraph, numbers: List[int]) -> str:
    def thread(number: int) -> Any:
        info = found.threads[number]
        return {"id": id_of(info), "tid": info.tid}

    edges = [found.seen.edges[number] for number in numbers]
    asked = set(numbers)
    waits = [
        {
            "from": thread(edge.waiter),
            "to": None if edge.owner == GONE else thread(edge.owner),
            "kind": edge.wait.kind,
            "object": None if edge.wait.object is None else f"{edge.wait.object:#x}",
            "proven": found.is_proven(edge.waiter),
        }
        for edge in edges
    ]
    cycles = [
        {
            "threads": [thread(number) for number in each.members],
            "proven": not each.doubt,
            "doubt": each.doubt or None,
        }
        for each in found.cycles
        if not asked.isdisjoint(each.members)
    ]
    return dump({**of_report(report), "graph": waits, "cycles": cycles})
