# SPDX-License-Identifier: MIT
"""What changed between two looks, as text."""

from typing import Iterable, List, Sequence

from ..judge.durations import duration
from ..judge.groups import ranges
from ..judge.growth import Change, Growth
from ..judge.side import Seen, Side
from . import text
from .places import place
from .sanitize import clean
from .style import PLAIN, Style

NAMED = 3  # places in the first line
TITLES = ("BEFORE", "AFTER", "CHANGE", "CLASSES", "CREATED AT")


def lines(growth: Growth, limit: int, style: Style = PLAIN) -> List[str]:
    before, after = len(growth.before.threads), len(growth.after.threads)
    kind = "highlight" if growth.grown() else "title"
    found = [
        style.paint(kind, sentence(growth)),
        f"{before:,} before, {after:,} after" + _who(growth),
    ]
    if not growth.same_process:
        found.append(f"note: {_processes(growth)}: compared by the places of creation alone")
    if growth.seconds is not None and growth.seconds < 0:
        found.append(
            f"note: {clean(growth.after.name)} was read before {clean(growth.before.name)}"
        )
    changed = [change for change in growth.changes if change.before != change.after]
    if not changed:
        return found
    shown = changed[: limit or None]
    found += ["", *text.table([TITLES, *(_row(change, style) for change in shown)], style)]
    if len(changed) > len(shown):
        found.append(f"... and {len(changed) - len(shown):,} more places")
    for name, threads in (("new", growth.new), ("gone", growth.gone)):
        if threads:
            found.append(f"{name}: {_ids(threads)}")
    return found


def sentence(growth: Growth) -> str:
    """+12 threads since before.json (in 3.2 s): 12 unjoined at handle (server.c:42)"""
    total = growth.total
    count = (
        f"{total:+,} {'thread' if abs(total) == 1 else 'threads'}" if total else "as many threads"
    )
    when = ""
    if growth.seconds is not None and growth.seconds >= 0:
        when = f" (in {duration(int(growth.seconds * 1e9))})"
    head = f"{count} {'since' if total else 'as'} {clean(growth.before.name)}{when}"
    grown = growth.grown()
    places = [f"{_grown_classes(change)} at {_where(change)}" for change in grown[:NAMED]]
    if len(grown) > NAMED:
        places.append(f"and at {len(grown) - NAMED:,} more places")
    return f"{head}: {', '.join(places)}" if places else head


def _grown_classes(change: Change) -> str:
    grown = [(now - was, class_) for class_, was, now in change.classes() if now > was]
    return ", ".join(f"{count:,} {class_}" for count, class_ in grown)


def _where(change: Change, style: Style = PLAIN) -> str:
    site = change.site
    if site.own is not None:
        return place(site.own, style)
    return f"({site.what})" if site.what else "a place that is not known"


def _row(change: Change, style: Style) -> Sequence[str]:
    before, after = sum(change.before.values()), sum(change.after.values())
    classes = ", ".join(
        f"{class_} {was:,} -> {now:,}" if was != now else f"{class_} {now:,}"
        for class_, was, now in change.classes()
    )
    return (f"{before:,}", f"{after:,}", f"{change.growth:+,}", classes, _where(change, style))


def _who(growth: Growth) -> str:
    if not growth.same_process:
        return ""
    return f"; {len(growth.new):,} new, {len(growth.gone):,} gone"


def _processes(growth: Growth) -> str:
    if growth.before.pid == growth.after.pid:
        return f"two processes that had the same pid, {growth.after.pid}"
    return f"two processes, {_pid(growth.before)} and {_pid(growth.after)}"


def _pid(side: Side) -> str:
    return str(side.pid) if side.pid is not None else "one whose pid is not known"


def _ids(threads: Iterable[Seen]) -> str:
    """Ids, those of further copies of the library as they are, and tids of those that have none."""
    threads = list(threads)
    plain = [int(each.id) for each in threads if each.id is not None and each.id.isdecimal()]
    others = [each.id for each in threads if each.id is not None and not each.id.isdecimal()]
    tids = [each.tid for each in threads if each.id is None and each.tid is not None]
    parts = [f"ids {ranges(plain, text.IDS_WIDTH)}"] if plain else []
    parts += (
        [f"ids {', '.join(map(clean, others[:8]))}{', ...' * (len(others) > 8)}"] if others else []
    )
    parts += [f"untracked tids {ranges(tids, text.IDS_WIDTH)}"] if tids else []
    return "; ".join(parts)
