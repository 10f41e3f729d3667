# SPDX-License-Identifier: MIT
"""How many threads there are at a moment, and where they were made: numbers alone, cheap enough for each second."""

from collections import Counter
from typing import Dict, NamedTuple, Optional, Sequence, Set, Tuple

from . import abi
from .model import Copy, Registry
from .rings import Finished
from .unclaimed import NOTHING, Gone, Unmatched

Place = Tuple[int, int]  # number of the copy of the library, index of the site


class SiteCounts(NamedTuple):
    alive: int
    unjoined: int
    created: int  # ever


class Counts(NamedTuple):
    """What is not known is None: without a registry what it alone tells, and what glibc's lists do not tell either."""

    time_s: float  # CLOCK_MONOTONIC
    alive: int  # as the kernel counts, the main thread too
    untracked: Optional[int]  # of these
    unjoined: Optional[int]
    created: Optional[int]  # ever, by pthread_create and thrd_create
    failed: Optional[int]  # creations
    sites: Dict[Place, SiteCounts]
    joined: Optional[int] = None  # ever; None also where the process keeps no history
    unjoined_bytes: Optional[int] = None  # address space of the stacks of these


def without_registry(time_s: float, kernel: int, finished: Optional[Finished] = None) -> Counts:
    """`finished`: by glibc's lists; None: these tell nothing."""
    if finished is None:
        return Counts(time_s, kernel, None, None, None, None, {})
    kernel -= finished.main_has_left  # a zombie until the last thread ends
    counts = Counts(time_s, kernel, None, finished.threads, None, None, {})
    return counts._replace(unjoined_bytes=finished.stack_bytes)


def count(registry: Registry, time_s: float, kernel: int, unmatched: Unmatched = NOTHING) -> Counts:
    """`kernel`: how many threads it has."""
    unjoined = 0
    sites: Dict[Place, SiteCounts] = {}
    seen: Set[int] = set()
    for copy in registry.copies:
        alive_at: "Counter[int]" = Counter()
        unjoined_at: "Counter[int]" = Counter()
        kinds = _kinds(copy, len(registry.copies) == 1, seen, unmatched.gone)
        for (site, state), number in kinds.items():
            if state & abi.MAIN and state & abi.FINISHED:
                kernel -= 1  # it left by pthread_exit, and is a zombie until the last thread ends
            elif not state & (abi.FINISHED | abi.JOINED):
                alive_at[site] += 0 if state & abi.MAIN else number
            elif not state & (abi.JOINED | abi.DETACHED):
                unjoined += number
                unjoined_at[site] += number
        for index, site_ in enumerate(copy.sites):
            if site_ is not None:
                numbers = SiteCounts(alive_at[index], unjoined_at[index], site_.created)
                sites[copy.number, index] = numbers
    # Two copies see the same creations.
    created = max(sum(site.created for site in each.sites if site) for each in registry.copies)
    failed = max(each.header.failed_creates for each in registry.copies)
    joined = [_joined(each) for each in registry.copies]
    told = max((each for each in joined if each is not None), default=None)
    untracked = unmatched.untracked
    return Counts(time_s, kernel, untracked, unjoined, created, failed, sites, told)


def _joined(copy: Copy) -> Optional[int]:
    counts = [site.joined for site in copy.sites if site is not None]
    told = [each for each in counts if each is not None]
    return sum(told) if told and len(told) == len(counts) else None


def _kinds(copy: Copy, alone: bool, seen: Set[int], gone: Gone) -> "Counter[Tuple[int, int]]":
    """(site, state) of each record; without those of threads that an earlier copy of the library knows too."""
    pairs = zip(copy.records.column("site"), _states(copy, gone))
    if alone:
        return Counter(pairs)
    pthreads = copy.records.column("pthread")
    kept = Counter(pair for pair, pthread in zip(pairs, pthreads) if pthread not in seen)
    seen.update(filter(None, pthreads))
    return kept


def _states(copy: Copy, gone: Gone) -> Sequence[int]:
    states: Sequence[int] = copy.records.column("state")
    if not gone:
        return states
    seen = list(states)
    for number, id in gone:
        index = copy.index_of(id) if number == copy.number else None
        if index is not None:
            seen[index] |= abi.FINISHED
    return seen


def unjoined(registry: Registry, gone: Gone) -> Set[int]:
    """pthread_t of those that have finished, and were not joined."""
    over = abi.MAIN | abi.FINISHED | abi.JOINED | abi.DETACHED
    return {
        pthread
        for copy in registry.copies
        for pthread, state in zip(copy.records.column("pthread"), _states(copy, gone))
        if state & over == abi.FINISHED and pthread
    }
