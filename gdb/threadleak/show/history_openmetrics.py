# SPDX-License-Identifier: MIT
"""`history` as OpenMetrics text with times, as `promtool tsdb create-blocks-from openmetrics` takes it into a
Prometheus that was not there yet.

Source: OpenMetrics 1.0: the samples of a metric follow each other, the oldest first; a counter's end in _total.
"""

from typing import Callable, Iterator, List, NamedTuple, Sequence, Tuple

from ..judge.history import Point, site_points
from .history import Seen
from .places import place
from .sanitize import clean

Labels = Tuple[Tuple[str, str], ...]


class _Family(NamedTuple):
    name: str
    help: str
    values: Sequence[Tuple[Labels, Callable[[Point], int]]]
    kind: str = "gauge"


_OF_STATE = (
    ((("state", "alive"),), lambda point: point.alive),
    ((("state", "unjoined"),), lambda point: point.unjoined),
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
    for number, rise in enumerate(seen.rises[: limit or None]):
        frame = seen.at(rise)
        where = "unknown" if frame is None else place(frame)
        # two calls in one line are two sites
        labels = (*process, ("site", where), ("number", str(rise.site.index)))
        lines += _samples(_OF_SITE, labels, site_points(rise.site))
    return "\n".join([*lines, "# EOF"]) + "\n"


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
