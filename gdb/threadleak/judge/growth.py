# SPDX-License-Identifier: MIT
"""What has become more, and what less, from one look to another."""

from collections import Counter
from typing import Dict, List, NamedTuple, Optional, Tuple

from .classes import ALIVE, ALL
from .side import Key, Seen, Side, Site


class Change(NamedTuple):
    """Of one site: how many threads, of each class, before and after."""

    site: Site
    before: Dict[str, int]
    after: Dict[str, int]

    @property
    def growth(self) -> int:
        return sum(self.after.values()) - sum(self.before.values())

    def classes(self) -> List[Tuple[str, int, int]]:
        """(class, before, after)"""
        found = [class_ for class_ in ALL if class_ in self.before or class_ in self.after]
        return [(each, self.before.get(each, 0), self.after.get(each, 0)) for each in found]


class Growth(NamedTuple):
    before: Side
    after: Side
    same_process: bool
    seconds: Optional[float]  # between the looks, where they are of one process
    changes: List[Change]  # of every site; those that grew most first
    new: List[Seen]  # of one process alone
    gone: List[Seen]

    @property
    def total(self) -> int:
        return len(self.after.threads) - len(self.before.threads)

    def grown(self) -> List[Change]:
        return [change for change in self.changes if change.growth > 0]


def compare(before: Side, after: Side) -> Growth:
    same = _same_process(before, after)
    seconds = None
    if same and before.read_at is not None and after.read_at is not None:
        seconds = after.read_at - before.read_at
    new: List[Seen] = []
    gone: List[Seen] = []
    if same:
        new, gone = _without(after, before), _without(before, after)
    same_build = same or any(
        not site.what and key in before.sites for key, site in after.sites.items()
    )
    keys = {key: key if same_build else site.look for key, site in _sites(before, after)}
    counts_before, counts_after = _counts(before, keys), _counts(after, keys)
    sites = {keys[key]: site for key, site in _sites(before, after)}
    changes = [
        Change(site, counts_before.get(key, {}), counts_after.get(key, {}))
        for key, site in sites.items()
    ]
    changes.sort(key=lambda change: (-change.growth, -sum(change.after.values())))
    return Growth(before, after, same, seconds, changes, new, gone)


def lasting(before: Side, after: Side, settle_s: float) -> Tuple[Side, Side]:
    """Both without threads that wait to be joined; of one process also without those that are alive and had only just
    begun, unless the other look has them too: they may end as soon. A process that creates threads all the time has
    now more of either, and now less."""
    same = _same_process(before, after)
    known = {each.identity for each in before.threads} & {each.identity for each in after.threads}

    def lasts(each: Seen, side: Side) -> bool:
        if each.waits:
            return False
        if not same or each.class_ != ALIVE or each.identity in known:
            return True
        if each.created_at is None or side.read_at is None:
            return True
        return side.read_at - each.created_at >= settle_s

    def kept(side: Side) -> Side:
        return side._replace(threads=[each for each in side.threads if lasts(each, side)])

    return kept(before), kept(after)


def _same_process(before: Side, after: Side) -> bool:
    """A pid is used again; the moment at which the library was loaded is not."""
    known = None not in (before.pid, after.pid, before.started_at, after.started_at)
    return known and (before.pid, before.started_at) == (after.pid, after.started_at)


def _without(side: Side, other: Side) -> List[Seen]:
    known = {each.identity for each in other.threads}
    return [each for each in side.threads if each.identity not in known]


def _sites(before: Side, after: Side) -> List[Tuple[Key, Site]]:
    return list({**before.sites, **after.sites}.items())


def _counts(side: Side, keys: Dict[Key, Key]) -> Dict[Key, Dict[str, int]]:
    counts: Dict[Key, Counter[str]] = {}
    for each in side.threads:
        counts.setdefault(keys[each.site], Counter())[each.class_] += 1
    return {key: dict(found) for key, found in counts.items()}
