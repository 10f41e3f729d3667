# SPDX-License-Identifier: MIT
"""A process over time: a screen of text, or a line of JSON for each sample."""

from typing import Callable, Iterable, List, NamedTuple, Optional, Sequence

from ..judge.rates import Rate, Samples
from ..judge.told_apart import Chain
from .json_text import encode
from .json_threads import of_frame
from .places import chain
from .sanitize import clean
from .style import Style
from .text import right_aligned, table

SCHEMA = "threadleak-top/1"
BLOCKS, ASCII_BLOCKS = "▁▂▃▄▅▆▇█", "_.:-=+*#"
LABEL_WIDTH = 10
RANGE_WIDTH = 28  # of the numbers behind a graph
GRAPH_MIN = 10

ChainOf = Callable[[Rate], Chain]  # what the place where they were created is called


class Subject(NamedTuple):
    """What is watched."""

    pid: int
    name: str
    notes: Sequence[str]


class Look(NamedTuple):
    """How it is shown."""

    width: int
    height: int
    blocks: str
    style: Style


def blocks(utf8: bool) -> str:
    return BLOCKS if utf8 else ASCII_BLOCKS


def screen(
    subject: Subject, samples: Samples, rates: List[Rate], at: ChainOf, look: Look
) -> List[str]:
    """At most `height` lines. A graph is as high as what it shows varies."""
    now = samples.last
    lines = [
        look.style.paint("title", f"threadleak top: {clean(subject.name)}, process {subject.pid}"),
        _sums(samples),
        "",
        _graph("alive", [each.alive for each in samples.all], look),
    ]
    if now.unjoined is not None:
        unjoined = [each.unjoined for each in samples.all if each.unjoined is not None]
        lines.append(_graph("unjoined", unjoined, look))
    lines += [f"note: {clean(note)}" for note in subject.notes]
    room = look.height - len(lines) - 2
    if rates and room > 0:
        rows: List[Sequence[str]] = [("+/S", "ALIVE", "UNJOINED", "CREATED/S", "CREATED AT")]
        rows += [_row(rate, at(rate), look.style) for rate in rates[:room]]
        lines += ["", *table(right_aligned(rows), look.style)]
    return lines[: look.height]


def _sums(samples: Samples) -> str:
    now = samples.last
    parts = [f"{now.alive:,} alive{_growth(samples.per_s('alive'))}"]
    if now.unjoined is not None:
        parts.append(f"{now.unjoined:,} unjoined{_growth(samples.per_s('unjoined'))}")
    if now.created is not None:
        parts.append(f"{_number(samples.per_s('created'))} created/s")
        parts.append(f"{now.failed:,} failed")
    return "   ".join(parts)


def _growth(per_s: Optional[float]) -> str:
    return f" ({_signed(per_s)}/s)" if per_s else ""


def _number(per_s: Optional[float]) -> str:
    return "-" if per_s is None else f"{per_s:,.1f}"


def _signed(per_s: Optional[float]) -> str:
    return "-" if per_s is None else "0" if not per_s else f"{per_s:+,.1f}"


def _graph(label: str, values: Sequence[int], look: Look) -> str:
    shown = values[-max(GRAPH_MIN, look.width - LABEL_WIDTH - RANGE_WIDTH) :]
    low, high = min(shown), max(shown)
    numbers = f"{low:,} to {high:,}" if low < high else f"{low:,}"
    return f"{label:{LABEL_WIDTH}}{sparkline(shown, look.blocks)}  {numbers}"


def sparkline(values: Sequence[int], blocks: str) -> str:
    """The least value is the lowest block, the greatest the highest; equal ones are all low."""
    low = min(values)
    span = max(values) - low or 1
    return "".join(blocks[(value - low) * (len(blocks) - 1) // span] for value in values)


def _row(rate: Rate, made_at: Chain, style: Style) -> Sequence[str]:
    counts = rate.counts
    return (
        _signed(rate.growth),
        f"{counts.alive:,}",
        f"{counts.unjoined:,}",
        _number(rate.created),
        chain(made_at, style),
    )


def sample(
    subject: Subject, samples: Samples, time: float, rates: Iterable[Rate], at: ChainOf
) -> str:
    """One object, one line. What is not known is null."""
    now = samples.last
    shown = {
        "schema": SCHEMA,
        "time": round(time, 3),
        "pid": subject.pid,
        "name": subject.name,
        "alive": now.alive,
        "alive_growth_per_s": _rounded(samples.per_s("alive")),
        "unjoined": now.unjoined,
        "unjoined_growth_per_s": _rounded(samples.per_s("unjoined")),
        "untracked": now.untracked,
        "created": now.created,
        "created_per_s": _rounded(samples.per_s("created")),
        "failed_creates": now.failed,
        "sites": [_site(rate, at(rate)) for rate in rates],
        "notes": list(subject.notes),
    }
    return encode(shown) + "\n"


def _rounded(per_s: Optional[float]) -> Optional[float]:
    return None if per_s is None else round(per_s, 3)


def _site(rate: Rate, made_at: Chain) -> "dict[str, object]":
    frame = made_at[0] if made_at else None
    return {
        "function": frame.function if frame else None,
        "module": frame.module if frame else None,
        "file": frame.file if frame else None,
        "line": frame.line if frame else None,
        "callers": [of_frame(each) for each in made_at[1:]],
        "alive": rate.counts.alive,
        "unjoined": rate.counts.unjoined,
        "created": rate.counts.created,
        "growth_per_s": _rounded(rate.growth),
        "created_per_s": _rounded(rate.created),
    }
