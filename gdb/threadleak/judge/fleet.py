# SPDX-License-Identifier: MIT
"""Many saved reports of many processes: which sites have how many threads where, the worst for the fleet first.

An instance is one process: host, pid, and when its library was loaded. A site is the same one in every build and on every host:
judge/fingerprint.py. Sites are ranked as Uber's LeakProf does (Saioc et al., CGO 2024), by the root mean square of
their threads over the instances: ten thousand in one process weigh more than ten in each of a thousand. The mean is
over the instances of those programs alone that have the site at all.

What is kept is a few numbers for each instance and site, never a report.
"""

from collections import Counter
from typing import Any, Dict, List, NamedTuple, Optional, Set, Tuple

from ..target.base import Frame, TargetError, base_name
from .classes import ALL, UNTRACKED
from .fleet_checks import WHY_MAX, Unlike, count_of, name_of, time_of, why_blind, why_not
from .fleet_instance import NONE, Count, Counts, Instance, Seen
from .side import frame_of

WHYS_MAX = 100  # reasons that are kept for the whole
FRAMES_MAX = 64  # of a site's creation stack that are kept


class Site(NamedTuple):
    """As the first report has it."""

    fingerprint: str  # "": threads that no registry knows
    frames: Tuple[Frame, ...]  # of the creation stack
    start: Optional[Frame]
    fix: Optional[str]


class Ranked(NamedTuple):
    site: Site
    programs: Tuple[str, ...]
    rms: float  # of threads, over `of_instances`
    rms_leaked: float
    instances: int  # that have it
    of_instances: int
    hosts: int
    of_hosts: int
    threads: int
    leaked: int
    by_class: Dict[str, int]  # of all reports that count
    most: int
    most_at: str  # the instance
    growth_per_h: Optional[
        float
    ]  # the sum over instances that were looked at more than once; None: none was
    grew: int  # instances


class Ranking(NamedTuple):
    sites: List[Ranked]
    documents: int
    instances: int
    hosts: int
    threads: int
    leaked: int
    blind: int  # instances whose report says that it cannot tell all
    blind_why: List[str]  # a sentence for each of the first of them
    without_library: int  # instances of whose threads nobody knows who created them
    partial: int  # instances of whose threads the report has some


class Fleet:
    def __init__(self) -> None:
        self._instances: Dict[Tuple[Any, ...], Instance] = {}
        self._sites: Dict[str, Site] = {}
        self.documents = 0

    def add(self, document: Dict[str, Any], path: str) -> None:
        """TargetError, one sentence, if it tells nothing."""
        try:
            self._add(document, path)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise TargetError(f"{path} is no report of threadleak: {why_not(error)}") from None

    def _add(self, document: Dict[str, Any], path: str) -> None:
        if document.get("error") is not None:
            raise TargetError(f"{path} says: {str(document['error'])[:500]}")
        target, registry, groups = document["target"], document["registry"], document["groups"]
        whole = count_of(document["summary"]["threads"])
        host, pid = name_of(target.get("host")), target["pid"]
        program = base_name(name_of(target["exe"])) or "?"
        started = time_of(registry.get("started_at"))
        at = time_of(registry.get("read_at"))
        if pid is not None:
            count_of(pid)
        key: Tuple[Any, ...] = (host, pid, started, program)
        if pid is None or (host is None and started is None):
            key = (path, self.documents)  # nothing tells it from another
        counts: Counts = {}
        shown = sum(self._group(each, counts) for each in groups)
        listed = sum(each.leaked for each in counts.values())
        unlisted = max(0, count_of(document["summary"]["leaked"]) - listed)
        why = why_blind(document, unlisted)
        blind = f"{path}: {why}"[-WHY_MAX:] if why else ""
        seen = Seen(at, shown == whole, blind, unlisted, registry["found"] is True, counts)
        self.documents += 1
        known = self._instances.get(key)
        if known is None:
            self._instances[key] = Instance(host, pid, program, seen)
        else:
            known.add(seen)

    def _group(self, shown: Dict[str, Any], counts: Counts) -> int:
        """How many threads it has."""
        mark, threads = shown.get("fingerprint"), count_of(shown["threads"])
        by_class = tuple(count_of(shown["by_class"].get(name, 0)) for name in ALL)
        if mark is None:
            if not by_class[ALL.index(UNTRACKED)] and not shown["leaked"]:
                return threads  # the main thread
            mark = ""
        elif not (isinstance(mark, str) and len(mark) == 16):
            raise Unlike(f"{str(mark)[:40]!r} is no fingerprint")
        if mark not in self._sites:
            self._sites[mark] = _site(mark, shown)
        count = Count(threads, count_of(shown["leaked"] or 0), by_class)
        counts[mark] = counts.get(mark, NONE).plus(count)
        return threads

    def ranking(self) -> Ranking:
        """Sites with leaked threads before the others."""
        instances = list(self._instances.values())
        blind = [each.last.blind for each in instances if each.last.blind]
        of_program = Counter(each.program for each in instances)
        hosts_of: Dict[str, Set[str]] = {}
        for each in instances:
            if each.host is not None:
                hosts_of.setdefault(each.program, set()).add(each.host)
        sums = {mark: _Sum() for mark in self._sites}
        for each in instances:
            for mark, count in each.counts.items():
                sums[mark].add(each, count)
            hours = each.hours
            if hours is not None:
                for mark in {**each.first.counts, **each.last.counts}:
                    sums[mark].grow(each, mark, hours)
        ranked = [
            sums[mark].ranked(site, of_program, hosts_of)
            for mark, site in self._sites.items()
            if sums[mark].instances
        ]
        ranked.sort(key=lambda each: (-each.rms_leaked, -each.rms, each.site.fingerprint))
        return Ranking(
            ranked,
            self.documents,
            len(instances),
            len(set().union(*hosts_of.values())),
            sum(each.threads for each in ranked),
            sum(each.leaked for each in ranked),
            len(blind),
            blind[:WHYS_MAX],
            sum(not each.last.registry for each in instances),
            sum(not each.last.whole for each in instances),
        )


def _site(mark: str, shown: Dict[str, Any]) -> Site:
    frames = tuple(map(frame_of, (shown.get("creation_stack") or [])[:FRAMES_MAX]))
    start = None if shown.get("start") is None else frame_of(shown["start"])
    return Site(mark, frames, start, None if shown.get("fix") is None else str(shown["fix"]))


class _Sum:
    """Of one site."""

    def __init__(self) -> None:
        self.instances = self.squares = self.squares_leaked = self.grew = 0
        self.count = NONE
        self.growth: Optional[float] = None
        self.most, self.most_at = 0, ""
        self.programs: Set[str] = set()
        self.hosts: Set[str] = set()

    def add(self, instance: Instance, count: Count) -> None:
        self.instances += 1
        self.count = self.count.plus(count)
        self.squares += count.threads**2
        self.squares_leaked += count.leaked**2
        self.programs.add(instance.program)
        if instance.host is not None:
            self.hosts.add(instance.host)
        if count.threads > self.most:
            self.most, self.most_at = count.threads, instance.name

    def grow(self, instance: Instance, mark: str, hours: float) -> None:
        before, after = (
            each.counts.get(mark, NONE).threads for each in (instance.first, instance.last)
        )
        self.growth = (self.growth or 0.0) + (after - before) / hours
        self.grew += after > before

    def ranked(
        self, site: Site, of_program: Dict[str, int], hosts_of: Dict[str, Set[str]]
    ) -> Ranked:
        of_instances = sum(of_program[each] for each in self.programs)
        of_hosts = len(set().union(*(hosts_of.get(each, set()) for each in self.programs)))
        rms, rms_leaked = (
            (squares / of_instances) ** 0.5 for squares in (self.squares, self.squares_leaked)
        )
        by_class = {name: count for name, count in zip(ALL, self.count.by_class) if count}
        return Ranked(
            *(site, tuple(sorted(self.programs)), rms, rms_leaked, self.instances, of_instances),
            *(len(self.hosts), of_hosts, self.count.threads, self.count.leaked, by_class),
            *(self.most, self.most_at, self.growth, self.grew),
        )
