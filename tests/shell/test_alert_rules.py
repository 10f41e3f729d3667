# SPDX-License-Identifier: MIT
"""docs/prometheus-rules.yml, played by promtool: silent on programs that are healthy, and not on those that leak."""

import os
import random
import shutil
from typing import Any, Callable, Dict, List, Tuple

import pytest
import simulated
from run_gdb import ROOT
from simulated import Played, Times, Values, fired

pytestmark = pytest.mark.skipif(not shutil.which("promtool"), reason="needs prometheus")
RULES = os.path.join(ROOT, "docs", "prometheus-rules.yml")
SEEDS = 8
MINUTES, HOURS, DAYS = "ThreadsAreNotJoined", "ThreadsAreNotJoinedForHours", "ThreadsPileUp"
Kind = Callable[[random.Random, Times], Values]
# joined sooner or later
HEALTHY: Dict[str, Kind] = {
    each.__name__: each
    for each in (
        *(simulated.late, simulated.breathing, simulated.breathing_slowly, simulated.collecting),
        *(simulated.queue, simulated.two_jumps, simulated.batch, simulated.short_lives),
    )
}
BY_DAY: Dict[str, Kind] = {
    each.__name__: each for each in (simulated.daily, simulated.emptied_daily, simulated.served)
}


def play(kinds: Dict[str, Kind], class_: str, times: Times, seeds: int = SEEDS) -> Played:
    series = {}
    for kind, make in kinds.items():
        for seed in range(seeds):
            dice = random.Random(f"{kind} {seed}")
            values = make(dice, times)
            series[f"{kind}_{seed}"] = (
                simulated.with_gaps(dice, values, times) if seed % 2 else values
            )
    return Played(times, class_, series)


@pytest.mark.parametrize(
    "times",
    [Times(5, 1.5), Times(15, 3), Times(60, 44, 307)],
    ids=lambda times: f"{times.scrape_s}s",
)
def test_silent_on_what_is_joined_late(tmp_path: Any, times: Times) -> None:
    assert fired(RULES, str(tmp_path), play(HEALTHY, "unjoined", times)) == set()


def test_silent_on_load_that_rises_by_day(tmp_path: Any) -> None:
    played = play({**HEALTHY, **BY_DAY}, "alive", Times(60, 80, 307), 4)
    assert fired(RULES, str(tmp_path), played) == set()


def test_silent_on_what_is_joined_later_by_day(tmp_path: Any) -> None:
    found = fired(RULES, str(tmp_path), play(BY_DAY, "unjoined", Times(60, 80, 307)))
    # some of the others rise by more than a hundred in each twenty minutes, for hours
    wrong = [each for each in found if each[0] != MINUTES or each[1].startswith("served")]
    assert wrong == []


def names(kinds: Dict[str, Kind], seeds: int = SEEDS) -> List[str]:
    return [f"{kind}_{seed}" for kind in kinds for seed in range(seeds)]


def caught(alert: str, found: "set[Tuple[str, str]]") -> List[str]:
    return [process for each, process in found if each == alert]


@pytest.mark.parametrize("scrape_s", [5, 15, 60])
def test_a_quick_leak(tmp_path: Any, scrape_s: int) -> None:
    kinds = {
        "ten_a_second": simulated.leaking(0.1, 30),
        "by_chance_each_six_seconds": simulated.leaking(6, 5),
        "one_each_eight_seconds": simulated.regular(8),
    }
    found = fired(RULES, str(tmp_path), play(kinds, "unjoined", Times(scrape_s, 1.5)))
    assert sorted(caught(MINUTES, found)) == sorted(names(kinds))


def test_a_slow_leak(tmp_path: Any) -> None:
    kinds: Dict[str, Kind] = {
        f"regular_{minutes}": simulated.regular(minutes * 60)
        for minutes in (1, 2, 4, 8, 9, 11, 12, 15, 20, 30, 60, 100, 180, 240, 355)
    }
    kinds.update((f"chance_{minutes}", simulated.leaking(minutes * 60)) for minutes in (1, 5, 15))
    kinds.update(
        (f"above_others_{minutes}", simulated.leaking(minutes * 60, 5)) for minutes in (1, 4, 8)
    )
    found = fired(RULES, str(tmp_path), play(kinds, "unjoined", Times(60, 34, 307), 4))
    assert sorted(caught(HOURS, found)) == sorted(names(kinds, 4))
    assert caught(MINUTES, found) == []


def test_threads_that_pile_up(tmp_path: Any) -> None:
    kinds: Dict[str, Kind] = {
        "one_a_second": simulated.leaking(1, 100),
        "one_each_half_hour": simulated.leaking(1800, 4),
        "one_each_five_hours": simulated.regular(5 * 3600),
    }
    found = fired(RULES, str(tmp_path), play(kinds, "alive", Times(60, 48, 307), 4))
    assert sorted(caught(DAYS, found)) == sorted(names(kinds, 4))
