# SPDX-License-Identifier: MIT
"""Many threads of one site at one place."""

from typing import List

import pytest
from image import PID, FakeThread, record
from test_judge import report
from threadleak.judge.crowd import Crowd, perhaps
from threadleak.judge.report import Report
from threadleak.judge.verdicts import Settings
from threadleak.target.base import Frame


def seen(
    count: int, threshold: int, states: str = "blocked", rules: List[str] = [], seek: bool = True
) -> Report:
    records = [record(id, site=1 if id < 8 else 2) for id in range(2, count + 2)]
    threads = [
        FakeThread(PID + id - 1, 0x7FFF00000000 + id * 0x1000, states) for id in range(1, count + 2)
    ]
    settings = Settings(crowd=threshold, seek_crowds=seek)
    return report(records, settings=settings, threads=threads, rules=rules)


def test_a_crowd_is_told_and_is_no_leak() -> None:
    found = seen(6, 6)
    assert found.by_class() == {"crowd": 6, "alive": 1}
    assert not found.leaked and found.status(found.leaked) == 0
    (notice,) = [each for each in found.notices if each.kind == "crowd"]
    said = "6 threads of one site are blocked at one place, 0x7ffff7c91000"
    assert (notice.text, notice.number, notice.blind) == (f"a suspicion: {said}", 6, False)
    assert found.evidence.why(found.verdicts[1]) == [
        "It is alive.",
        f"A suspicion: {said} (--crowd 6).",
    ]
    assert "If they should have ended" in (found.evidence.fix(found.verdicts[1]) or "")


@pytest.mark.parametrize(
    "count, threshold, state", [(5, 6, "blocked"), (6, 0, "blocked"), (6, 6, "running")]
)
def test_no_crowd(count: int, threshold: int, state: str) -> None:
    found = seen(count, threshold, state)
    assert found.by_class() == {"alive": count + 1} and not found.crowds


def test_stacks_are_not_read_unasked() -> None:
    found = seen(6, 6, seek=False)
    assert found.by_class() == {"alive": 7} and not found.crowds
    (notice,) = [each for each in found.notices if each.kind == "crowds_not_sought"]
    said = (
        "6 threads that are alive were made at one site, start_worker (server.c:42):"
        " --crowd 6 says whether they are blocked at one place"
    )
    assert (notice.text, notice.number, notice.blind) == (said, 6, False)


def test_threads_of_two_sites_are_two_crowds_or_none() -> None:
    found = seen(10, 6)
    assert found.by_class() == {"crowd": 6, "alive": 5}
    two = seen(10, 4)
    assert [len(each.verdicts) for each in two.crowds] == [6, 4]
    assert [each.text.partition(" are ")[0] for each in two.notices if each.kind == "crowd"] == [
        "a suspicion: 6 threads of one site, start_worker (server.c:42),",
        "a suspicion: 4 threads of one site, reload (server.c:99),",
    ]


def test_sites_of_one_function_are_told_apart() -> None:
    spawn, serve = (Frame(1, name, "/srv/x", 1, "/src/x.c", 3) for name in ("spawn", "serve"))
    text = perhaps(seen(6, 6).crowds[0], [spawn, serve], 6)  # type: ignore[arg-type]
    assert "6 threads that are alive were made at one site, spawn (x.c:3) < serve (x.c:3): " in text


def test_a_rule_may_expect_a_crowd() -> None:
    found = seen(6, 6, rules=["class=crowd start:worker our pool"])
    assert found.by_class() == {"crowd": 6, "alive": 1}
    assert all(each.expected_by for each in found.verdicts[1:])


def test_the_place_of_a_crowd() -> None:
    lead = "0 threads of one site are blocked at one place, "
    assert Crowd([], Frame(1, "f", "/srv/x", 7, "/src/x.c", 3)).text() == f"{lead}f (x.c:3)"
    assert Crowd([], Frame(1, "f", "/srv/x", 7)).text() == f"{lead}f (x+0x7)"
    assert Crowd([], Frame(255)).text() == f"{lead}0xff"
