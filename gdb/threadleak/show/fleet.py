# SPDX-License-Identifier: MIT
"""The ranking of `merge` as text."""

from typing import Iterator, List, Sequence

from ..judge.fleet import Ranked, Ranking, Site
from ..judge.told_apart import Chain, told_apart
from . import text
from .places import chain, place
from .sanitize import clean, shorten
from .style import PLAIN, Style

TITLES = ("RMS", "HOSTS", "INSTANCES", "THREADS", "LEAKED", "MAX", "AT", "PER HOUR", "CREATED AT")
NAME_WIDTH = 30  # of an instance, or of the programs


def lines(ranking: Ranking, limit: int, style: Style = PLAIN) -> List[str]:
    head = style.paint("highlight" if ranking.leaked else "title", sentence(ranking))
    found = [head, *notes(ranking)]
    shown = ranking.sites[: limit or None]
    if shown:
        chains = told_apart(each.site.frames for each in shown)
        rows = [_row(each, made_at, style) for each, made_at in zip(shown, chains)]
        found += ["", *text.table([TITLES, *rows], style)]
    if len(ranking.sites) > len(shown):
        found.append(f"... and {len(ranking.sites) - len(shown):,} more places")
    fixes = dict.fromkeys(each.site.fix for each in shown if each.leaked and each.site.fix)
    return found + [""] * bool(fixes) + [f"fix: {clean(each)}" for each in fixes if each]


def sentence(ranking: Ranking) -> str:
    leaking = sum(each.leaked > 0 for each in ranking.sites)
    hosts = f" on {_counted(ranking.hosts, 'host')}" if ranking.hosts else ""
    return (
        f"threadleak: {_counted(ranking.leaked, 'leaked thread')} at {_counted(leaking, 'place')},"
        f" of {_counted(ranking.threads, 'thread')} in {_counted(ranking.instances, 'instance')}{hosts}"
        f" ({_counted(ranking.documents, 'report')})"
    )


def notes(ranking: Ranking) -> Iterator[str]:
    if ranking.partial:
        yield (
            f"note: of {_counted(ranking.partial, 'instance')} the report has some of the threads alone:"
            " `threadleak groups --all --format json` saves all"
        )
    if ranking.without_library:
        yield (
            f"note: {_counted(ranking.without_library, 'instance')} ran without the library, so that nobody knows"
            " which places created their threads: start programs with LD_PRELOAD=libthreadleak.so"
        )
    if ranking.blind:
        yield f"note: the reports of {_counted(ranking.blind, 'instance')} say that they cannot tell all"


def _row(each: Ranked, made_at: Chain, style: Style) -> Sequence[str]:
    growth = "-" if each.growth_per_h is None else f"{each.growth_per_h:+,.1f}"
    return (
        f"{each.rms:,.1f}",
        _share(each.hosts, each.of_hosts),
        _share(each.instances, each.of_instances),
        f"{each.threads:,}",
        f"{each.leaked:,}",
        f"{each.most:,}",
        shorten(clean(each.most_at), NAME_WIDTH),
        growth,
        f"{_where(each.site, made_at, style)}, {shorten(clean(', '.join(each.programs)), NAME_WIDTH)}",
    )


def _where(site: Site, made_at: Chain, style: Style) -> str:
    if made_at:
        return chain(made_at, style)
    if site.start is not None:
        return f"started in {place(site.start, style)}"
    return "(untracked)"


def _share(count: int, of: int) -> str:
    return f"{count:,} of {of:,}" if of else "-"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
