# SPDX-License-Identifier: MIT
"""A group of threads as a block of lines."""

from typing import Iterable, List

from ..judge.groups import Group, id_ranges
from ..judge.report import Report
from ..judge.verdicts import Verdict
from . import counts, text
from .places import own_place, stack_lines
from .sanitize import clean
from .started import start_place
from .style import PLAIN, Style
from .times import clock

NAMES_SHOWN = 5


def block(report: Report, group: Group, style: Style = PLAIN) -> List[str]:
    verdict = group.verdicts[0]
    copy = verdict.thread.copy
    title = counts.title(group.decisions())
    if group.key.main:
        title += ", the main thread"
    lines = [style.paint("highlight" if group.leaked else "title", title)]
    rows = [("ids", id_ranges(group.verdicts, text.IDS_WIDTH)), ("names", _names(report, group))]
    kind = verdict.thread.kind
    if kind is not None and not group.key.main:
        rows += [
            ("scopes", _scopes(group)),
            ("started in", start_place(report, verdict, style)),
            ("created", _created(group)),
        ]
    lines += ["  " + line for line in text.table([("", "")] + [row for row in rows if row[1]])[1:]]
    if kind is None or group.key.main:
        return lines
    if copy is not None:
        stack = report.stacks.creation(copy, kind.site)
        lines += ["  " + line for line in stack_lines(stack.frames, stack.end, style)]
        ancestry = copy.site_ancestry(kind.site)[1:]
        if ancestry:
            places = [own_place(report.stacks.walk(copy, site), style) for site in ancestry]
            lines.append("  by a thread created at " + ", by one created at ".join(places[:4]))
    lines += costs(report, group.verdicts)
    fix = report.evidence.fix(verdict) if group.leaked else None
    return lines + ([f"  fix: {fix}"] if fix else [])


def costs(report: Report, verdicts: Iterable[Verdict]) -> List[str]:
    """What those of them that leaked hold, as far as that can be told."""
    cost = report.costs.of([verdict.thread for verdict in verdicts if verdict.leaked])
    return [f"  {sentence}" for sentence in cost.sentences()] if cost is not None else []


def _names(report: Report, group: Group) -> str:
    names: List[str] = []
    for verdict in group.verdicts[:1000]:
        name = text.name_of(report, verdict)
        if name not in names:
            names.append(name)
        if len(names) > NAMES_SHOWN:
            return ", ".join(names[:NAMES_SHOWN]) + ", ..."
    return ", ".join(names)


def _scopes(group: Group) -> str:
    copy = group.verdicts[0].thread.copy
    kinds = dict.fromkeys(verdict.thread.kind for verdict in group.verdicts)
    scopes = dict.fromkeys(kind.scope for kind in kinds if kind is not None)
    chains = [copy.scope_chain(scope) for scope in scopes] if copy is not None else []
    names = [clean(chain[0].name) for chain in chains[: NAMES_SHOWN + 1] if chain]
    return ", ".join(names[:NAMES_SHOWN]) + (", ..." if len(names) > NAMES_SHOWN else "")


def _created(group: Group) -> str:
    """The time of the oldest and of the newest."""
    copy = group.verdicts[0].thread.copy
    if copy is None:
        return ""
    oldest, newest = (clock(copy.epoch_s(ns)) for ns in group.created_ns())
    return oldest if oldest == newest or not newest else f"{oldest} to {newest}"
