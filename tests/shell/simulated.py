# SPDX-License-Identifier: MIT
"""How many threads a program has from scrape to scrape, if it is healthy, and if it leaks; for promtool's own test of rules,
which plays them to Prometheus at once.
"""

import math
import os
import random
import re
import subprocess
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

Values = List[Optional[float]]  # None: no scrape

HOUR_S = 3600.0


class Times(NamedTuple):
    """When it is scraped."""

    scrape_s: int
    hours: float
    evaluated_s: int = 37  # never in step with the scrapes

    def all(self) -> Iterator[float]:
        """Seconds from the first."""
        return (
            at * float(self.scrape_s) for at in range(round(self.hours * HOUR_S / self.scrape_s))
        )


def late(dice: random.Random, times: Times) -> Values:
    """Joins what it made some results later, but for its first minute, when there was none."""
    least, spread = dice.randint(1, 9), dice.randint(1, 9)
    return [least + dice.randint(0, spread) if at > 60 else 0.0 for at in times.all()]


def breathing(dice: random.Random, times: Times) -> Values:
    """A load that rises for up to half an hour."""
    return _waves(dice, times, dice.uniform(30, 3600), dice.choice((10, 1000)))


def breathing_slowly(dice: random.Random, times: Times) -> Values:
    """For up to six hours; not by hundreds within twenty minutes."""
    return _waves(dice, times, dice.uniform(1, 12) * HOUR_S, dice.choice((10, 100)))


def daily(dice: random.Random, times: Times) -> Values:
    return _waves(dice, times, 24 * HOUR_S, dice.choice((10, 100, 10000)))


def served(dice: random.Random, times: Times) -> Values:
    """A thread for each connection, joined within some minutes. They come by chance; fewer at night, and on Sundays."""
    begun, height = dice.uniform(0, 7 * 24 * HOUR_S), dice.choice((30, 100, 1000))
    sunday, gone = dice.uniform(0.1, 1), math.exp(-times.scrape_s / 300)
    found: Values = []
    now = 0.0
    for at in times.all():
        day = (at + begun) / (24 * HOUR_S)
        mean = height * (0.6 - math.cos(day * 2 * math.pi) / 2) * (sunday if day % 7 < 1 else 1)
        now = max(0.0, dice.gauss(mean + (now - mean) * gone, math.sqrt(mean * (1 - gone * gone))))
        found.append(round(now))
    return found


def _waves(dice: random.Random, times: Times, period_s: float, height: float) -> Values:
    begun, noise = dice.uniform(0, period_s), dice.uniform(0, 0.2) * height
    return [
        round(height * (1 - math.cos((at + begun) * 2 * math.pi / period_s)) / 2)
        + round(dice.uniform(0, noise))
        for at in times.all()
    ]


def emptied_daily(dice: random.Random, times: Times) -> Values:
    """Grows all day, and is emptied at night."""
    begun, pace = dice.uniform(0, 24 * HOUR_S), dice.choice((0.001, 0.1))
    return [round((at + begun) % (24 * HOUR_S) * pace) for at in times.all()]


def collecting(dice: random.Random, times: Times) -> Values:
    """Joins all of them whenever so much time has gone by."""
    period_s, pace = dice.uniform(10, 1800), dice.uniform(0.1, 5)
    return [round(at % period_s * pace) for at in times.all()]


def queue(dice: random.Random, times: Times) -> Values:
    """Threads come by chance, and stay as long as chance has it."""
    mean, stay_s = dice.choice((3, 30, 300)), dice.uniform(10, 1200)
    gone, now = math.exp(-times.scrape_s / stay_s), 0.0
    found: Values = []
    for _ in times.all():
        found.append(round(now))
        level = mean + (now - mean) * gone
        now = max(0.0, dice.gauss(level, math.sqrt(max(level, 0) * (1 - gone * gone))))
    return found


def two_jumps(dice: random.Random, times: Times) -> Values:
    """It is told twice to have more at any time; or it was started anew, in a container, under the same PID."""
    end = times.hours * HOUR_S
    first, second, height = dice.uniform(0, end), dice.uniform(0, end), dice.choice((10, 1000))
    return [height * ((at > first) + (at > second)) + dice.randint(0, 3) for at in times.all()]


def batch(dice: random.Random, times: Times) -> Values:
    """Its workers end one after the other, and are joined when the last one has."""
    workers, period_s = dice.randint(2, 96), dice.uniform(60, 4 * HOUR_S)
    return [math.floor(at % period_s / period_s * workers) for at in times.all()]


def short_lives(dice: random.Random, times: Times) -> Values:
    """Never joined, but started anew under the same PID before long."""
    life_s, pace = dice.uniform(10, 1500), dice.uniform(0.1, 5)
    return [
        round(at % life_s * pace) if at % life_s > times.scrape_s else None for at in times.all()
    ]


def leaking(every_s: float, noise: int = 0) -> Callable[[random.Random, Times], Values]:
    """One by chance in so much time, above others that are joined late."""

    def made(dice: random.Random, times: Times) -> Values:
        leaked, next_s = 0, 0.0
        found: Values = []
        for at in times.all():
            while next_s <= at:
                leaked, next_s = leaked + 1, next_s + dice.expovariate(1 / every_s)
            found.append(leaked + dice.randint(0, noise))
        return found

    return made


def regular(every_s: float) -> Callable[[random.Random, Times], Values]:
    return lambda dice, times: [at // every_s for at in times.all()]


def with_gaps(dice: random.Random, values: Values, times: Times) -> Values:
    """Some scrapes fail, and once for longer."""
    begun = dice.uniform(0, len(values))
    end = begun + 240 / times.scrape_s
    return [
        None if begun < at < end or dice.random() < 0.02 else value
        for at, value in enumerate(values)
    ]


class Played(NamedTuple):
    times: Times
    class_: str
    series: Dict[str, Values]  # process -> its threads


def fired(rules: str, folder: str, played: Played) -> Set[Tuple[str, str]]:
    """(alert, process) of those that fired; by promtool, whose only way to tell what it found is that it was not what was
    expected: nothing, where there always is one."""
    times = played.times
    lines = [f"rule_files: [{rules}]", f"evaluation_interval: {times.evaluated_s}s", "tests:"]
    lines += [f"- interval: {times.scrape_s}s", "  input_series:"]
    for process, values in played.series.items():
        said = " ".join("_" if value is None else f"{value:g}" for value in values)
        name = f'threadleak_threads{{class="{played.class_}",process="{process}",pid="1"}}'
        lines += [f"  - series: '{name}'", f"    values: '{said}'"]
    alerts = 'count_over_time(ALERTS{alertstate="firing"}[100h])'
    lines += [
        "  promql_expr_test:",
        f"  - expr: 'count by (alertname, process) ({alerts}) or vector(0)'",
        f"    eval_time: {round(times.hours * 60)}m",
    ]
    path = os.path.join(folder, "simulated.yml")
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    done = subprocess.run(["promtool", "test", "rules", path], capture_output=True, text=True)
    told = done.stdout + done.stderr
    assert "got: {} 0E+00" in told, told
    return set(re.findall(r'\{alertname="(\w+)", process="(\w+)"\}', told))
