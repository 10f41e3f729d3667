# SPDX-License-Identifier: MIT
"""Counts of processes as Prometheus takes them, by its own Python library: docs/production.md says what they mean."""

from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

from .. import packages
from ..read.counts import Counts
from .sanitize import clean

OTHER = "other"


class Site(NamedTuple):
    """A place that creates threads, as people know it; equal ones may be several."""

    name: str
    alive: int
    unjoined: int
    created: int


class Process(NamedTuple):
    """What is known of one. `why`: not all that the other metrics of a process would tell is known. `label`: the same, without
    what differs each time; "": nothing does."""

    pid: int
    name: str
    why: str
    counts: Optional[Counts] = None  # None: it cannot be read at all
    sites: Sequence[Site] = ()
    started_s: Optional[float] = None
    peak: Optional[int] = None
    label: str = ""
    has_library: bool = False


class Found(NamedTuple):
    processes: Sequence[Process]
    closed: int  # processes of which nobody knows whether they have the library


def top(sites: Iterable[Site], most: int, kept: Set[str]) -> List[Site]:
    """At most `most` of them, one a name, the most threads first, and all others as one. Of equal ones those that are
    `kept`, which becomes the names of these: a series that comes and goes has no rate."""
    sums: Dict[str, List[int]] = {}
    for raw, *numbers in sites:
        name = clean(raw) or "unknown"
        name = f"{OTHER}()" if name == OTHER else name  # a function of the program
        sums[name] = [a + b for a, b in zip(sums.get(name, [0, 0, 0]), numbers)]

    def order(name: str) -> Tuple[object, ...]:
        alive, unjoined, created = sums[name]
        return (-(alive + unjoined), name not in kept, -created, name)

    names = sorted(sums, key=order)
    kept.clear()
    kept.update(names[:most])
    rest = [sum(sums[name][at] for name in names[most:]) for at in range(3)]
    shown = [Site(name, *sums[name]) for name in names[:most]]
    return shown + [Site(OTHER, *rest)] if len(names) > most else shown


class Families:
    """A collector, as prometheus_client has it."""

    def __init__(self, found: Found):
        self._found = found
        core = packages.load("prometheus_client.core")
        self._gauge, self._counter = core.GaugeMetricFamily, core.CounterMetricFamily

    def collect(self) -> Iterator[Any]:
        processes = self._found.processes
        yield self._gauge("threadleak_processes", _PROCESSES, value=len(processes))
        yield self._gauge("threadleak_processes_closed", _CLOSED, value=self._found.closed)
        up = self._gauge("threadleak_up", _UP, labels=_LABELS)
        why = self._gauge("threadleak_down", _DOWN, labels=[*_LABELS, "reason"])
        for each in processes:
            up.add_metric(_of(each), 0 if each.why else 1)
            if each.why:
                why.add_metric([*_of(each), clean(each.label or each.why)], 1)
        started = self._gauge("threadleak_start_time_seconds", _STARTED, labels=_LABELS)
        library = self._gauge("threadleak_library", _LIBRARY, labels=_LABELS)
        for each in processes:
            if each.started_s is not None:
                started.add_metric(_of(each), each.started_s)
            if each.counts is not None:
                library.add_metric(_of(each), int(each.has_library))
        yield from (up, why, library, started)
        yield from self._threads(processes)
        yield from self._totals(processes)
        yield from self._sites(processes)

    def _threads(self, processes: Sequence[Process]) -> Iterator[Any]:
        threads = self._gauge("threadleak_threads", _THREADS, labels=[*_LABELS, "class"])
        peak = self._gauge("threadleak_threads_peak", _PEAK, labels=_LABELS)
        held = self._gauge("threadleak_unjoined_stack_bytes", _HELD, labels=_LABELS)
        for each in processes:
            for class_, number in _by_class(each.counts):
                threads.add_metric([*_of(each), class_], number)
            if each.peak is not None:
                peak.add_metric(_of(each), each.peak)
            if each.counts is not None and each.counts.unjoined_bytes is not None:
                held.add_metric(_of(each), each.counts.unjoined_bytes)
        yield from (threads, held, peak)

    def _totals(self, processes: Sequence[Process]) -> Iterator[Any]:
        for field, (name, text) in _TOTALS.items():
            family = self._counter(name, text, labels=_LABELS)
            for each in processes:
                number = getattr(each.counts, field) if each.counts is not None else None
                if number is not None:
                    family.add_metric(_of(each), number)
            yield family

    def _sites(self, processes: Sequence[Process]) -> Iterator[Any]:
        threads = self._gauge("threadleak_site_threads", _SITES, labels=[*_LABELS, "site", "class"])
        created = self._counter("threadleak_site_created", _MADE, labels=[*_LABELS, "site"])
        for each in processes:
            for site in each.sites:
                threads.add_metric([*_of(each), site.name, "alive"], site.alive)
                threads.add_metric([*_of(each), site.name, "unjoined"], site.unjoined)
                if site.name != OTHER:  # whose sum falls when a site leaves it
                    labels = [*_of(each), site.name]
                    created.add_metric(labels, site.created)
        yield from (threads, created)


_LABELS = ["process", "pid"]
_PROCESSES = "Processes that are looked at."
_CLOSED = "Processes that may have the library, and do not let us look."
_UP = "1: which threads are alive and unjoined is known. 0: it is not, see threadleak_down."
_DOWN = "Why not all is known of a process."
_LIBRARY = (
    "1: the library counts there. 0: it does not, so that glibc's own lists tell what is unjoined."
)
_HELD = "Address space that the stacks of unjoined threads hold, of those that glibc made."
_STARTED = "Since when threads are counted, in seconds since 1970."
_THREADS = "Threads by class: alive, unjoined, untracked."
_PEAK = "Most threads that were alive at a time, as far as the history of the process reaches."
_SITES = "Threads by the place that created them."
_MADE = "Threads created at a place."
_TOTALS = {
    "created": ("threadleak_threads_created", "Threads created."),
    "joined": ("threadleak_threads_joined", "Threads joined."),
    "failed": ("threadleak_creations_failed", "Calls that could not create a thread."),
}


def _of(process: Process) -> List[str]:
    return [clean(process.name), str(process.pid)]


def _by_class(counts: Optional[Counts]) -> Iterator[Tuple[str, int]]:
    if counts is None:
        return
    yield "alive", counts.alive - (counts.untracked or 0)
    if counts.untracked is not None:
        yield "untracked", counts.untracked
    if counts.unjoined is not None:
        yield "unjoined", counts.unjoined


def document(found: Found, accept: str) -> Tuple[bytes, str]:
    """In the format that `accept`, a header of HTTP, prefers; and what that format is called."""
    exposition = packages.load("prometheus_client.exposition")
    encode, name = exposition.choose_encoder(accept)
    return encode(Families(found)), name
