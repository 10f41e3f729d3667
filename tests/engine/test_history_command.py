# SPDX-License-Identifier: MIT
"""A history, which part of it is looked at, and how it is drawn, without a process."""

import json
import math
import os
import time
import xml.etree.ElementTree as tree
from typing import Any, Iterator, List, Optional, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from image import FakeTarget
from schema import errors
from test_subcommands import Bench, schema
from threadleak.judge.history import EDGE_S, AUTO, LEVELS, course_of, rises, sum_of, sum_points
from threadleak.read.buckets import Bucket, State
from threadleak.read.history import History
from threadleak.show import (
    chart,
    history,
    history_json,
    history_openmetrics,
    history_svg,
    time_axis,
)
from threadleak.show.style import PLAIN, Ansi
from threadleak.target.base import Frame

END = 1_700_000_000.0  # 2023-11-14 22:13:20 UTC
WIDTHS = (1, 60, 1800)
COUNTS = (600, 720, 480)


class FakeSite:
    """What judge/history.py asks of a SiteHistory."""

    copy = None

    def __init__(self, index: int, alive: int, unjoined: int, levels: Any = (), joined: int = 0):
        self.index, self.alive, self.unjoined, self.joined = index, alive, unjoined, joined
        self.created = alive + unjoined + joined
        self.finished, self.gone, self.peak = unjoined + joined, 0, alive
        self._levels = list(levels)

    def levels(self) -> List[List[Bucket]]:
        return self._levels


def buckets(width: int, count: int, changes: List[Tuple[float, int]], life: float) -> List[Bucket]:
    """`changes`: when a thread came (+1) or went, unjoined (-1); all stretches, as the reader gives them."""
    begun = max(END - life, (END // width - count + 1) * width)
    found = []
    while begun < END:
        end = min(END, (begun // width + 1) * width)
        inside = [change for at, change in changes if begun < at <= end]
        before = 1 + sum(change for at, change in changes if at <= begun)
        alive, peak = before, before
        for change in inside:
            alive += change
            peak = max(peak, alive)
        unjoined = sum(at <= end and change < 0 for at, change in changes)
        made, over = inside.count(1), inside.count(-1)
        found.append(Bucket(begun, end - begun, made, over, 0, alive, unjoined, peak))
        begun = end
    return found


def made(changes: List[Tuple[float, int]], life: float, *sites: FakeSite) -> History:
    """`changes`: (seconds before the end, +1 or -1)."""
    times = sorted((END - ago, change) for ago, change in changes)
    over = sum(change < 0 for _, change in times)
    total = State(len(times) - over, over, 0, 0, 1)
    levels = [buckets(*level, times, life) for level in zip(WIDTHS, COUNTS)]
    return History(END - life, END, total, levels, list(sites), 0)


HOURS = [(5000.0 + at, 1) for at in range(20)] + [(3000.0, -1), (100.5, 1), (100.2, -1)]


@pytest.fixture(autouse=True)
def utc() -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = "UTC"
    time.tzset()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


# ---- which part ------------------------------------------------------------------------------------


def test_all_that_is_kept() -> None:
    course = course_of(made(HOURS, 7200.0))
    assert course.whole and (course.begun_s, course.end_s) == (END - 7200, END)
    assert (course.before.alive, course.points[-1].alive, course.points[-1].unjoined) == (1, 20, 2)
    assert course.points[-1].created == 21
    assert course.peak == 21


def test_levels_join_without_gaps() -> None:
    course = course_of(made(HOURS, 100_000.0))
    ends = [course.begun_s] + [point.time_s for point in course.points]
    assert [point.begun_s for point in course.points] == ends[:-1]
    widths = [point.time_s - point.begun_s for point in course.points]
    assert max(widths) == 1800 and widths[-1] == 1.0
    for earlier, later in zip(course.points, course.points[1:]):
        assert earlier.created <= later.created and earlier.finished <= later.finished


@pytest.mark.parametrize("level, seconds", [("seconds", 600), ("minutes", 12 * 3600)])
def test_a_level_is_a_window(level: str, seconds: int) -> None:
    course = course_of(made(HOURS, 1_000_000.0), level)
    assert not course.whole
    assert seconds - 60 <= course.end_s - course.begun_s <= seconds
    assert len({round(point.time_s - point.begun_s) for point in course.points[1:-1]}) == 1


def test_a_peak_is_found_at_the_seam_of_two_levels() -> None:
    """Threads that came and went within a minute that the seconds do not reach back to as a whole."""
    begins = course_of(made([], 7200.0), "seconds").points[0].begun_s
    ago = END - begins + 1.5
    course = course_of(made([(ago, 1), (ago - 0.5, -1)], 7200.0))
    assert begins % 60 != 0 and course.peak == 2


def test_the_history_of_a_process_that_just_began() -> None:
    course = course_of(made([], 0.0))
    assert course.points == [] and course.peak == 1
    assert course.begun_s == course.end_s == END


@given(
    st.lists(st.tuples(st.floats(0, 200_000), st.sampled_from([1, -1])), max_size=30),
    st.floats(0, 300_000),
)
def test_whatever_happened_it_can_be_drawn(changes: Any, life: float) -> None:
    found = made(changes, life)
    for level in (AUTO, *LEVELS):
        seen = look(found, level=level)
        assert 10 < len(text(seen, 80).splitlines()) < 40
        assert all(len(line) <= 110 for line in text(seen, 80).splitlines())
        tree.fromstring(history_svg.document(seen, 10))
        json.loads(history_json.document(FakeTarget([]), [], seen, level))


# ---- which sites -----------------------------------------------------------------------------------


def test_what_grew_comes_first() -> None:
    sites = [FakeSite(1, 3, 0), FakeSite(2, 0, 9), FakeSite(3, 0, 0, joined=50), FakeSite(4, 5, 0)]
    found = rises(sites, course_of(made([], 600.0)), id)
    assert [rise.sites[0].index for rise in found] == [2, 4, 1, 3]
    assert [rise.growth for rise in found] == [9, 5, 3, 0]


def test_sites_of_one_line_are_one_place() -> None:
    """Two that take turns; their peaks were at different times."""
    first = FakeSite(1, 2, 0, [level_of((120, 6), (60, 3), (0, 2)), []])
    second = FakeSite(2, 5, 1, [level_of((120, 1), (60, 4), (0, 5)), []])
    first.peak = second.peak = 6
    other = FakeSite(3, 1, 0, [level_of((0, 1)), []])
    seen = look(made([], 7200.0, first, second, other), place=lambda site: site.index < 3)
    both, _ = seen.rises
    assert (both.growth, both.threads, both.sum("created"), both.peak) == (8, 8, 8, 7)
    lines = [line for line in text(seen).splitlines() if line.endswith(" (a.c:7)")]
    assert [line.split()[:5] for line in lines] == [
        *(["+8", "7", "1", "8", "7"], ["+1", "1", "0", "1", "1"])
    ]
    untold = FakeSite(4, 7, 0)
    course = course_of(made([], 90_000.0), "seconds")
    (rise,) = rises([first, untold], course, lambda site: "one")  # type: ignore[list-item]
    assert rise.growth is None


def level_of(*states: Tuple[float, int]) -> List[Bucket]:
    """(seconds before the end, alive) of stretches that end there; each of a minute."""
    found, before = [], 0
    for ago, alive in states:
        made_, over = max(0, alive - before), max(0, before - alive)
        found.append(Bucket(END - ago - 60, 60.0, made_, over, over, alive, 0, alive))
        before = alive
    return found


def test_growth_within_a_window() -> None:
    """A pool that was there before has not grown; what the history of a site does not tell is not known."""
    pool = FakeSite(1, 8, 0, [level_of((3600, 8), (0, 8)), []])
    leak = FakeSite(2, 30, 0, [level_of((3600, 10), (0, 30)), []])
    new = FakeSite(3, 2, 0, [level_of((120, 2)), []])
    untold = FakeSite(4, 7, 0)
    course = course_of(made([], 90_000.0), "seconds")
    found = {
        rise.sites[0].index: rise.growth for rise in rises([pool, leak, new, untold], course, id)
    }
    assert found == {1: 0, 2: 20, 3: None, 4: None}


def test_the_sum_of_sites() -> None:
    first = FakeSite(1, 8, 0, [level_of((120, 4), (60, 8), (0, 8)), []])
    second = FakeSite(2, 3, 0, [level_of((60, 5), (0, 3)), []], joined=2)
    course = sum_of([first, second], made([], 90_000.0), AUTO)  # type: ignore[list-item]
    assert [point.alive for point in course.points] == [4, 13, 11]
    assert [point.joined for point in course.points] == [0, 0, 2]


def at_about(time: float, ulps: int) -> float:
    for _ in range(abs(ulps)):
        time = math.nextafter(time, math.copysign(math.inf, ulps))
    return time


ULPS = st.integers(-3, 3)


@given(st.lists(st.lists(st.tuples(ULPS, ULPS), min_size=1, max_size=6), min_size=1, max_size=3))
def test_edges_that_differ_in_their_last_bits_are_one(sites: Any) -> None:
    """When a stretch begins and when the one before it ends are different sums of floats."""
    kept = []
    for jitters in sites:
        level = []
        for each, (begins, ends) in enumerate(jitters):
            begun = at_about(END + each * 60.0, begins)
            end = at_about(END + each * 60.0 + 60.0, ends)
            level.append(Bucket(begun, end - begun, 1, 0, 0, each + 1, 0, each + 1))
        kept.append(FakeSite(len(kept), len(level), 0, [level, []]))
    found = sum_points(kept)  # type: ignore[arg-type]
    assert [round(point.time_s - END) for point in found] == [
        60 * (each + 1) for each in range(max(map(len, sites)))
    ]
    assert [point.begun_s for point in found[1:]] == [point.time_s for point in found[:-1]]
    assert [point.alive for point in found] == [
        sum(each + 1 for jitters in sites if each < len(jitters)) for each in range(len(found))
    ]


@given(st.lists(st.tuples(st.floats(0, 0.01), st.integers(0, 9)), min_size=1, max_size=30))
def test_no_time_is_sampled_twice(widths: Any) -> None:
    begun, level = END, []
    for width, alive in widths:
        level.append(Bucket(begun, width, alive, 0, 0, alive, 0, alive))
        begun += width
    site = FakeSite(1, level[-1].alive, 0, [level, []])
    found = sum_points([site])  # type: ignore[list-item]
    assert len({f"{point.time_s:.3f}" for point in found}) == len(found)
    if begun - END >= 2 * EDGE_S:
        assert found[-1].alive == level[-1].alive


def test_levels_whose_edges_differ_in_their_last_bits() -> None:
    """The stretch before the seam keeps its own state."""
    for ulps in (-1, 0, 1):
        fine = [Bucket(at_about(END, ulps), 60.0, 1, 0, 0, 3, 0, 3)]
        coarse = [
            Bucket(END - 3600 + 1800 * each, 1800.0, 1, 0, 0, each + 1, 0, 9) for each in (0, 1)
        ]
        found = sum_points([FakeSite(1, 3, 0, [fine, coarse])])  # type: ignore[list-item]
        assert [point.alive for point in found] == [1, 2, 3]


# ---- text ------------------------------------------------------------------------------------------


def frame(rise: Any) -> List[Frame]:
    return [Frame(0x10, f"site_{rise.sites[0].index}\033[2J", "/srv/server", 0x10, "a.c", 7)]


def look(
    found: History, name: str = "server", ends: str = "now", level: str = AUTO, place: Any = id
) -> Any:
    course = course_of(found, level)
    subject = history.Subject(name, 7, ends, ["a note"])
    return history.Seen(subject, course, rises(found.sites, course, place), frame)


def text(seen: Any, width: int = 60, utf8: bool = True, style: Any = PLAIN, limit: int = 10) -> str:
    return "\n".join(history.lines(seen, history.Look(width, utf8, limit, style)))


RAMP = [(7200.0 - each * 720, 1) for each in range(10)] + [(1800.0 - each, -1) for each in range(4)]


def test_a_screen() -> None:
    seen = look(made(RAMP, 7200.0, FakeSite(1, 6, 4)), name="ser\033ver")
    assert text(seen).splitlines() == [
        "threadleak history: ser\\x1bver, process 7, 2 h 0 min up to 2023-11-14 22:13:20 +0000",
        "7 alive (+6), at most 9; 4 unjoined (+4); 10 created; 0 joined",
        "note: a note",
        "",
    ] + SCREEN.strip("\n").split("\n")


SCREEN = """
alive (· peak)
10 ┤
   │                                 ▁▁▁▁▁▁██··
   │                           ▂▂▂▂▂▂████████         ▂▂▂▂▂▂
   │                      ▃▃▃▃▃██████████████   ▃▃▃▃▃▃██████
 5 ┤                ▄▄▄▄▄▄███████████████████▄▄▄████████████
   │           ▄▄▄▄▄████████████████████████████████████████
   │     ▅▅▅▅▅▅█████████████████████████████████████████████
   │▆▆▆▆▆███████████████████████████████████████████████████
   │████████████████████████████████████████████████████████
unjoined
 4 ┤                                         ███████████████
   │                                         ███████████████
 2 ┤                                         ███████████████
   │                                         ███████████████
   │                                         ███████████████
 0 └┴─────────────┴─────────────┴─────────────┴─────────────
   -2h         -1h30m          -1h          -30m         now
  20:13         20:43         21:13         21:43      22:13

GREW  ALIVE  UNJOINED  CREATED  PEAK  CREATED AT
 +10      6         4       10     6  site_1\\x1b[2J (a.c:7)
"""


def test_without_more_than_ascii() -> None:
    drawn = text(look(made(RAMP, 7200.0, FakeSite(1, 6, 4))), utf8=False)
    assert drawn.isascii() and "+" in drawn and "#" in drawn


def test_no_unjoined_thread_needs_no_chart() -> None:
    drawn = text(look(made([(100.0, 1)], 7200.0)))
    assert drawn.count("┤") == 2 and "unjoined: none in this time" in drawn
    assert "no place has more threads than when this began" in drawn


def test_colours_change_nothing_else() -> None:
    seen = look(made(RAMP, 7200.0, FakeSite(1, 6, 4)))
    drawn = text(seen, style=Ansi())
    assert "\033[34m" in drawn and "\033[31m" in drawn
    for code in ("1", "2", "31", "32", "33", "34", ""):
        drawn = drawn.replace(f"\033[{code}m", "")
    assert drawn == text(seen)


def test_places_are_limited() -> None:
    seen = look(made([], 60.0, *(FakeSite(each, 1, 0) for each in range(1, 15))))
    assert text(seen, limit=3).endswith("... and 11 more places")
    assert text(seen, limit=0).count("site_") == 14


@pytest.mark.parametrize(
    "number, top", [(0, 2), (2, 2), (3, 4), (11, 20), (100, 100), (101, 200), (9999, 10000)]
)
def test_scales(number: int, top: int) -> None:
    assert chart.ceiling(number) == top


@pytest.mark.parametrize(
    "number, shown", [(0, "0"), (99_999, "99,999"), (150_000, "150k"), (2_400_000, "2.4M")]
)
def test_numbers_of_an_axis(number: int, shown: str) -> None:
    assert chart.count(number) == shown


@pytest.mark.parametrize(
    "life, agos, clock",
    [
        (60, ["-15s", "-30s", "-45s", "-1m"], "22:13:05"),
        (3600, ["-15m", "-30m", "-45m", "-1h"], "21:58"),
        (7200, ["-30m", "-1h", "-1h30m", "-2h"], "21:43"),
        (86400 * 2, ["-12h", "-1d", "-1d12h", "-2d"], "11-14 10:13"),
        (86400 * 9, ["-5d"], "11-09"),
        (0, [], None),
    ],
)
def test_the_axis_of_time(life: int, agos: List[str], clock: Optional[str]) -> None:
    axis = time_axis.axis(END - life, END, 4)
    assert [tick.ago for tick in axis.ticks] == agos
    assert [tick.clock for tick in axis.ticks[:1]] == ([clock] if clock else [])


def test_times_that_are_none_are_left_out() -> None:
    assert time_axis.axis(1e30, 1e30 + 1e15, 4).end_clock == ""


# ---- other formats ---------------------------------------------------------------------------------


def test_json() -> None:
    seen = look(made(RAMP, 7200.0, FakeSite(1, 6, 4)))
    document = json.loads(history_json.document(FakeTarget([]), [], seen, AUTO))
    assert errors(document, schema(), schema()) == []
    told = document["history"]
    assert (told["whole"], told["peak"], told["before"]) == (True, 9, {"alive": 1, "unjoined": 0})
    assert len(told["points"]) < 20  # what did not change is left out
    last = told["points"][-1]
    assert (last["end"], last["alive"], last["unjoined"], last["created"]) == (END, 7, 4, 10)
    assert told["sites"][0]["own_frame"]["file"] == "a.c" and told["sites"][0]["growth"] == 10


def test_svg() -> None:
    seen = look(made(RAMP, 7200.0, FakeSite(1, 6, 4)), name="<&>\033\udcff", ends="end")
    drawn = history_svg.document(seen, 10)
    root = tree.fromstring(drawn)
    words = [each.text or "" for each in root.iter() if each.tag.endswith("}text")]
    assert any(word.startswith("Threads of <&>\\x1b") for word in words)
    assert {"end", "-1h", "22:13", "+10  site_1\\x1b[2J (a.c:7)"} <= set(words)
    assert "prefers-color-scheme: dark" in drawn
    assert "http" not in drawn.replace("http://www.w3.org/2000/svg", "")  # it needs nothing else
    assert len(drawn) < 20_000


def test_openmetrics() -> None:
    parser = pytest.importorskip("prometheus_client.openmetrics.parser")
    hostile = FakeSite(1, 6, 4, [level_of((60, 4), (0, 6)), []])
    seen = look(made(RAMP, 7200.0, hostile), name='a"b\\c\nd')
    found = {
        family.name: family
        for family in parser.text_string_to_metric_families(history_openmetrics.document(seen, 10))
    }
    assert found["threadleak_threads"].type == "gauge"
    assert found["threadleak_threads_created"].type == "counter"
    created = found["threadleak_threads_created"].samples
    assert (created[-1].value, float(created[-1].timestamp)) == (10, END)
    assert created[-1].name == "threadleak_threads_created_total"
    assert created[-1].labels == {"pid": "7", "process": 'a"b\\c\\x0ad'}
    alive = [each.value for each in found["threadleak_threads"].samples]
    assert alive[len(created) - 1] == 7 and alive[-1] == 4
    site = found["threadleak_site_threads"].samples[0]
    assert site.labels["site"] == "site_1\\x1b[2J (a.c:7)" and site.value == 4


# ---- the command -----------------------------------------------------------------------------------


def test_a_library_without_a_history() -> None:
    outcome = Bench(abi_minor=1).run("history")
    assert (outcome.status, outcome.text) == (2, "")
    assert "the library in it, 0.1.0, keeps no history" in (outcome.error or "")
    outcome = Bench().run("history")
    assert outcome.status == 2 and "history=0" in (outcome.error or "")


def test_two_places_of_one_name_are_one_series() -> None:
    parser = pytest.importorskip("prometheus_client.openmetrics.parser")
    sites = [FakeSite(each, 6, 0, [level_of((60, 4), (0, 6)), []]) for each in (1, 2, 3)]
    seen = look(made([], 7200.0, *sites))
    same = seen._replace(
        at=lambda rise: [Frame(1, "f" if rise.sites[0].index < 3 else "g", None, 1)]
    )
    text = history_openmetrics.document(same, 10)
    *_, of_sites = parser.text_string_to_metric_families(text)
    alive = [each for each in of_sites.samples if each.labels["class"] == "alive"]
    assert [(each.labels["site"], each.value) for each in alive] == [
        *(("f", 8), ("f", 12), ("g", 4), ("g", 6))
    ]
