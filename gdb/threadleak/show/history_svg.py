# SPDX-License-Identifier: MIT
"""`history` as a picture: one SVG file that needs nothing else, light and dark as its reader is."""

from itertools import groupby
from typing import Iterator, List, Sequence

from . import chart, time_axis
from .history import Seen, columns, sums, title
from .places import chain
from .xml import escaped

WIDTH, MARGIN_LEFT, MARGIN_RIGHT = 960, 70, 24
TOP, PLOT_HEIGHT, LINE = 92, 300, 22
PLOT_WIDTH = WIDTH - MARGIN_LEFT - MARGIN_RIGHT
SITES = 5  # named below the chart
MOST_TICKS = 8
STYLE = """
    svg { --paper: #ffffff; --ink: #1f2328; --faint: #656d76; --rule: #d8dee4; --alive: #0969da; --unjoined: #cf222e; }
    @media (prefers-color-scheme: dark) {
      svg { --paper: #0d1117; --ink: #e6edf3; --faint: #8d96a0; --rule: #30363d; --alive: #4493f8; --unjoined: #f85149; }
    }
    .paper { fill: var(--paper); } .rule { stroke: var(--rule); }
    text { font: 13px system-ui, sans-serif; fill: var(--ink); }
    .title { font-size: 16px; font-weight: 600; } .faint { fill: var(--faint); }
    .alive { fill: var(--alive); fill-opacity: .18; stroke: var(--alive); stroke-width: 1.5; }
    .peak { fill: none; stroke: var(--alive); stroke-opacity: .7; stroke-dasharray: 2 3; }
    .unjoined { fill: none; stroke: var(--unjoined); stroke-width: 2; }
    .alive-key { fill: var(--alive); } .unjoined-key { fill: var(--unjoined); }
"""


def document(seen: Seen, limit: int) -> str:
    sites = _sites(seen, limit)
    height = TOP + PLOT_HEIGHT + 3 * LINE + len(sites) * LINE + 12
    heading = escaped(title(seen))
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}"'
        f' height="{height}" role="img" aria-labelledby="title desc">',
        f'  <title id="title">Threads of {heading}</title>',
        f'  <desc id="desc">{escaped(sums(seen.course))}</desc>',
        f"  <style>{STYLE}  </style>",
        f'  <rect class="paper" width="{WIDTH}" height="{height}"/>',
        _text(MARGIN_LEFT, 28, f"Threads of {title(seen)}", "title"),
        _text(MARGIN_LEFT, 52, sums(seen.course), "faint"),
        *_keys(),
        *_grid(seen),
        *_curves(seen),
    ]
    for number, text in enumerate(sites):
        kind = "faint" if not number else ""
        lines.append(_text(MARGIN_LEFT, TOP + PLOT_HEIGHT + (3 + number) * LINE, text, kind))
    return "\n".join([*lines, "</svg>"]) + "\n"


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    named = f' class="{kind}"' if kind else ""
    placed = f' text-anchor="{anchor}"' if anchor != "start" else ""
    return f'  <text x="{x:.1f}" y="{y:.1f}"{named}{placed}>{escaped(text)}</text>'


def _keys() -> Iterator[str]:
    for x, name in ((MARGIN_LEFT, "alive"), (MARGIN_LEFT + 190, "unjoined")):
        yield f'  <rect class="{name}-key" x="{x}" y="66" width="12" height="12"/>'
        yield _text(x + 18, 77, f"{name} (dotted: peak)" if name == "alive" else name)


def _sites(seen: Seen, limit: int) -> List[str]:
    grown = [rise for rise in seen.rises if rise.growth][: min(limit or SITES, SITES)]
    lines = []
    for rise in grown:
        where = chain(seen.at(rise), unknown="a place that is not known")
        lines.append(f"{rise.growth:+,}  {where}")
    return ["What has more threads than when this began:", *lines] if lines else []


class _Scale:
    def __init__(self, seen: Seen):
        course = seen.course
        most = max([course.peak, *(point.unjoined for point in course.points)])
        self.top = chart.ceiling(most)
        self._begun = course.begun_s
        self._span = max(course.end_s - course.begun_s, 1e-9)

    def x(self, time_s: float) -> float:
        share = (time_s - self._begun) / self._span
        return MARGIN_LEFT + min(1.0, max(0.0, share)) * PLOT_WIDTH

    def y(self, value: int) -> float:
        return TOP + PLOT_HEIGHT * (1 - value / self.top)


def _grid(seen: Seen) -> Iterator[str]:
    scale, course = _Scale(seen), seen.course
    right = WIDTH - MARGIN_RIGHT
    for value in (0, scale.top // 2, scale.top):
        y = scale.y(value)
        yield f'  <line class="rule" x1="{MARGIN_LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield _text(MARGIN_LEFT - 8, y + 4, chart.count(value), "faint", "end")
    axis = time_axis.axis(course.begun_s, course.end_s, MOST_TICKS)
    marks = [(scale.x(each.time_s), each.ago, each.clock) for each in axis.ticks]
    for x, ago, clock in [(float(right), seen.subject.ends, axis.end_clock), *marks]:
        foot = TOP + PLOT_HEIGHT
        yield f'  <line class="rule" x1="{x:.1f}" x2="{x:.1f}" y1="{foot}" y2="{foot + 6}"/>'
        anchor = "end" if x > right - 20 else "middle"
        yield _text(x, foot + 21, ago, "faint", anchor)
        yield _text(x, foot + 37, clock, "faint", anchor)


def _curves(seen: Seen) -> Iterator[str]:
    """As fine as can be seen."""
    scale, course = _Scale(seen), seen.course
    alive = columns(course.points, course, PLOT_WIDTH, "alive")
    unjoined = columns(course.points, course, PLOT_WIDTH, "unjoined")
    foot, right = scale.y(0), WIDTH - MARGIN_RIGHT
    area = _steps(scale, [each.value for each in alive])
    yield f'  <path class="alive" d="M{MARGIN_LEFT},{foot:.1f}L{area}L{right},{foot:.1f}Z"/>'
    yield f'  <path class="peak" d="M{_steps(scale, [each.peak for each in alive])}"/>'
    yield f'  <path class="unjoined" d="M{_steps(scale, [each.value for each in unjoined])}"/>'


def _steps(scale: _Scale, values: Sequence[int]) -> str:
    found = []
    x = MARGIN_LEFT
    for value, run in groupby(values):
        y, begun = scale.y(value), x
        x += sum(1 for _ in run)
        found += [f"{begun},{y:.1f}", f"{x},{y:.1f}"]
    return "L".join(found)
