# SPDX-License-Identifier: MIT
"""`threadleak trace` of real programs: what happened is what is drawn, and the viewer that people have shows it."""

import os
from typing import Any, Dict, List

import pytest
import trace_format
import trace_viewer
from run_gdb import run_gdb
from run_shell import BLIND, CLEAN, SETTLED, USAGE, Run, run_shell
from workshop import Running, Workshop

LEFT = ("unjoined", "not joined yet")
ENDS = {
    "joined": "joined by #1",
    "joined-late": "joined by #1",
    "creates": "joined by #1",
    "unjoined": "nobody joined it",
    "stays": "it has not ended",
    "awaits": "it has not ended",
}
MORE = 2000  # threads: more events than a ring of the default size holds


@pytest.fixture(scope="module")
def running(workshop: Workshop) -> Running:
    return workshop.start(workshop.program("timeline"))


@pytest.fixture(scope="module")
def busy(workshop: Workshop) -> Running:
    return workshop.start(workshop.program("timeline"), str(MORE))


def traced(path: str, *target: str) -> Run:
    return run_shell("trace", "-o", path, *SETTLED, *target)


def lives(shown: trace_format.Parsed) -> Dict[str, trace_format.Slice]:
    """By the names of the threads, which are different ones in this program."""
    return {each.args["name"]: each for each in shown.lives()}


def check_lives(shown: trace_format.Parsed) -> None:
    by_name = lives(shown)
    ids = [each.args["id"] for each in shown.lives()]
    assert len(set(ids)) == len(ids) == 9 == len(shown.names)
    assert set(by_name) == {*ENDS, "timeline", "grandchild", "detached"}
    for name, end in ENDS.items():
        assert by_name[name].args["end"] == end, name
        assert "begin" not in by_name[name].args
    assert by_name["grandchild"].args["end"] == f"joined by #{by_name['creates'].args['id']}"
    assert by_name["grandchild"].args["created by"] == f"#{by_name['creates'].args['id']}"
    assert "detached" in by_name["detached"].args["end"]
    assert {by_name[name].args["scope"] for name in ("joined", "creates", "grandchild")} == {
        "timeline/outer"
    }
    assert by_name["joined-late"].args["scope"] == "timeline/inner"
    assert by_name["unjoined"].args["class"] == "unjoined" and by_name["unjoined"].args["leaked"]
    assert "(timeline.c:" in by_name["joined"].args["created at"]


def check_arrows(shown: trace_format.Parsed) -> None:
    """From each creation to its thread, and from each end to its join."""
    by_name = lives(shown)
    made = {each.id for each in shown.arrows if each.what == "create"}
    assert made == {each.tid for name, each in by_name.items() if name != "timeline"}
    joined = {each.id: each for each in shown.arrows if each.what == "join"}
    assert set(joined) == {
        by_name[name].tid for name in ("joined", "joined-late", "creates", "grandchild")
    }
    for id, arrow in joined.items():
        assert arrow.begins.tid == id and arrow.begins in by_name.values()
        assert arrow.ends.name in (f"join #{id}", f"#{id} has finished")
    late = joined[by_name["joined-late"].tid]
    assert late.begins.ended is not None and late.begins.ended < late.ends.begun


def check_counts(shown: trace_format.Parsed) -> None:
    left = [each for each in shown.slices if each.name in LEFT]
    latest = dict(shown.counts)  # of several at one moment the last one holds
    del latest[max(latest)]  # the edge, at which every slice ends
    for at, counts in latest.items():
        assert counts["alive"] == sum(each.covers(at) for each in shown.lives())
        assert counts["unjoined"] == sum(each.covers(at) for each in left)


def test_a_live_process(running: Running, tmp_path: Any) -> None:
    path = str(tmp_path / "trace.json")
    run = traced(path, str(running.pid))
    assert (run.status, run.err) == (CLEAN, "")
    assert run.out.startswith(f"threadleak: written to {path}: 9 threads in ")
    shown = trace_format.read(path)
    check_lives(shown)
    check_arrows(shown)
    check_counts(shown)
    assert shown.counts[-1][1] == {"alive": 3, "unjoined": 1}
    assert shown.about["pid"] == running.pid and shown.about["events overwritten"] == 0


def test_a_hyphen_is_standard_output(running: Running, tmp_path: Any) -> None:
    run = run_shell("trace", *SETTLED, "-o", "-", str(running.pid), cwd=str(tmp_path))
    assert (run.status, run.err) == (CLEAN, "")
    (tmp_path / "shown").write_text(run.out)
    check_lives(trace_format.read(str(tmp_path / "shown")))
    assert os.listdir(tmp_path) == ["shown"]


def test_calls_and_scopes_lie_inside_each_other(running: Running, tmp_path: Any) -> None:
    path = str(tmp_path / "trace.json")
    traced(path, str(running.pid))
    shown = trace_format.read(path)
    main = shown.track(1)
    ids = {name: each.args["id"] for name, each in lives(shown).items()}
    depths = {each.name: each.depth for each in main}
    assert depths["main"] == 0 and depths["scope timeline/outer"] == 1
    assert depths["scope timeline/inner"] == 2 == depths[f"create #{ids['joined']}"]
    assert depths[f"create #{ids['joined-late']}"] == 3
    [going_on] = [each for each in shown.track(ids["awaits"]) if each.name.startswith("join")]
    assert going_on.name == f"join #{ids['stays']}" and going_on.args["note"] == "not over yet"


def test_a_core_tells_the_same(workshop: Workshop, tmp_path: Any) -> None:
    program = workshop.program("timeline")
    core = workshop.core(program)
    path = str(tmp_path / "trace.json")
    run = traced(path, program.path, core)
    assert run.status == CLEAN
    shown = trace_format.read(path)
    check_lives(shown)
    check_arrows(shown)
    check_counts(shown)


def test_in_gdb(workshop: Workshop, tmp_path: Any) -> None:
    program = workshop.program("timeline")
    path = str(tmp_path / "trace.json")
    seen = run_gdb(
        program.path, "-c", workshop.core(program), commands=[f"threadleak trace -o {path}"]
    )
    assert seen.outputs[0].startswith(f"threadleak: written to {path}: 9 threads")
    check_lives(trace_format.read(path))


def test_overwritten_events_are_counted_and_said(busy: Running, tmp_path: Any) -> None:
    path = str(tmp_path / "trace.json")
    run = traced(path, str(busy.pid))
    assert run.status == CLEAN
    shown = trace_format.read(path)
    lost = shown.about["events overwritten"]
    assert lost > MORE
    assert run.err.startswith(f"threadleak: {lost:,} earlier events overwritten: the trace covers")
    assert f"{lost:,} earlier events were overwritten" in [each["name"] for each in shown.instants]
    check_counts(shown)
    by_name = lives(shown)
    assert by_name["timeline"].args["begin"] == "before the trace begins"
    assert by_name["unjoined"].args["end"] == "nobody joined it"


def test_more_events_are_kept_where_asked(workshop: Workshop, tmp_path: Any) -> None:
    env = {"THREADLEAK_OPTIONS": "events=65536"}
    running = workshop.start(workshop.program("timeline"), str(MORE), env=env)
    path = str(tmp_path / "trace.json")
    run = traced(path, str(running.pid))
    assert run.err == "" and len(trace_format.read(path).lives()) == MORE + 9


def test_no_events_no_trace(workshop: Workshop, tmp_path: Any) -> None:
    program = workshop.program("timeline")
    running = workshop.start(program, env={"THREADLEAK_OPTIONS": "events=0"})
    run = traced(str(tmp_path / "trace.json"), str(running.pid))
    assert run.status == BLIND and "without the option events=0" in run.err
    assert os.listdir(tmp_path) == []


def test_a_file_that_cannot_be_written(running: Running) -> None:
    run = traced("/nonexistent/trace.json", str(running.pid))
    assert run.status == USAGE and "/nonexistent/trace.json cannot be written" in run.err


def test_without_a_name_the_file_has_one(running: Running, tmp_path: Any) -> None:
    run = run_shell("trace", *SETTLED, str(running.pid), cwd=str(tmp_path))
    assert run.status == CLEAN
    check_lives(trace_format.read(tmp_path / f"threadleak.{running.pid}.trace.json"))


@pytest.mark.skipif(bool(trace_viewer.why_not()), reason=trace_viewer.why_not())
def test_in_the_viewer_of_chrome(running: Running, tmp_path: Any) -> None:
    path = str(tmp_path / "trace.json")
    traced(path, str(running.pid))
    shown = trace_format.read(path)
    folder = tmp_path / "page"
    folder.mkdir()
    with trace_viewer.opened(path, str(folder)) as browser:
        seen = trace_viewer.seen(browser)
    assert seen.warnings == []
    threads: List[Dict[str, Any]] = sorted(seen.threads, key=lambda each: each["sort"])
    assert {each["tid"]: each["name"] for each in threads if each["slices"]} == shown.names
    assert [each["tid"] for each in threads] == sorted(shown.names)
    for each in threads:
        titles = [title for title, unfinished in each["slices"]]
        expected = [slice.name for slice in shown.track(each["tid"])]
        expected += [one["name"] for one in shown.instants if one["tid"] == each["tid"]]
        assert sorted(titles) == sorted(expected)
        assert not any(unfinished for title, unfinished in each["slices"])
    arrows = {(each.what, each.begins.name): each.ends for each in shown.arrows}
    assert sorted((what, begins) for what, begins, _ in seen.flows) == sorted(arrows)
    for what, begins, ends in seen.flows:
        # an arrow arrives as its slice begins, where the viewer, whose times are floats, may take the one around it
        end = arrows[what, begins or ""]
        around = [each.name for each in shown.track(end.tid) if each.covers(end.begun)]
        assert end.name in around and ends in around
    assert seen.counters == ["alive", "unjoined"]
