# SPDX-License-Identifier: MIT
"""Counts, what they become over time, and how that is drawn, without a process."""

import json
from typing import Any, Dict, Tuple

import pytest
from image import MAIN, REGISTRY, FakeTarget, image, record
from threadleak.judge.rates import KEPT, SORT_KEYS, WINDOW_S, Rate, Samples
from threadleak.judge.told_apart import Chain
from threadleak.read import abi
from threadleak.read.counts import Counts, SiteCounts, count, without_registry
from threadleak.read.locate import read_registry
from threadleak.read.unclaimed import NOTHING, Unmatched
from threadleak.show import top
from threadleak.show.style import PLAIN
from threadleak.target.base import Frame

ENDED = abi.STARTED | abi.FINISHED
OTHER = REGISTRY + 0x10000000


def counts_of(*regions: Any, kernel: int = 3, unmatched: Unmatched = NOTHING) -> Counts:
    memory = [each for region in regions for each in region]
    addresses = [region[0][0] for region in regions]
    return count(read_registry(FakeTarget(memory, symbols=addresses)), 1.0, kernel, unmatched)


def counts(time_s: float, sites: Dict[int, Tuple[int, int, int]], created: int = 0) -> Counts:
    """`sites`: index -> alive, unjoined, created."""
    made = {(1, index): SiteCounts(*each) for index, each in sites.items()}
    alive = 1 + sum(each.alive for each in made.values())
    unjoined = sum(each.unjoined for each in made.values())
    return Counts(time_s, alive, 0, unjoined, created, 0, made)


def history(*samples: Counts) -> Samples:
    made = Samples()
    for each in samples:
        made.add(each)
    return made


# ---- counting --------------------------------------------------------------------------------------


def test_states() -> None:
    records = [
        MAIN,
        record(2),
        record(3, site=2),
        record(4, ENDED),
        record(5, ENDED | abi.DETACHED),  # about to be given back
        record(6, ENDED | abi.JOINED),
        record(7, abi.STARTED | abi.DETACHED),
        record(8, 0),  # is being created
    ]
    there = image(records, next_id=12, failed_creates=3)
    seen = counts_of(there, kernel=6, unmatched=Unmatched(1, frozenset()))
    assert (seen.alive, seen.untracked, seen.unjoined) == (6, 1, 1)
    assert (seen.created, seen.failed) == (7, 3)
    assert seen.sites == {(1, 1): SiteCounts(3, 1, 5), (1, 2): SiteCounts(1, 0, 2)}
    ended_unseen = Unmatched(0, frozenset({(1, 7)}))  # it was detached
    seen = counts_of(there, kernel=5, unmatched=ended_unseen)
    assert (seen.alive, seen.untracked, seen.unjoined) == (5, 0, 1)
    assert seen.sites[1, 1] == SiteCounts(2, 1, 5)


def test_main_has_left_by_pthread_exit() -> None:
    main = record(1, ENDED | abi.MAIN | abi.EXITED)
    seen = counts_of(image([main, record(2)], next_id=3), kernel=2)
    assert (seen.alive, seen.unjoined, seen.untracked) == (1, 0, 0)


def test_two_copies_that_see_the_same_threads() -> None:
    first = image([MAIN, record(2), record(3, ENDED)], next_id=4)
    second = image(
        [record(1, abi.STARTED | abi.MAIN), record(2), record(4)],
        address=OTHER,
        shift=0x100000000,
        next_id=5,
    )
    seen = counts_of(first, second, kernel=3)
    assert (seen.untracked, seen.unjoined, seen.created) == (0, 1, 7)
    assert seen.sites[1, 1].alive == 1 and seen.sites[2, 1].alive == 1  # 2 is counted once


# ---- over time -------------------------------------------------------------------------------------


def test_one_sample_has_no_rates() -> None:
    made = history(counts(1, {1: (2, 3, 5)}))
    assert made.per_s("alive") is None
    assert made.rates("growth") == [Rate((1, 1), SiteCounts(2, 3, 5), None, None)]


def test_rates_are_of_the_window() -> None:
    samples = [counts(float(t), {1: (t, 2 * t, 4 * t)}, 4 * t) for t in range(100)]
    made = history(counts(-1000.0, {}), *samples)
    assert made.per_s("created") == 4
    assert made.per_s("unjoined") == 2
    assert made.rates("growth") == [Rate((1, 1), SiteCounts(99, 198, 396), 3, 4)]
    still = history(*samples, counts(99 + WINDOW_S, {1: (99, 198, 396)}, 396))
    assert still.per_s("created") == 0


def test_a_site_that_is_new_began_with_nothing() -> None:
    (rate,) = history(counts(0, {}), counts(2, {7: (0, 8, 8)})).rates("growth")
    assert (rate.place, rate.growth, rate.created) == ((1, 7), 4, 4)


def test_sites_that_are_over_are_left_out() -> None:
    made = history(counts(0, {1: (0, 0, 9), 2: (0, 0, 3)}), counts(1, {1: (0, 0, 9), 2: (0, 0, 4)}))
    assert [rate.place for rate in made.rates("growth")] == [(1, 2)]


@pytest.mark.parametrize("key, first", [("growth", 1), ("threads", 2), ("created", 3)])
def test_order(key: str, first: int) -> None:
    before = {1: (0, 0, 0), 2: (50, 0, 50), 3: (0, 1, 900)}
    after = {1: (0, 9, 9), 2: (50, 0, 50), 3: (0, 1, 999)}
    assert key in SORT_KEYS
    assert history(counts(0, before), counts(1, after)).rates(key)[0].place == (1, first)


def test_another_program_begins_anew() -> None:
    made = history(counts(0, {1: (5, 5, 10)}, 10))
    made.begin_anew()
    made.add(counts(1, {1: (0, 1, 1)}, 11))
    assert len(made.all) == 1 and made.per_s("unjoined") is None


def test_the_history_is_bounded() -> None:
    assert len(history(*(without_registry(t, 1) for t in range(KEPT + 5))).all) == KEPT


# ---- what is shown ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values, drawn",
    [
        ([3, 3, 3], "▁▁▁"),
        ([0, 1], "▁█"),
        ([0, 1, 2, 3, 4, 5, 6, 7], "▁▂▃▄▅▆▇█"),
        ([1000000, 1000001], "▁█"),
        ([0, 1 << 60], "▁█"),
    ],
)
def test_sparklines(values: Any, drawn: str) -> None:
    assert top.sparkline(values, top.BLOCKS) == drawn
    assert len(top.ASCII_BLOCKS) == len(top.BLOCKS)


def frame(rate: Rate) -> Chain:
    return [Frame(0x10, f"site_{rate.place[1]}\033[2J", "/srv/server", 0x10, "a.c", 7)]


def screen(made: Samples, width: int = 80, height: int = 24, name: str = "server") -> str:
    look = top.Look(width, height, top.BLOCKS, PLAIN)
    lines = top.screen(top.Subject(7, name, ["a note"]), made, made.rates("growth"), frame, look)
    assert len(lines) <= height
    return "\n".join(lines)


def test_a_screen() -> None:
    made = history(
        counts(0, {1: (1, 0, 1)}, 1), counts(2, {1: (1, 2500, 2501), 2: (1, 0, 1)}, 2502)
    )
    assert screen(made, name="ser\033ver").splitlines() == [
        "threadleak top: ser\\x1bver, process 7",
        "3 alive (+0.5/s)   2,500 unjoined (+1,250.0/s)   1,250.5 created/s   0 failed",
        "",
        "alive     ▁█  2 to 3",
        "unjoined  ▁█  0 to 2,500",
        "note: a note",
        "",
        "     +/S  ALIVE  UNJOINED  CREATED/S  CREATED AT",
        "+1,250.0      1     2,500    1,250.0  site_1\\x1b[2J (a.c:7)",
        "    +0.5      1         0        0.5  site_2\\x1b[2J (a.c:7)",
    ]


@pytest.mark.parametrize("height", range(1, 12))
def test_it_fits(height: int) -> None:
    made = history(
        *(counts(float(t), {i: (1, t, t + 1) for i in range(50)}, t) for t in range(300))
    )
    assert max(map(len, screen(made, 60, height).splitlines())) <= 80
    assert "site_" not in screen(made, 60, 8)


def test_without_a_registry() -> None:
    made = history(without_registry(0, 5), without_registry(1, 9))
    assert screen(made).splitlines()[1:5] == [
        "9 alive (+4.0/s)",
        "",
        "alive     ▁█  5 to 9",
        "note: a note",
    ]
    shown = json.loads(top.sample(top.Subject(7, "x", []), made, 1.5, [], frame))
    assert shown["alive"] == 9 and shown["alive_growth_per_s"] == 4
    assert [shown[key] for key in ("unjoined", "untracked", "created", "failed_creates")] == [
        None
    ] * 4
    assert shown["sites"] == []


def test_a_sample() -> None:
    made = history(counts(0, {}), counts(3, {1: (0, 1, 1)}, 1))
    text = top.sample(top.Subject(7, "x", ["n"]), made, 1.23456, made.rates("growth"), frame)
    assert text.endswith("}\n") and text.count("\n") == 1 and text.isascii()
    shown = json.loads(text)
    assert (shown["schema"], shown["time"], shown["pid"]) == ("threadleak-top/1", 1.235, 7)
    assert shown["sites"] == [
        {
            "function": "site_1\033[2J",
            "module": "/srv/server",
            "file": "a.c",
            "line": 7,
            "callers": [],
            "alive": 0,
            "unjoined": 1,
            "created": 1,
            "growth_per_s": 0.333,
            "created_per_s": 0.333,
        }
    ]
