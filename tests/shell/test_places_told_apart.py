# SPDX-License-Identifier: MIT
"""Places that one function makes threads for, told apart by who called it, wherever sites are shown."""

import json
import xml.etree.ElementTree as tree
from typing import Any, Iterator

import pytest
from growing import Growing
from run_shell import CLEAN, LEAKS, SETTLED, run_shell
from workshop import Workshop, line_of

REQUESTS, LOGS = 2, 3


def place(function: str, comment: str) -> str:
    return f"{function} (grows.c:{line_of('grows', f'/* {comment} */')})"


SPAWN = place("spawn", "spawns")
REQUEST = f"{SPAWN} < {place('http_request', 'for a request')}"
LOG = f"{SPAWN} < {place('log_rotate', 'for the log')}"


@pytest.fixture(scope="module")
def growing(workshop: Workshop) -> Iterator[Growing]:
    made = Growing(workshop.program("grows").path)
    made.make("h" * REQUESTS + "l" * LOGS + "u")
    yield made
    made.kill()


def shown(*words: str, status: int = CLEAN) -> str:
    done = run_shell(*words)
    assert (done.status, done.err) == (status, "")
    return done.out


def test_history_as_text(growing: Growing) -> None:
    rows = [line.split(None, 5) for line in shown("history", growing.pid).splitlines()]
    assert [f"+{LOGS}", "0", str(LOGS), str(LOGS), LOG] in [row[:4] + row[5:] for row in rows]
    assert [row[0] for row in rows if row[5:] == [REQUEST]] == [f"+{REQUESTS}"]


def test_history_in_other_formats(growing: Growing) -> None:
    history = json.loads(shown("history", "--format", "json", growing.pid))["history"]
    callers = [
        [frame["function"] for frame in (site["own_frame"], *site["callers"])]
        for site in history["sites"]
    ]
    assert callers == [["spawn", "log_rotate"], ["spawn", "http_request"], ["leave_unjoined"]]
    picture = tree.fromstring(shown("history", "--format", "svg", growing.pid))
    words = [each.text or "" for each in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert f"+{LOGS}  {LOG}" in words and f"+{REQUESTS}  {REQUEST}" in words
    samples = shown("history", "--format", "openmetrics", growing.pid)
    assert f'site="{LOG}",class="unjoined"}} {LOGS} ' in samples


def test_metrics(growing: Growing) -> None:
    pytest.importorskip("prometheus_client", reason="needs python3-prometheus-client")
    lines = shown("metrics", growing.pid).splitlines()
    for where, number in ((LOG, LOGS), (REQUEST, REQUESTS)):
        [line] = [line for line in lines if 'class="unjoined"' in line and f'"{where}"' in line]
        assert line.endswith(f" {number}.0")


def test_merge(growing: Growing, tmp_path: Any) -> None:
    file = str(tmp_path / "saved.json")
    run_shell("groups", "--all", *SETTLED, "--format", "json", "--output", file, growing.pid)
    lines = shown("merge", file, status=LEAKS).splitlines()
    assert len([line for line in lines if line.endswith(f"{LOG}, grows")]) == 1
    assert len([line for line in lines if line.endswith(f"{REQUEST}, grows")]) == 1


def test_a_page(growing: Growing, tmp_path: Any) -> None:
    file = tmp_path / "page.html"
    run_shell("list", "--format", "html", "--output", str(file), growing.pid)
    page = file.read_text()
    for where in (LOG, REQUEST):
        assert json.dumps(where).replace("<", "\\u003c") in page
