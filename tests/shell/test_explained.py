# SPDX-License-Identifier: MIT
"""The samples of docs/explain.md are what `explain` says now."""

import json
import pathlib
import re
from typing import Dict

from run_shell import run_shell
from workshop import Workshop

DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "docs/explain.md"


def told() -> Dict[str, str]:
    text = DOCUMENT.read_text().split("\n## Samples\n")[1].split("\n## ")[0]
    return dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", text, re.M))


def said(pid: int) -> Dict[str, str]:
    """By the name of the thread; numbers that are others each time as in the document."""
    run = run_shell("list", "--all", "--stacks", "--format", "json", str(pid))
    found = {}
    for thread in json.loads(run.out)["threads"]:
        if thread["wait"] is not None and not thread["main"]:
            text = re.sub(r"0x[0-9a-f]+", "0x...", thread["wait"]["text"])
            found[thread["name"]] = re.sub(r"(pipe|tid) \d+", r"\1 N", text)
    return found


def test_the_samples_are_real(workshop: Workshop) -> None:
    running = workshop.live(workshop.program("explained"))
    assert said(running.pid) == told()


def test_sentences_of_a_process_that_runs_on(workshop: Workshop) -> None:
    running = workshop.live(workshop.program("explained"))
    report = run_shell("explain", str(running.pid), "--id", "2", "4", "6", "9").out
    assert "threads wait for what it holds: threads 3, 5." in report
    assert report.count("It has not run for ") >= 3
    assert "cannot be told, since nobody owns a condition variable" in report
    assert "A suspicion: only this process itself can wake it, since nobody else has" in report


def test_what_unjoined_threads_cost(workshop: Workshop) -> None:
    running = workshop.live(workshop.program("leaky"))
    groups = json.loads(run_shell("groups", "--format", "json", str(running.pid)).out)
    costs = [each for each in groups["findings"] if each["kind"] == "cost"]
    assert sum(each["count"] for each in costs) == groups["summary"]["leaked"]
    for each in costs:
        cost = each["cost"]
        assert (
            cost["address_space"] >= each["count"] * (8 << 20) and cost["mappings"] >= each["count"]
        )
        assert cost["resident"] > 0 and cost["room"] > 0 and cost["limit"]
