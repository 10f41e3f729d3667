# SPDX-License-Identifier: MIT
"""The history that a process keeps: which part of it is looked at, and which sites made threads more in it."""

from bisect import bisect_right
from typing import Callable, Dict, Hashable, Iterable, List, NamedTuple, Optional, Sequence, Tuple

from ..read.buckets import Bucket, State
from ..read.history import History, SiteHistory

LEVELS = ("seconds", "minutes", "half-hours")  # as the library keeps them, the finest first
SITE_LEVELS = LEVELS[1:]
AUTO = "auto"  # of each time the finest that there is
EDGE_S = 0.001  # edges closer than that are one: sums of floats differ in their last bit, and samples are of whole ms


class Point(NamedTuple):
    """A stretch of time, and how it stood at its end."""

    begun_s: float  # epoch seconds, UTC
    time_s: float
    alive: int
    unjoined: int
    peak: int  # the most that were alive in it
    created: int  # since the history began, and so are the next two
    finished: int
    joined: int

    @property
    def threads(self) -> int:
        return self.alive + self.unjoined


class Course(NamedTuple):
    """Points without gaps, and how it stood before them."""

    points: List[Point]
    begun_s: float
    end_s: float
    whole: bool  # since the history began
    before: Point

    @property
    def peak(self) -> int:
        return max([self.before.alive, *(point.peak for point in self.points)])


class Rise(NamedTuple):
    """Of a place: sites that nobody can tell from one another are one. `before` None: the history of a site does not reach
    back that far."""

    sites: Sequence[SiteHistory]  # one at least
    before: Optional[int]  # alive or unjoined, when the course began

    def sum(self, field: str) -> int:
        """`field`: alive, unjoined, created, finished or joined."""
        return sum(getattr(site, field) for site in self.sites)

    @property
    def peak(self) -> int:
        """Peaks of several sites need not have been at the same time: then it is the most that are known to have been."""
        if len(self.sites) == 1:
            return self.sites[0].peak
        sums = [point.alive for point in sum_points(self.sites)]
        return max([self.sum("alive"), *sums, *(site.peak for site in self.sites)])

    @property
    def threads(self) -> int:
        return self.sum("alive") + self.sum("unjoined")

    @property
    def growth(self) -> Optional[int]:
        return None if self.before is None else self.threads - self.before


def course_of(history: History, level: str = AUTO) -> Course:
    total = history.total
    return _course(_points(history.levels, LEVELS, total, level), history, total.initial)


def _course(points: List[Point], history: History, initial: int) -> Course:
    begun = points[0].begun_s if points else history.started_s
    whole = begun <= history.started_s
    if whole or not points:
        before = Point(begun, begun, initial, 0, initial, 0, 0, 0)
    else:
        before = points[0]
    end = points[-1].time_s if points else history.read_s
    return Course(points, begun, max(begun, end), whole, before)


def _points(
    levels: Sequence[List[Bucket]], names: Sequence[str], total: State, level: str
) -> List[Point]:
    """Of one level, or of all: the coarser ones tell of the time before the finer ones begin."""
    kept = [_of_level(each, total) for name, each in zip(names, levels) if level in (AUTO, name)]
    found: List[Point] = []
    for points in kept:
        if not found:
            found = points
        elif points:
            found = [*_until(points, found), *found]
    return _snapped(found, _edges(found))


def _of_level(buckets: Sequence[Bucket], total: State) -> List[Point]:
    created, finished, joined = total.created, total.finished, total.joined
    points = []
    for each in reversed(buckets):
        end_s = each.begun_s + each.span_s
        counts = (each.alive, each.unjoined, each.peak, created, finished, joined)
        points.append(Point(each.begun_s, end_s, *counts))
        created, finished = created - each.created, finished - each.finished
        joined -= each.joined
    return points[::-1]


def _until(coarse: List[Point], fine: List[Point]) -> List[Point]:
    """Those before the fine ones. Of the one in which these begin the state at its end is too new: it keeps that of
    the one before, and its peak only if that is none of the fine ones'."""
    begun = fine[0].begun_s
    found = [point for point in coarse if point.time_s < begun + EDGE_S]
    rest = coarse[len(found) :]
    across = next((point for point in rest if point.begun_s <= begun - EDGE_S), None)
    if across is not None:
        state = found[-1] if found else fine[0]
        later = [point.peak for point in fine if point.begun_s < across.time_s]
        peak = across.peak if across.peak > max(later) else state.alive
        found.append(state._replace(begun_s=across.begun_s, time_s=begun, peak=peak))
    return found


def _edges(points: Iterable[Point]) -> List[float]:
    """Where stretches begin and end, each once."""
    times = sorted({time for point in points for time in (point.begun_s, point.time_s)})
    found = times[:1]
    for time in times:
        if time - found[-1] >= EDGE_S:
            found.append(time)
    if len(found) == 1 and times[-1] > times[0]:
        found.append(times[-1])  # a history that has just begun
    return found


def _snapped(points: Sequence[Point], edges: Sequence[float]) -> List[Point]:
    """From edge to edge. What is too short for that belongs to the stretch before it."""
    found: List[Point] = []
    for point in points:
        begun, end = (
            edges[bisect_right(edges, time) - 1] for time in (point.begun_s, point.time_s)
        )
        if begun < end:
            found.append(point._replace(begun_s=begun, time_s=end))
        elif found and found[-1].time_s == begun:
            last = found[-1]
            peak = max(last.peak, point.peak)
            found[-1] = point._replace(begun_s=last.begun_s, time_s=last.time_s, peak=peak)
    return found


# ---- sites -----------------------------------------------------------------------------------------


def site_points(site: SiteHistory, level: str = AUTO) -> List[Point]:
    """Sites keep no seconds: minutes then."""
    total = State(site.created, site.finished, site.joined, site.gone)
    wanted = SITE_LEVELS[0] if level == LEVELS[0] else level
    return _points(site.levels(), SITE_LEVELS, total, wanted)


def rises(
    sites: Iterable[SiteHistory], course: Course, place_of: Callable[[SiteHistory], Hashable]
) -> List[Rise]:
    """Of each place. Those that made threads more come first, and of those the ones that made most."""
    places: Dict[Hashable, List[SiteHistory]] = {}
    for site in sites:
        places.setdefault(place_of(site), []).append(site)
    found = [
        Rise(alike, _sum(_before(site, course) for site in alike)) for alike in places.values()
    ]
    found.sort(key=lambda rise: (-(rise.growth or 0), -rise.threads, -rise.sum("created")))
    return found


def _sum(numbers: Iterable[Optional[int]]) -> Optional[int]:
    """None: one of them is not known."""
    total = 0
    for number in numbers:
        if number is None:
            return None
        total += number
    return total


def _before(site: SiteHistory, course: Course) -> Optional[int]:
    if course.whole:
        return 0
    points = site_points(site)
    earlier = [point for point in points if point.time_s <= course.begun_s]
    if earlier:
        return earlier[-1].threads
    within = [point for point in points if point.begun_s <= course.begun_s]
    return within[0].threads if within else None


def sum_of(sites: Sequence[SiteHistory], history: History, level: str) -> Course:
    """Of some sites."""
    return _course(sum_points(sites, level), history, 0)


def sum_points(sites: Sequence[SiteHistory], level: str = AUTO) -> List[Point]:
    """Their peaks need not have been at the same time: of several sites it is what was alive."""
    kept = [site_points(site, level) for site in sites]
    edges = _edges([point for points in kept for point in points])
    spans = list(zip(edges, edges[1:]))
    at: List[Dict[float, Point]] = [_at_ends(_snapped(points, edges), spans) for points in kept]
    found = []
    for begun, end in spans:
        parts = [each[end] for each in at if end in each]
        if not parts:
            continue
        sums = [sum(values) for values in zip(*(part[2:] for part in parts))]
        if len(kept) > 1:
            sums[2] = sums[0]
        found.append(Point(begun, end, *sums))
    return found


def _at_ends(points: List[Point], spans: Sequence[Tuple[float, float]]) -> Dict[float, Point]:
    """By the end of a stretch, the point that it lies in."""
    found: Dict[float, Point] = {}
    rest = iter(points)
    point = next(rest, None)
    for begun, end in spans:
        while point is not None and point.time_s <= begun:
            point = next(rest, None)
        if point is not None and point.begun_s < end:
            found[end] = point
    return found
