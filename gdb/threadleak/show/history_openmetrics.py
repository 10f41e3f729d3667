# SPDX-License-Identifier: MIT
"""`history` as OpenMetrics text with times, as `promtool tsdb create-blocks-from openmetrics` takes it into a
Prometheus that was not there yet. What `metrics` has too has the same names and labels: show/metrics.py.

Source: OpenMetrics 1.0: the samples of a metric follow each other, the oldest first; a counter's end in _total.
"""

from typing import Callable, Dict, Iterator, List, NamedTuple, Sequence, Tuple

from ..judge.history import Point, sum_points
from ..read.history import SiteHistory
from .history import Seen
from .places import chain
from .sanitize import clean

Labels = Tuple[Tuple[str, str], ...]


class _Family(NamedTuple):
    name: str
    help: str
    values: Sequence[Tuple[Labels, Callable[[Point], int]]]
    kind: str = "gauge"


_OF_STATE = (
    ((("class", "alive"),), lambda point: point.alive),
    ((("class", "unjoined"),), lambda point: point.unjoined),
)
_FAMILIES = (
    _Family("threads", "Threads that are alive, or finished and not joined.", _OF_STATE),
    _Family(
        "threads_peak",
        "Most threads that were alive at once since the sample before.",
        [((), lambda point: point.peak)],
    ),
    _Family("threads_created", "Threads created.", [((), lambda point: point.created)], "counter"),
    _Family(
        "threads_finished", "Threads finished.", [((), lambda point: point.finished)], "counter"
    ),
    _Family("threads_joined", "Threads joined.", [((), lambda point: point.joined)], "counter"),
)
_OF_SITE = _Family("site_threads", "The same by the place that created them.", _OF_STATE)


def document(seen: Seen, limit: int) -> str:
    """`limit`: of sites, those that made threads more before others; 0: all."""
    subject = seen.subject
    process: Labels = (("pid", str(subject.pid)), ("process", clean(subject.name)))
    lines: List[str] = []
    for family in _FAMILIES:
        lines += [*_head(family), *_samples(family, process, seen.course.points)]
    lines += _head(_OF_SITE)
    for where, sites in _places(seen, limit).items():
        lines += _samples(_OF_SITE, (*process, ("site", where)), sum_points(sites))
    return "\n".join([*lines, "# EOF"]) + "\n"


def _places(seen: Seen, limit: int) -> Dict[str, List[SiteHistory]]:
    """Files of one name in two folders are two places, and one label."""
    found: Dict[str, List[SiteHistory]] = {}
    for rise in seen.rises:
        where = chain(seen.at(rise), unknown="unknown")
        if where in found or not limit or len(found) < limit:
            found.setdefault(where, []).extend(rise.sites)
    return found


def _head(family: _Family) -> List[str]:
    name = f"threadleak_{family.name}"
    return [f"# TYPE {name} {family.kind}", f"# HELP {name} {family.help}"]


def _samples(family: _Family, labels: Labels, points: Sequence[Point]) -> Iterator[str]:
    name = f"threadleak_{family.name}" + ("_total" if family.kind == "counter" else "")
    for more, value in family.values:
        text = ",".join(f'{key}="{_escaped(each)}"' for key, each in (*labels, *more))
        for point in points:
            yield f"{name}{{{text}}} {value(point)} {point.time_s:.3f}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
