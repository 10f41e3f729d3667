# SPDX-License-Identifier: MIT
"""Timelines: what pairs of events become, and that whatever stands in a ring gives a document in the format."""

import json
from typing import Any, Iterable, List, Optional

import trace_format
from hypothesis import given, settings
from hypothesis import strategies as st
from image import (
    EPOCH0,
    MAIN,
    MS,
    PID,
    T0,
    FakeTarget,
    FakeThread,
    image,
    record,
    scope,
)
from threadleak.judge.recording import Recording, recording
from threadleak.judge.report import Report
from threadleak.judge.rule_set import RuleSet
from threadleak.judge.verdicts import Settings
from threadleak.read import abi
from threadleak.read.events import Event, Events
from threadleak.read.look import look_at
from threadleak.show.trace import Trace

KINDS = (
    *("create", "create_failed", "start", "name", "detach", "finish"),
    *("join_begin", "join_end", "join_failed", "scope_begin", "scope_end", "of a later library"),
)
NOW = T0 + 1000 * MS
ENDED = abi.STARTED | abi.FINISHED
LEFT = ("unjoined", "not joined yet", "not given back yet")


def event(ms: float, kind: str, thread: int, other: int = 0, **more: Any) -> Event:
    fields = {"tid": 0, "site": 0, "scope": 0, "name": "", "sequence": 0, **more}
    return Event(EPOCH0 + round(ms * MS), kind, thread, other, **fields)


def recorded(
    events: List[Event], records: Iterable[bytes] = (), overwritten: int = 0, **header: Any
) -> trace_format.Parsed:
    return trace_format.parse(
        "".join(Trace(*_look(events, records, overwritten, **header)).chunks())
    )


def _look(
    events: List[Event], records: Iterable[bytes], overwritten: int = 0, **header: Any
) -> "tuple[Report, Recording]":
    rows = [abi.RECORD.one(data) for data in (MAIN, *records)]
    alive = [FakeThread(row.tid, row.pthread) for row in rows if not row.state & abi.FINISHED]
    header = {"next_id": 10, **header}
    scopes = [scope(1, b"open"), scope(2, b"closed", ended_ns=T0 + 50 * MS)]
    target = FakeTarget(image([MAIN, *records], scopes=scopes, **header), alive, NOW)
    report = Report(look_at(target), Settings(), RuleSet([]))  # type: ignore[arg-type]
    events = sorted(events, key=lambda each: each.time_ns)
    found = Events(report.registry.copies[0], events, overwritten, 0, 1024, True)
    return report, recording(report, found)


def ms(value: Optional[Any]) -> float:
    assert value is not None
    return float(value) / 1000


START = event(0, "start", 1, tid=PID)
BOTH = [
    START,
    event(10, "create", 1, 2, site=1, scope=1),
    event(11, "start", 2, tid=77),
    event(12, "name", 2, 2, name="pool"),
]


def test_a_joined_thread() -> None:
    events = [
        *BOTH,
        event(20, "join_begin", 1, 2),
        event(50, "finish", 2),
        event(52, "join_end", 1, 2),
    ]
    shown = recorded(events)
    assert shown.about["events"] == len(events) - 1  # of the ring, which has a join once
    life, left = shown.track(2)
    assert (ms(life.begun), ms(life.ended)) == (11, 50) and life.name == "pool"
    assert (left.name, ms(left.begun), ms(left.ended)) == ("not joined yet", 50, 52)
    assert shown.names == {1: "#1 server", 2: "#2 pool"}
    assert life.args == {
        **{"id": 2, "tid": 77, "name": "pool", "created by": "#1", "scope": "open"},
        **{"created at": "start_worker (server.c:42)", "end": "joined by #1"},
    }
    main, create, join, woken = shown.track(1)
    assert ms(main.ended) == 1000 and main.args["class"] == "alive" and "begin" not in main.args
    assert (create.name, join.name) == ("create #2", "join #2")
    assert (ms(join.begun), ms(join.ended)) == (20, 52)
    assert (woken.name, ms(woken.begun), ms(woken.ended)) == ("#2 has finished", 50, 52)
    assert [(each.what, each.begins, each.ends) for each in shown.arrows] == [
        ("create", create, life),
        ("join", life, woken),
    ]
    assert [(ms(at), counts["alive"], counts["unjoined"]) for at, counts in shown.counts] == [
        *((0, 1, 0), (11, 2, 0), (50, 1, 1), (52, 1, 0), (1000, 1, 0)),
    ]
    assert [(each["name"], each["tid"]) for each in shown.instants] == [("named pool", 2)]


def test_a_thread_that_had_finished_before_its_join() -> None:
    shown = recorded(
        [*BOTH, event(30, "finish", 2), event(40, "join_begin", 1, 2), event(40, "join_end", 1, 2)]
    )
    assert [(each.what, each.begins.name, each.ends.name) for each in shown.arrows][1:] == [
        ("join", "pool", "join #2")
    ]


def test_an_unjoined_thread_is_marked_to_the_end() -> None:
    row = record(2, ENDED, finished_ns=T0 + 30 * MS)
    shown = recorded([*BOTH, event(30, "finish", 2)], [row])
    life, left = shown.track(2)
    assert life.name == "worker (unjoined)" and (life.colour, left.colour) == ("", "terrible")
    assert life.args["class"] == "unjoined" and life.args["end"] == "nobody joined it"
    assert life.args["fix"].startswith("Join it where it is created")
    assert (left.name, ms(left.begun), ms(left.ended)) == ("unjoined", 30, 1000)
    assert shown.counts[-1][1] == {"alive": 1, "unjoined": 1}


def test_a_thread_that_is_alive_runs_to_the_end() -> None:
    shown = recorded(BOTH, [record(2)])
    [life] = shown.track(2)
    assert ms(life.ended) == 1000 and life.args["end"] == "it has not ended" and not life.colour
    assert life.name == "worker" and life.args["name"] == "worker-2"  # the registry's is the latest


def test_a_detached_thread_leaves_nothing() -> None:
    for events in ([event(20, "detach", 1, 2), event(30, "finish", 2)], [event(30, "finish", 2)]):
        [life] = recorded([*BOTH, *events]).track(2)
        assert ms(life.ended) == 30 and "detached" in life.args["end"]


def test_detached_after_its_end() -> None:
    shown = recorded([*BOTH, event(30, "finish", 2), event(35, "detach", 1, 2)])
    assert [(each.name, ms(each.ended)) for each in shown.track(2)] == [
        *(("pool", 30), ("not given back yet", 35)),
    ]


def test_begun_before_the_events() -> None:
    """The ring's oldest events are gone: a record tells that there was a thread, and a join that another was."""
    events = [event(500, "finish", 3), event(510, "join_end", 1, 4), event(520, "join_begin", 1, 3)]
    shown = recorded(events, [record(2), record(3, ENDED)], overwritten=1234)
    assert shown.about["events overwritten"] == 1234
    assert "1,234 earlier events were overwritten" in [each["name"] for each in shown.instants]
    lives = {each.args["id"]: each for each in shown.lives()}
    assert {id: each.args["begin"] for id, each in lives.items()} == dict.fromkeys(
        (1, 2, 3, 4), "before the trace begins"
    )
    assert {id: ms(each.ended) for id, each in lives.items()} == {1: 500, 2: 500, 3: 0, 4: 0}
    assert lives[4].args["end"] == "joined by #1; when it finished: before the trace begins"
    [left] = [each for each in shown.track(4) if each is not lives[4]]
    assert (left.name, ms(left.begun), ms(left.ended)) == ("not joined yet", 0, 10)


def test_scopes_lie_on_the_thread_that_opened_them() -> None:
    events = [
        START,
        event(5, "scope_begin", 1, 7, name="test_a"),
        event(6, "create", 1, 2, scope=7),
        event(7, "start", 2),
        event(9, "scope_end", 1, 7),
        event(10, "scope_begin", 2, 8, name="request"),
        event(20, "scope_end", 1, 8),
    ]
    shown = recorded(events, [record(2)])
    assert [(each.name, each.depth) for each in shown.track(1)] == [
        *(("main", 0), ("scope test_a", 1), ("create #2", 2)),
    ]
    assert shown.track(2)[0].args["scope"] == "test_a"
    by_another = [each for each in shown.scopes if each.name == "scope request"]
    assert [(ms(each.begun), ms(each.ended)) for each in by_another] == [(10, 20)]
    assert by_another[0].args["opened by"] == "#2"


def test_scopes_that_cross_are_on_no_track() -> None:
    events = [START] + [event(5 + n, "scope_begin", 1, 7 + n, name=f"s{n}") for n in range(2)]
    events += [event(20 + n, "scope_end", 1, 7 + n) for n in range(2)]
    shown = recorded(events)
    assert [each.name for each in shown.track(1)] == ["main", "scope s0"]
    assert [each.name for each in shown.scopes if each.args["scope"] > 6] == ["scope s1"]


def test_a_join_that_goes_on() -> None:
    shown = recorded([*BOTH, event(20, "join_begin", 1, 2)], [record(2)])
    join = shown.track(1)[-1]
    assert ms(join.ended) == 1000 and join.args["note"] == "not over yet"


def test_a_thread_that_is_just_being_joined_is_not_unjoined() -> None:
    row = record(2, ENDED, finished_ns=T0 + 30 * MS, join_begun_ns=T0 + 20 * MS, joiner=1)
    for events in ([event(20, "join_begin", 1, 2)], []):
        life, left = recorded([*BOTH, *events, event(30, "finish", 2)], [row]).track(2)
        assert life.name == "worker" and life.args["end"] == "it is being joined"
        assert (left.name, ms(left.ended), left.colour) == ("not joined yet", 1000, "")


def test_a_join_that_began_before_the_events() -> None:
    row = record(2, join_begun_ns=T0 + 20 * MS, joiner=1)
    shown = recorded([event(500, "detach", 1, 3)], [row], overwritten=5)
    assert [(each.name, ms(each.begun)) for each in shown.track(1)] == [("main", 0), ("join #2", 0)]


def test_a_trace_does_not_begin_with_a_join_that_is_over() -> None:
    """It has one event, of its end, which tells when it began: before all that the ring still has."""
    events = [
        event(-3600_000, "join_begin", 1, 2),
        event(10, "detach", 1, 3),
        event(20, "finish", 2),
        event(21, "join_end", 1, 2),
    ]
    shown = recorded(events, overwritten=5)
    assert [(each.name, ms(each.begun), ms(each.ended)) for each in shown.track(1)] == [
        *(("main", 0, 990), ("join #2", 0, 11), ("#2 has finished", 10, 11)),
    ]


def test_calls_that_fail() -> None:
    events = [
        *BOTH,
        event(20, "join_begin", 1, 2),
        event(30, "join_failed", 1, 2),
        event(40, "create", 1, 3),
        event(41, "create_failed", 1, 3),
    ]
    shown = recorded(events, [record(2)])
    assert [(each.name, each.args.get("note")) for each in shown.track(1)][1:] == [
        *(("create #2", None), ("join #2", "failed"), ("create #3", "failed")),
    ]
    assert 3 not in shown.names and [each.what for each in shown.arrows] == ["create"]


def test_since_the_registry_was_read() -> None:
    """A process goes on between its registry and its events: who has no record may be too new for one."""
    events = [event(30, "create", 1, 10), event(31, "start", 10), event(40, "finish", 2)]
    shown = recorded([*BOTH, *events], [record(2)])
    assert shown.track(10)[0].args["end"] == "it has not ended"
    life, left = shown.track(2)
    assert ms(life.ended) == 40 and left.name == "unjoined" and "class" not in life.args


IDS = st.one_of(st.integers(0, 6), st.integers(0, 2**64 - 1))
TIMES = st.one_of(st.integers(-5, 40), st.integers(-(2**63), 2**63))
EVENTS = st.builds(
    Event,
    TIMES.map(lambda ns: EPOCH0 + ns),
    st.sampled_from(KINDS),
    *(IDS, IDS, st.integers(0, 2**32 - 1)),
    *(st.integers(0, 3), IDS, st.text(max_size=40), st.integers(1, 99)),
)


@settings(max_examples=300)
@given(st.lists(EVENTS, max_size=60), st.lists(st.integers(0, 2), max_size=4), st.integers(0, 2))
def test_any_events_give_a_document_in_the_format(
    events: List[Event], states: List[int], overwritten: int
) -> None:
    flags = (abi.STARTED, ENDED, abi.STARTED | abi.DETACHED)
    rows = [record(at + 2, flags[state], joiner=at) for at, state in enumerate(states)]
    shown = recorded(events, rows, overwritten)
    lives = shown.lives()
    assert len({each.args["id"] for each in lives}) == len(lives)
    assert {each.args["id"] for each in lives} >= set(range(1, len(rows) + 2))
    over = max(each.ended for each in lives if each.ended is not None)
    left = [each for each in shown.slices if each.name in LEFT]
    for at, counts in shown.counts:
        if at < over:
            assert counts["alive"] == sum(each.covers(at) for each in lives)
            assert counts["unjoined"] == sum(each.covers(at) for each in left)


def test_hostile_names_stay_inside_their_strings() -> None:
    name = 'x"}],\n\x1b]0;\x07</script>\udcff\u202e' + "y" * 5000
    events = [*BOTH, event(20, "name", 2, 2, name=name), event(21, "scope_begin", 2, 3, name=name)]
    text = "".join(Trace(*_look(events, [])).chunks())
    trace_format.parse(text)
    assert text.isascii() and "\x1b" not in text and len(text) < 6000
    assert max(len(line) for line in json.dumps(json.loads(text)["traceEvents"]).split("}")) < 1000
