# SPDX-License-Identifier: MIT
"""What has become more from one look to another, and which looks can be compared."""

import json
from typing import Any, Dict, List, Optional, Tuple

import pytest
from image import MAIN, record
from schema import errors
from test_subcommands import ENDED, Bench, schema
from threadleak.judge.growth import compare, lasting
from threadleak.judge.rule_set import RuleSet
from threadleak.judge.side import Seen, Side, Site, of_document, of_report
from threadleak.judge.verdicts import Settings
from threadleak.show.diff import lines, sentence
from threadleak.target.base import Frame, TargetError


def side(
    *threads: Tuple[str, str, str], pid: Optional[int] = 7, started: Optional[float] = 1.0, at=2.0
) -> Side:
    """(id, class, function) of each."""
    sites = {}
    seen = []
    for id, class_, function in threads:
        frame = Frame(1, function, "/srv/server", 1, "/src/server.c", 42)
        sites[(function,)] = Site((function,), (function, "look"), "", (frame,), None)
        seen.append(Seen(id, int(id), 1.5, class_, (function,)))
    return Side("before" if at == 2.0 else "now", pid, started, at, seen, sites)


OLD = [("1", "alive", "main"), ("2", "unjoined", "serve"), ("3", "alive", "pool")]


def test_new_and_gone_by_id_and_time() -> None:
    found = compare(side(*OLD), side(*OLD[:2], ("4", "unjoined", "serve"), at=5.2))
    assert found.same_process and found.seconds == pytest.approx(3.2)
    assert [each.id for each in found.new] == ["4"] and [each.id for each in found.gone] == ["3"]
    changes = {change.site.key[0]: change.growth for change in found.changes}
    assert changes == {"serve": 1, "pool": -1, "main": 0}
    assert [change.growth for change in found.changes] == [1, 0, -1]


def test_the_same_id_made_at_another_time_is_another_thread() -> None:
    before, after = side(*OLD), side(*OLD, at=3.0)
    after.threads[1] = after.threads[1]._replace(created_at=1.6)
    found = compare(before, after)
    assert (len(found.new), len(found.gone)) == (1, 1)


@pytest.mark.parametrize("other", [{"pid": 8}, {"started": 1.5}, {"pid": None}, {"started": None}])
def test_another_process_is_compared_by_site_alone(other: Dict[str, Any]) -> None:
    found = compare(side(*OLD), side(*OLD, ("2", "unjoined", "serve"), at=3.0, **other))
    assert not found.same_process and found.seconds is None
    assert found.new == found.gone == [] and found.total == 1


def test_another_build_is_compared_by_names() -> None:
    before, after = side(*OLD), side(*OLD, pid=8)
    moved = {
        ("moved", *key): site._replace(key=("moved", *key)) for key, site in after.sites.items()
    }
    threads = [each._replace(site=("moved", *each.site)) for each in after.threads]
    found = compare(before, after._replace(sites=moved, threads=threads))
    assert all(change.before == change.after for change in found.changes)


def test_the_first_line_is_a_sentence() -> None:
    def told(before: List[Any], after: List[Any], **how: Any) -> str:
        return sentence(compare(side(*before), side(*after, at=5.2, **how)))

    more = [*OLD, *((str(id), "unjoined", "serve") for id in range(10, 22))]
    assert (
        told(OLD, more) == "+12 threads since before (in 3.2 s): 12 unjoined at serve (server.c:42)"
    )
    assert told(more, OLD) == "-12 threads since before (in 3.2 s)"
    assert told(OLD, OLD[:2]) == "-1 thread since before (in 3.2 s)"
    assert told(OLD, OLD) == "as many threads as before (in 3.2 s)"
    swapped = [*OLD[:2], ("4", "alive", "serve")]
    assert told(OLD, swapped).endswith(": 1 alive at serve (server.c:42)")
    many = [*OLD, *((str(id), "alive", f"f{id}") for id in range(10, 15))]
    assert told(OLD, many).endswith("f12 (server.c:42), and at 2 more places")
    assert told(OLD, more, pid=9) == "+12 threads since before: 12 unjoined at serve (server.c:42)"


def test_places_are_limited() -> None:
    many = [(str(id), "alive", f"f{id}") for id in range(10, 15)]
    shown = lines(compare(side(), side(*many)), 2)
    assert "... and 3 more places" in shown


def grown(before: List[Any], after: List[Any], settle_s: float = 0.5, **how: Any) -> List[str]:
    sides = lasting(side(*before), side(*after, at=9.0, **how), settle_s)
    return [change.site.key[0] for change in compare(*sides).grown()]


def test_what_just_began_is_no_growth_of_one_process() -> None:
    """All were created at 1.5, and are looked at at 2 and at 9."""
    pool = [(str(id), "alive", "pool") for id in range(10, 15)]
    assert grown(OLD, [*OLD, *pool]) == ["pool"]
    assert grown(OLD, [*OLD, *pool], 8) == []
    assert grown(OLD, [*OLD, ("10", "unjoined", "serve")], 8) == ["serve"]
    # had just begun before, and is there still
    assert grown(OLD, [*OLD[:2], ("3", "alive", "pool"), pool[0]], 1) == ["pool"]
    # what came and went before hides nothing that stays
    assert grown(pool, [("20", "alive", "pool")], 1) == ["pool"]
    assert grown(OLD, [*OLD, *pool], 8, pid=9) == ["pool"]


# ---- sides ---------------------------------------------------------------------------------------------


def save(path: Any, bench: Bench) -> str:
    path.write_text(bench.run("list --all --format json").text)
    return str(path)


def test_a_saved_report_is_the_report(tmp_path: Any) -> None:
    bench = Bench()
    saved = of_document(save(tmp_path / "report", bench))
    taken = of_report(bench.session.judge(None, Settings(), RuleSet()), saved.name)
    assert (saved.pid, saved.started_at, saved.read_at) == (
        taken.pid,
        taken.started_at,
        taken.read_at,
    )
    assert sorted(saved.threads, key=str) == sorted(taken.threads, key=str)
    assert set(saved.sites) == set(taken.sites)
    found = compare(saved, taken)
    assert found.same_process and found.total == 0 and not found.grown() and not found.new


def test_the_command(tmp_path: Any) -> None:
    before = save(tmp_path / "before", Bench([MAIN, record(2, ENDED)]))
    bench = Bench([MAIN, record(2, ENDED), record(3, ENDED), record(4, ENDED)])
    outcome = bench.run(f"diff {before}")
    assert outcome.status == 0 and outcome.error is None
    assert outcome.text.startswith(
        f"+2 threads since {before} (in 0 ms): 2 unjoined at start_worker"
    )
    assert outcome.text.endswith("new: ids 3-4\n")
    outcome = bench.run(f"diff {before} --fail-on-growth")
    assert outcome.status == 3 and outcome.error == "1 place has more threads than before"
    document = json.loads(bench.run(f"diff {before} --format json").text)
    assert errors(document, schema(), schema()) == []
    assert document["diff"]["growth"] == 2
    kinds = {each["kind"] for each in document["diff"]["sites"]}
    assert kinds == {"created", "main", "untracked"}


def test_only_whole_reports_are_compared(tmp_path: Any) -> None:
    path = tmp_path / "part"
    path.write_text(Bench().run("list --format json").text)
    with pytest.raises(TargetError, match="has 3 of 6 threads"):
        of_document(str(path))
    assert Bench().run("diff").status == 64
    assert Bench().run(f"diff {tmp_path}/none").status == 2
