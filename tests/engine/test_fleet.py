# SPDX-License-Identifier: MIT
"""Reports of many processes, merged: what is one instance, what is ranked how, and what is left out and said."""

import copy
import gzip
import io
import json
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from schema import errors
from test_subcommands import Bench, schema
from threadleak.commands import merge
from threadleak.commands.command_line import Outcome
from threadleak.judge.fleet import Fleet, Ranked, Ranking
from threadleak.judge.saved import documents
from threadleak.show.json_text import dump
from threadleak.target.base import TargetError

REPORT: Dict[str, Any] = json.loads(Bench().run("list --all --format json").text)
GROUP = next(each for each in REPORT["groups"] if each.get("fingerprint"))
A, B = "a" * 16, "b" * 16


def report(
    counts: Dict[str, int],
    host: Optional[str] = "h1",
    pid: int = 7,
    at: Optional[float] = 1000.0,
    exe: str = "/srv/server",
    leaked: bool = True,
) -> Dict[str, Any]:
    """One whose sites have so many threads."""
    shown = copy.deepcopy(REPORT)
    shown["target"] = {"kind": "process", "pid": pid, "exe": exe, "core": None, "host": host}
    shown["registry"].update(read_at=at, started_at=1.0)
    shown["threads"] = []
    shown["summary"].update(
        threads=sum(counts.values()), leaked=sum(counts.values()) if leaked else 0
    )
    shown["groups"] = [
        {
            **GROUP,
            "fingerprint": mark,
            "threads": count,
            "leaked": count if leaked else 0,
            "by_class": {"unjoined" if leaked else "alive": count},
        }
        for mark, count in counts.items()
    ]
    return shown


def ranking(*reports: Dict[str, Any]) -> Ranking:
    fleet = Fleet()
    for number, each in enumerate(reports):
        fleet.add(each, f"{number}.json")
    return fleet.ranking()


def marks(found: Ranking) -> List[str]:
    return [each.site.fingerprint for each in found.sites]


def of(found: Ranking, mark: str) -> Ranked:
    return next(each for each in found.sites if each.site.fingerprint == mark)


def test_much_in_one_place_weighs_more_than_little_in_many() -> None:
    reports = [report({B: 10}, host=f"h{n}") for n in range(99)] + [report({A: 900, B: 10}, "big")]
    found = ranking(*reports)
    assert marks(found) == [A, B]
    first, second = found.sites
    assert (first.rms, first.instances, first.of_instances) == (90.0, 1, 100)
    assert (first.most, first.most_at, first.hosts, first.of_hosts) == (900, "big:7", 1, 100)
    assert (second.rms, second.threads, second.by_class) == (10.0, 1000, {"unjoined": 1000})
    assert (found.instances, found.hosts, found.threads, found.leaked) == (100, 100, 1900, 1900)


def test_leaks_stand_before_what_is_only_many() -> None:
    found = ranking(report({A: 1}, "h1"), report({B: 5000}, "h2", leaked=False))
    assert marks(found) == [A, B] and found.leaked == 1


def test_the_mean_is_over_programs_that_have_the_site() -> None:
    others = [report({B: 3}, host=f"o{n}", exe="/srv/other") for n in range(50)]
    found = ranking(report({A: 8}), *others)
    assert (of(found, A).rms, of(found, A).of_instances, of(found, A).of_hosts) == (8.0, 1, 1)
    assert of(found, B).programs == ("other",)


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 2, 0]])
def test_of_one_instance_the_latest_counts_and_growth_is_told(order: List[int]) -> None:
    hour = [report({A: 10}, at=0.0), report({A: 70}, at=3600.0), report({A: 50, B: 4}, at=7200.0)]
    found = ranking(*(hour[index] for index in order))
    assert (found.documents, found.instances, found.threads) == (3, 1, 54)
    assert (of(found, A).growth_per_h, of(found, A).grew) == (20.0, 1)
    assert of(found, B).growth_per_h == 2.0


def test_growth_is_not_told_of_a_single_look_nor_of_unlike_reports() -> None:
    part = report({A: 50}, at=7200.0)
    part["summary"]["threads"] = 99
    assert of(ranking(report({A: 10})), A).growth_per_h is None
    found = ranking(report({A: 10}, at=0.0), part)
    assert of(found, A).growth_per_h is None and found.partial == 1


def partial(counts: Dict[str, int], at: float, leaked: int) -> Dict[str, Any]:
    """A report without --all: of 99 threads, of which so many leaked."""
    shown = report(counts, at=at)
    shown["summary"].update(threads=99, leaked=leaked)
    return shown


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 2, 0]])
def test_places_do_not_vanish_with_a_later_report_of_some_threads(order: List[int]) -> None:
    idle = report({A: 30}, at=1.0, leaked=False)
    looks = [report({A: 20}, at=0.0, leaked=False), idle, partial({B: 4}, 2.0, leaked=4)]
    found = ranking(*(looks[index] for index in order))
    assert (marks(found), found.partial, found.blind) == ([B, A], 1, 0)
    assert (of(found, A).threads, of(found, A).leaked, of(found, B).leaked) == (30, 0, 4)


def test_a_leak_that_a_later_list_of_every_leak_lacks_has_ended() -> None:
    found = ranking(report({A: 30}, at=1.0), partial({B: 4}, 2.0, leaked=4))
    assert (marks(found), found.leaked) == ([B], 4)
    found = ranking(report({A: 30}, at=1.0), partial({B: 4}, 2.0, leaked=9))
    assert (marks(found), found.leaked) == ([A, B], 34)


def test_leaks_that_an_option_left_out_are_not_green(tmp_path: Path) -> None:
    outcome = run(saved(tmp_path, a=partial({}, 1.0, leaked=5)))
    assert outcome.status == 2 and "5 leaked threads left out by an option" in str(outcome.error)


def test_a_pid_used_again_is_another_instance() -> None:
    later = report({A: 2}, at=9.0)
    later["registry"]["started_at"] = 8.0
    assert ranking(report({A: 1}), later).instances == 2


def test_what_names_no_host_is_told_apart_by_pid_and_start() -> None:
    same = [report({A: 1}, None, at=at) for at in (1.0, 2.0)]
    found = ranking(*same)
    assert (found.instances, found.hosts, of(found, A).of_hosts) == (1, 0, 0)
    for each in same:
        each["registry"]["started_at"] = None
    assert ranking(*same).instances == 2


def test_builds_and_addresses_do_not_matter_and_untracked_threads_are_kept_apart() -> None:
    found = ranking(REPORT, copy.deepcopy(REPORT))
    assert found.instances == 1
    assert "" in marks(found) and of(found, "").by_class == {"untracked": 1}


def test_leaks_without_a_fingerprint_are_leaks() -> None:
    """Of a process without the library."""
    shown = report({A: 3})
    del shown["groups"][0]["fingerprint"]
    found = ranking(shown)
    assert (marks(found), found.leaked, found.blind) == ([""], 3, 0)


def run(*words: str, stdin: str = "", form: str = "text") -> Outcome:
    options = merge.parser().parse_args([*words, "--format", form])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdin", io.StringIO(stdin))
        return merge.run(None, options)


def test_files_folders_gzip_lines_and_names_on_stdin(tmp_path: Path) -> None:
    folder = tmp_path / "reports" / "h1"
    folder.mkdir(parents=True)
    (folder / "plain.json").write_text(dump(report({A: 1}, "h1")))
    packed = gzip.compress(dump(report({A: 2}, "h2")).encode())
    (folder / "packed").write_bytes(packed + gzip.compress(b"\n"))
    lines = [json.dumps(report({A: 3}, f"l{n}")) + "\n" for n in range(3)]
    (tmp_path / "lines").write_text("".join(lines))
    (tmp_path / "indented").write_text(json.dumps(report({A: 4}, "i"), indent=1))
    (tmp_path / "sorted").write_text(json.dumps(report({A: 5}, "s"), indent=1, sort_keys=True))
    names = f"{tmp_path}/lines\n\n{tmp_path}/indented\n{tmp_path}/sorted\n"
    outcome = run(str(tmp_path / "reports"), "-", stdin=names, form="json")
    shown = json.loads(outcome.text)
    assert errors(shown, schema(), schema()) == []
    found = shown["merge"]
    assert (outcome.status, outcome.error, found["documents"]) == (3, None, 7)
    assert found["sites"][0]["threads"] == 1 + 2 + 9 + 4 + 5


def test_what_cannot_be_read_is_named_and_counted(tmp_path: Path) -> None:
    whole = dump(report({A: 1}, leaked=False))
    packed = gzip.compress(whole.encode())
    bad = {
        "cut": whole[: len(whole) // 2],
        "empty": "",
        "foreign": '{"schema": "other/1"}',
        "none": "[1, 2]",
        "text": "hello\n",
        "failed": dump({**report({A: 1}), "error": "process 7 has died"}),
        "negative": dump(report({A: -1})),
        "deep": "[" * 100_000,
    }
    for name, text in bad.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "packed").write_bytes(packed[: len(packed) // 2])
    (tmp_path / "good").write_text(whole)
    outcome = run(str(tmp_path), form="json")
    found = json.loads(outcome.text)["merge"]
    assert (outcome.status, found["unread"], found["documents"]) == (2, len(bad) + 1, 1)
    for name in [*bad, "packed"]:
        assert any(f"{tmp_path}/{name} " in why for why in found["unread_why"])
    assert outcome.error is not None
    assert "9 reports are left out" in outcome.error and outcome.error.endswith("; and 4 more")
    assert run(str(tmp_path / "good")).status == 0
    assert run(str(tmp_path / "absent")).status == 2
    (tmp_path / "hollow").mkdir()
    outcome = run(str(tmp_path / "hollow"))
    assert outcome.status == 2 and "there is no file in the folder" in str(outcome.error)


def saved(folder: Path, **reports: Dict[str, Any]) -> str:
    for name, shown in reports.items():
        (folder / name).write_text(dump(shown))
    return str(folder)


def blind(host: str, leaked: bool = False) -> Dict[str, Any]:
    shown = report({A: 1}, host, leaked=leaked)
    lost = {"kind": "limit", "text": "the core file is cut short", "count": 1, "blind": True}
    return {**shown, "findings": [lost]}


def test_a_blind_report_is_named_and_never_green(tmp_path: Path) -> None:
    """As the command ended that wrote it."""
    lossy = report({A: 1}, "h2", leaked=False)
    lossy["registry"]["dropped"] = 5
    folder = saved(tmp_path, a=blind("h1"), b=lossy, c=report({A: 1}, "h3", leaked=False))
    outcome = run(folder)
    assert outcome.status == 2 and outcome.error == (
        f"cannot tell all: 2 reports are incomplete: {folder}/a: the core file is cut short;"
        f" {folder}/b: 5 threads dropped for lack of room"
    )
    found = json.loads(run(folder, form="json").text)["merge"]
    assert (found["blind"], len(found["blind_why"])) == (2, 2)
    saved(tmp_path, d=report({A: 1}, "h4"))
    outcome = run(folder)
    assert outcome.status == 3 and "2 reports are incomplete" in str(outcome.error)


def test_of_many_blind_reports_the_first_are_named(tmp_path: Path) -> None:
    folder = saved(tmp_path, **{f"r{n}": blind(f"h{n}") for n in range(7)})
    outcome = run(folder)
    assert outcome.status == 2 and "7 reports are incomplete" in str(outcome.error)
    assert str(outcome.error).endswith("; and 2 more") and f"{folder}/r5" not in str(outcome.error)


@pytest.mark.parametrize("key", ["stacks", "graph", "diff", "merge", "history"])
@pytest.mark.parametrize("written", [dump, json.dumps])
def test_what_has_no_judged_threads_is_refused(
    tmp_path: Path, key: str, written: Callable[[Any], str]
) -> None:
    path = tmp_path / "report"
    path.write_text(written({**report({}), key: []}))
    outcome = run(str(path))
    assert outcome.status == 2 and (
        f"{path} is of `threadleak {key}`, a document without judged threads: `threadleak groups"
        " --all --format json` saves a report that merge takes"
    ) in str(outcome.error)


def test_the_document_of_a_run_is_refused_with_what_to_do(tmp_path: Path) -> None:
    shown = {"schema": "threadleak-run/1", "summary": {}, "programs": [], "error": None}
    outcome = run(saved(tmp_path, report=shown))
    assert outcome.status == 2 and "is of `threadleak run`" in str(outcome.error)
    assert "`threadleak groups --all --format json` saves a report" in str(outcome.error)


@pytest.mark.parametrize(
    "data, why",
    [
        (b"\xff\xfe{}\n", "it is no JSON report"),
        (b"hello\n", "it is no JSON report"),
        (b"[" + b"1" * 9000 + b"]\n", ""),
        (b"\x1f\x8bnonsense", "its gzip data is damaged"),
        (dump({**REPORT, "target": None}).encode(), "it is not as `threadleak groups"),
        (dump({**REPORT, "groups": [7]}).encode(), "it is not as `threadleak groups"),
    ],
)
def test_damage_is_told_in_plain_words(tmp_path: Path, data: bytes, why: str) -> None:
    path = tmp_path / "report"
    path.write_bytes(data)
    outcome = run(str(path))
    assert outcome.status == 2 and f"no report of threadleak: {why}" in str(outcome.error)
    for word in ("codec", "object", "Error", "subscriptable", "digits", "Expecting"):
        assert word not in str(outcome.error)


def test_reports_without_the_library_are_told_of(tmp_path: Path) -> None:
    shown = report({A: 1}, leaked=False)
    shown["registry"]["found"] = False
    outcome = run(saved(tmp_path, a=shown, b=report({A: 1}, "h2", leaked=False)))
    assert (outcome.status, outcome.error) == (0, None)
    assert "note: 1 instance ran without the library" in outcome.text
    assert "LD_PRELOAD=libthreadleak.so" in outcome.text


def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threadleak.judge.saved.DOCUMENT_MAX", 1 << 20)
    for name, text in {
        "line": b"{" + b" " * (2 << 20),
        "elements": b'{\n "threads": [\n' + b"  {},\n" * (1 << 18),
    }.items():
        (tmp_path / name).write_bytes(gzip.compress(text))
        with pytest.raises(TargetError, match="larger than 1 MiB"):
            list(documents(str(tmp_path / name)))


def test_the_text(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(dump(report({A: 10, B: 2}, "h1\x1b[31m", at=0.0)))
    (tmp_path / "b").write_text(dump(report({A: 70}, "h1\x1b[31m", at=3600.0)))
    lines = run(str(tmp_path)).text.split("\n")
    assert lines[0] == (
        "threadleak: 70 leaked threads at 1 place, of 70 threads in 1 instance on 1 host (2 reports)"
    )
    row = next(line for line in lines if line.startswith("70.0"))
    assert "1 of 1" in row and "h1\\x1b[31m:7" in row and "+60.0" in row and "server" in row
    assert any(line.startswith("fix: Join it") for line in lines)


@settings(max_examples=60)
@given(st.data())
def test_hostile_reports_give_a_sentence(tmp_path_factory: Any, data: Any) -> None:
    """A report with a value replaced, or bytes."""
    shown = report({A: 3, B: 2})
    value = data.draw(
        st.one_of(
            st.none(), st.integers(), st.floats(), st.text(max_size=9), st.just([]), st.just({})
        )
    )
    place: Any = shown
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(place[key], (dict, list)) or not place[key] or data.draw(st.booleans()):
            place[key] = value
            break
        place = place[key]
    path = tmp_path_factory.mktemp("hostile") / "report"
    path.write_text(data.draw(st.sampled_from([dump, json.dumps]))(shown))
    outcome = run(str(path))
    assert outcome.status in (0, 2, 3) and (outcome.status != 2 or outcome.error)


@settings(max_examples=60)
@given(st.binary(max_size=60), st.sampled_from([b"", b"{\n", b"\x1f\x8b", b'{\n "groups": [\n']))
def test_hostile_bytes_give_a_sentence(tmp_path_factory: Any, data: bytes, head: bytes) -> None:
    path = tmp_path_factory.mktemp("hostile") / "report"
    path.write_bytes(head + data)
    assert run(str(path)).status == 2
