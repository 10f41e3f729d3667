# SPDX-License-Identifier: MIT
"""Processes whose threads are counted whenever somebody asks, and stay known in between."""

import os
import threading
import time
from typing import Callable, Dict, Iterator, List, Optional, Set, Tuple

from ..libraries import library
from ..read import abi
from ..read.counts import Counts
from ..read.locate import registries_in
from ..show.metrics import Found, Process, Site, top
from ..show.places import chain
from ..target import processes, procfs
from ..target.base import TargetError
from .counting import SITES, Counting, Pausing, together

Find = Callable[[], Tuple[List[int], int]]  # pids, and how many processes could not be looked at


def find_pids(pids: List[int]) -> Find:
    return lambda: (pids, 0)


def find_named(glob: str) -> Find:
    return lambda: (processes.find(glob), 0)


def find_all() -> Find:
    name = os.path.basename(library()).split(".so")[0] + ".so"
    return processes.Holders(name, abi.MAGIC, registries_in).find


class _Scraped:
    def __init__(self, pid: int, most: int):
        self.counting = Counting(pid)
        self._most = most
        self._kept: Set[str] = set()

    def read(self) -> Pausing[Process]:
        counting = self.counting
        counts = yield from counting.counting()
        if counts is None:
            return Process(counting.pid, counting.name, f"process {counting.pid} has ended")
        doubts = "; ".join(counting.doubts())
        why = counting.why_blind or doubts
        label = "" if counting.why_blind else _without_numbers(doubts)
        sites = top(self._sites(counts), self._most, self._kept)
        started, peak = counting.started_s(), counting.peak()
        has = counting.has_registry
        return Process(counting.pid, counting.name, why, counts, sites, started, peak, label, has)

    def _sites(self, counts: Counts) -> Iterator[Site]:
        most = sorted(counts.sites.items(), key=lambda item: -sum(item[1][:2]))
        for number, (at, site) in enumerate(most):
            if any(site):
                known = self.counting.chain_at(at) if number < SITES else ()  # the rest is one
                yield Site(chain(known, unknown="unknown"), *site)


def _without_numbers(text: str) -> str:
    """Else a label would be another one each time."""
    import re

    return re.sub(r"0x[0-9a-f]+|\d[\d,]*", "N", text)


class Scraper:
    """One reads at a time. Whoever comes meanwhile is given what was read after it came, and no second time."""

    def __init__(self, find: Find, most: int, keep: bool):
        """`keep`: those that have ended are told of, too."""
        self._find = find
        self._keep = keep
        self._most = most
        self._lock = threading.Lock()
        self._known: Dict[int, _Scraped] = {}
        self._begun = 0.0
        self._last: Optional[Found] = None

    def read(self) -> Found:
        came = time.monotonic()
        with self._lock:
            if self._last is None or self._begun < came:
                self._begun = time.monotonic()
                self._last = self._read()
            return self._last

    def _read(self) -> Found:
        pids, closed = self._find()
        for pid in set(self._known) - set(pids):
            self._known.pop(pid).counting.close()
        told = together({pid: self._process(pid) for pid in pids})
        found = [told[pid] for pid in pids]
        if not self._keep:
            found = [each for each in found if each.counts or procfs.thread_count(each.pid)]
        return Found(found, closed)

    def _process(self, pid: int) -> Pausing[Process]:
        try:
            if pid not in self._known:
                self._known[pid] = _Scraped(pid, self._most)
            return (yield from self._known[pid].read())
        except TargetError as error:
            known = self._known.get(pid)
            return Process(pid, known.counting.name if known else "", str(error))
