# SPDX-License-Identifier: MIT
"""A process that is counted again and again, without stopping it."""

import os
import select
import time
from contextlib import suppress
from typing import Dict, Generator, Hashable, Iterator, List, Optional, Tuple, TypeVar

from ..judge.rates import Rate, Samples
from ..judge.spread import Names, names
from ..judge.told_apart import Chain, told_apart
from ..judge.unseen import blinding, lost, no_creation
from ..read.counts import Counts, Place, count, unjoined, without_registry
from ..read.glibc import glibc_of
from ..read.history import most_alive
from ..read.look import registry_of
from ..read.model import Anomalies, Registry
from ..read.reconcile import of_parent
from ..read.registry import read_copy
from ..read.rings import Rings
from ..read.stacks import Stacks
from ..read.unclaimed import NOTHING, unmatched
from ..show.top import Subject
from ..target import procfs
from ..target.base import Frame, Target, TargetError
from ..target.pidfd import pidfd
from ..target.tasks import Tasks
from .targets import Named, Opened

SITES = 1000  # of a process that are named
T = TypeVar("T")
K = TypeVar("K", bound=Hashable)
Pausing = Generator[float, None, T]  # yields how long it must wait, in seconds


def together(pausing: Dict[K, Pausing[T]]) -> Dict[K, T]:
    """What each comes to. They wait at the same time."""
    found: Dict[K, T] = {}
    while pausing:
        pause, going_on = 0.0, {}
        for key, each in pausing.items():
            try:
                pause = max(pause, next(each))
                going_on[key] = each
            except StopIteration as end:
                found[key] = end.value
        if going_on:
            time.sleep(pause)
        pausing = going_on
    return found


class Counting:
    """The registry stays where it was found, so that it is not looked for each time; another program (exec), and
    modules that are loaded later, whose code must be named, are looked at afresh. Without a registry it is glibc's lists
    that stay, unless they are not wanted: `by_lists`."""

    def __init__(self, pid: int, by_lists: bool = True):
        if not procfs.thread_count(pid):
            raise TargetError(f"there is no process {pid}")
        self.pid = pid
        self.samples = Samples()
        self.ends = pidfd(pid)  # can be read once it has ended; None: a kernel without
        self._name = procfs.command(pid)
        self._opened = Opened(Named(str(pid), pid=pid))
        self._target: Optional[Target] = None
        self._registry: Optional[Registry] = None
        self._by_lists = by_lists
        self._rings: Optional[Rings] = None
        self._code: object = None
        self._begun: Optional[List[int]] = None  # when the libraries were started
        self._files: Optional[List[Tuple[int, int, str]]] = None
        self._stacks: Optional[Stacks] = None
        self._chains: Dict[Place, Chain] = {}
        self._names: Dict[Place, Names] = {}
        self._named = 0  # sites that there were when they were named
        self._why_none = ""
        self._why_blind = ""  # why glibc's lists tell nothing either
        self._tasks = Tasks(pid)
        self._unmatched = NOTHING

    def look(self) -> bool:
        """Takes a sample; False: the process has ended."""
        counts = self.counts()
        if counts is None:
            return False
        self.samples.add(counts)
        return True

    def counts(self) -> Optional[Counts]:
        """As they are now; None: the process has ended."""
        return together({0: self.counting()})[0]

    def counting(self) -> Pausing[Optional[Counts]]:
        """The same, for whoever counts several at a time."""
        threads = procfs.thread_count(self.pid)
        if not threads or self.has_ended():
            return None
        self._name = procfs.command(self.pid) or self._name
        return (yield from self._count(threads))

    def has_ended(self) -> bool:
        if self.ends is None:
            return procfs.has_died(self.pid)
        poll = select.poll()  # select(2) knows no descriptor from 1024 on
        poll.register(self.ends, select.POLLIN)
        return bool(poll.poll(0))

    def _count(self, threads: int) -> Pausing[Counts]:
        now = time.monotonic()
        registry = self._read_again()
        if registry is None and self._files_changed():
            registry = self._open()
        elif registry is not None and _code(registry) != self._code:
            registry = self._open()
        self._registry = registry
        if registry is None or self._target is None:
            self._unmatched = NOTHING
            return (yield from self._count_by_lists(now, threads))
        there = self._tasks.now()  # empty: it has just ended
        looks = (self._tasks, there, self._read_again, self._unmatched)
        found = (yield from unmatched(self._target, registry, *looks)) if there else NOTHING
        self._unmatched = found
        counts = count(registry, now, len(there) or threads, found)
        if any(no_creation(registry, found.untracked)):
            return without_registry(now, counts.alive)._replace(untracked=found.untracked)
        if self._rings is not None:
            held = self._rings.stack_bytes(unjoined(registry, found.gone))
            counts = counts._replace(unjoined_bytes=held)
        return counts

    def _count_by_lists(self, now: float, threads: int) -> Pausing[Counts]:
        finished, self._why_blind = None, self._why_none
        if self._rings is not None:
            try:
                finished = yield from self._rings.finished(self._tasks)
                self._why_blind = ""
            except TargetError as error:
                self._why_blind = f"no library in it, and {error}"
        return without_registry(now, threads, finished)

    def _read_again(self) -> Optional[Registry]:
        """None: none was found, or it is gone."""
        target, registry, anomalies = self._target, self._registry, Anomalies()
        if target is None or registry is None:
            return None
        try:
            copies = [
                read_copy(target, each.address, each.number, anomalies) for each in registry.copies
            ]
        except TargetError as error:
            self._why_none = str(error)
            return None
        return Registry(copies, registry.notes, anomalies)

    def _files_changed(self) -> bool:
        """Since the last time that no registry was found: any file that is mapped may bring one."""
        try:
            files = procfs.files(procfs.read_maps(self.pid))
        except TargetError:
            files = []
        before, self._files = self._files, files
        return before is None or before != files

    def _open(self) -> Optional[Registry]:
        self._chains, self._names, self._named, self._stacks = {}, {}, 0, None
        self._target = self._rings = None
        self._unmatched = NOTHING
        try:
            target = self._target = self._opened.again()
            registry = registry_of(target)
        except TargetError as error:
            self._why_none = str(error)
            return None
        if self._by_lists and not registry.unusable:
            with suppress(TargetError):
                self._rings = Rings(target, glibc_of(target))
        if not registry.copies:
            self._why_none = registry.why_none
            return None
        self._files = None
        pid, own_pid = registry.copies[0].header.pid, target.own_pid()
        if pid != own_pid:
            self._why_none, self._rings = str(of_parent(pid, own_pid)), None
            return None
        begun = [each.header.start_monotonic_ns for each in registry.copies]
        if self._begun not in (None, begun):
            self.samples.begin_anew()
        self._begun = begun
        self._stacks = Stacks(target, registry.copies)
        self._code = _code(registry)
        return registry

    def rates(self, key: str) -> List[Rate]:
        return self.samples.rates(key)

    def chain_of(self, rate: Rate) -> Chain:
        return self.chain_at(rate.place)

    def chain_at(self, place: Place) -> Chain:
        """What a site is called among those of the process, of these SITES. That another one comes may change it."""
        if place not in self._chains:
            self._name_sites()
        if place not in self._chains:
            [self._chains[place]] = told_apart([self._walk(*place)])
        return self._chains[place]

    def names(self, place: Place) -> Names:
        if place not in self._names:
            self._names[place] = names(self._walk(*place))
        return self._names[place]

    def creation(self, place: Place) -> List[Frame]:
        """The whole creation stack."""
        return list(self._walk(*place))

    def _name_sites(self) -> None:
        copies = self._registry.copies if self._registry is not None else ()
        made = {
            (copy.number, index): site.created
            for copy in copies
            for index, site in enumerate(copy.sites)
            if site is not None and site.created
        }
        if len(made) != self._named:
            self._named = len(made)
            most = sorted(made, key=lambda each: -made[each])[:SITES]
            places = list(dict.fromkeys([*self._chains, *most]))
            self._chains = dict(zip(places, told_apart(self._walk(*each) for each in places)))

    def _walk(self, copy: int, site: int) -> Iterator[Frame]:
        if self._registry is None or self._stacks is None:
            return iter(())
        return self._stacks.walk(self._registry.copies[copy - 1], site)

    def peak(self) -> Optional[int]:
        """The most threads that were alive at a time, as far as the history of the process reaches back. None: it keeps
        none, or that cannot be read, or takes for alive what ended unseen."""
        if self._registry is None or self._target is None or self._unmatched.gone:
            return None
        try:
            return most_alive(self._registry, self._target)
        except TargetError:
            return None

    def started_s(self) -> Optional[float]:
        """Since when the registry counts, epoch seconds."""
        copies = self._registry.copies if self._registry is not None else []
        return min((each.header.start_realtime_ns / 1e9 for each in copies), default=None)

    @property
    def why_blind(self) -> str:
        """Why nobody tells which threads are unjoined; "": a registry does, or glibc's lists."""
        return self._why_blind if self._registry is None else ""

    @property
    def has_registry(self) -> bool:
        return self._registry is not None

    @property
    def name(self) -> str:
        return self._name

    def close(self) -> None:
        """Whoever looks at processes that come and go cannot wait until nobody refers to it."""
        self._opened.close()
        if self.ends is not None:
            os.close(self.ends)
            self.ends = None

    def subject(self) -> Subject:
        return Subject(self.pid, self._name or "-", list(self._notes()))

    def _notes(self) -> Iterator[str]:
        registry = self._registry
        if registry is None:
            unjoined = "unjoined threads and " if self._why_blind else ""
            yield f"{self._why_blind or self._why_none}; {unjoined}where threads are created cannot be told"
            return
        if self._unmatched.untracked:
            yield f"{self._unmatched.untracked:,} untracked, not in the registry"
        if self._unmatched.gone:
            yield f"{len(self._unmatched.gone):,} ended unseen"
        yield from self.doubts()

    def doubts(self) -> Iterator[str]:
        """What the registry does not know, or may have wrong."""
        registry = self._registry
        if registry is not None:
            yield from blinding(no_creation(registry, self._unmatched.untracked))
            yield from blinding(lost(registry))


def _code(registry: Registry) -> object:
    """What is another in another program, or once creations come from further modules."""
    return [(copy.header.start_monotonic_ns, len(copy.modules)) for copy in registry.copies]
