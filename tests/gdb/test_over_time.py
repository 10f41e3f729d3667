# SPDX-License-Identifier: MIT
"""History and events of one program, by GDB and by the probe, live and from a core, and after a snapshot: the same, and
what the records say."""

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any, Dict, List, Sequence

import pytest
from read_over_time import read_over_time
from run_gdb import run_gdb
from threadleak.read import abi
from threadleak.read.locate import read_registry
from threadleak.target.native import NativeTarget
from workshop import PRELOADED, STATIC, Running, Workshop

HERE = os.path.dirname(os.path.abspath(__file__))


def by_gdb(arguments: Sequence[str]) -> Dict[str, Any]:
    script = (
        f"import sys; sys.path.insert(0, {HERE!r}); import read_over_time; read_over_time.show()"
    )
    seen = run_gdb(*arguments, commands=[f"python {script}"])
    return json.loads(seen.first_line)  # type: ignore[no-any-return]


def plain(read: Dict[str, Any]) -> Dict[str, Any]:
    return json.loads(json.dumps(read))  # type: ignore[no-any-return]


@pytest.mark.parametrize("link", [PRELOADED, STATIC])
def test_every_reader_says_the_same(workshop: Workshop, link: str, tmp_path: Path) -> None:
    running = workshop.start(workshop.program("leaky", link=link))
    live = plain(read_over_time(NativeTarget.of_process(running.pid)))
    stopped = NativeTarget.of_process(running.pid, stop=True)
    assert plain(read_over_time(stopped)) == live
    stopped.close()
    assert by_gdb(["-p", str(running.pid)]) == live
    snapshot = tmp_path / "snapshot.core"
    take_snapshot(running, snapshot)
    assert plain(read_over_time(NativeTarget.of_core(str(snapshot)))) == live
    core = running.dump_core()
    assert plain(read_over_time(NativeTarget.of_core(core))) == live
    assert by_gdb(["-c", core]) == live
    must_agree(NativeTarget.of_core(core), live)


def take_snapshot(running: Running, path: Path) -> None:
    from threadleak.commands import snapshot

    target = NativeTarget.of_process(running.pid)
    snapshot.write(target, str(path))
    target.close()


def must_agree(target: NativeTarget, read: Dict[str, Any]) -> None:
    """Events, counters and records."""
    (copy,) = read_registry(target).copies
    created, finished, joined, gone, initial = read["total"]
    kinds: "Counter[str]" = Counter(event[1] for event in read["events"])
    assert read["lost"] == [0, 0]
    assert kinds["create"] - kinds["create_failed"] == created == copy.header.next_id - 2
    assert kinds["finish"] == finished and kinds["join_end"] == joined
    assert kinds["start"] == created + initial
    states: List[int] = [record.state for record in copy.records]
    alive = sum(not state & abi.FINISHED for state in states)
    assert created + initial - finished == alive
    assert finished - joined - gone == len(states) - alive
    assert read["sums"] == [[created, finished, joined]] * 3
    assert read["ends"] == [[alive, finished - joined - gone]] * 3
    assert sum(site[0] for site in read["sites"].values()) == created
    assert sum(site[1] for site in read["sites"].values()) == finished
    assert sum(site[2] for site in read["sites"].values()) == joined
    assert all(sums == [read["sites"][at][0]] * 2 for at, sums in read["of_sites"].items())
    assert read["peak"] >= alive
    named = {event[3]: event[7] for event in read["events"] if event[1] == "name"}
    for record in copy.records:
        assert (
            named.get(record.id, record.name.rstrip(b"\0").decode())
            == record.name.rstrip(b"\0").decode()
        )
