# SPDX-License-Identifier: MIT
"""What the registry says, once it has been read and checked."""

from bisect import bisect_left
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

from ..escapes import decoded
from ..target.base import LoadedFile
from . import abi
from .records import Records

CHAIN_MAX = 64  # creators of creators, scopes in scopes: more than anyone reads


class Site(NamedTuple):
    """A distinct creation stack; frame 0 is the caller of pthread_create."""

    frames: Tuple[Tuple[int, int], ...]  # return address, index of its module
    flags: int
    creator_site: int
    created: int
    # Since 1.2, and only where a history is kept; else 0 or None.
    finished: Optional[int] = None
    joined: Optional[int] = None
    gone: Optional[int] = None  # detached, and finished
    peak: Optional[int] = None
    history: Optional[int] = None  # index of its own, plus 1; 0: it has none


class Mark(NamedTuple):
    """Why threads are expected, as the process itself was told: an entry of its table of rules."""

    text: str
    unjoined: bool  # holds for unjoined threads too
    counted: bool  # of a rule or a baseline that may expect a number of threads only


class Scope(NamedTuple):
    id: int
    name: str
    parent: int
    begun_ns: int
    ended_ns: int
    ended: bool


class Anomalies:
    """What is damaged, by kind: how often, and an example. Kinds are constants, so this stays small."""

    def __init__(self) -> None:
        self.kinds: Dict[str, Tuple[int, str]] = {}

    def add(self, kind: str, example: str, count: int = 1) -> None:
        before, first = self.kinds.get(kind, (0, example))
        self.kinds[kind] = (before + count, first)

    def __bool__(self) -> bool:
        return bool(self.kinds)

    def __iter__(self) -> Iterator[Tuple[str, int, str]]:
        return ((kind, count, example) for kind, (count, example) in self.kinds.items())


class Copy:
    """The registry of one copy of the library. Index 0 of sites, scopes, modules and marks is None."""

    def __init__(self, address: int, number: int, header: abi.Header):
        self.address = address
        self.number = number  # 1, and more only where a process has several
        self.found_by = ""  # "symbol", "scan" or "address"
        self.header = header
        self.records = Records()
        self.sites: List[Optional[Site]] = []
        self.scopes: List[Optional[Scope]] = []
        self.modules: List[Optional[LoadedFile]] = []
        self.marks: List[Optional[Mark]] = []
        self.dropped: Dict[str, int] = {}  # by table: requests for which there was no room

    def name_of(self, record_id: int) -> str:
        """How people name a record: its id, in further copies behind the copy's number."""
        return str(record_id) if self.number == 1 else f"{self.number}.{record_id}"

    def record(self, record_id: int) -> Optional[abi.Record]:
        index = self.index_of(record_id)
        return self.records[index] if index is not None else None

    def index_of(self, record_id: int) -> Optional[int]:
        """Where in `records` it is."""
        index = bisect_left(self.records.ids, record_id)
        found = index < len(self.records) and self.records.ids[index] == record_id
        return index if found else None

    def main_finished(self) -> bool:
        """Whether the main thread left by pthread_exit."""
        both = abi.MAIN | abi.FINISHED
        return any(kind.state & both == both for kind in self.records.distinct_kinds())

    def site(self, index: int) -> Optional[Site]:
        return self.sites[index] if index < len(self.sites) else None

    def module(self, index: int) -> Optional[LoadedFile]:
        return self.modules[index] if index < len(self.modules) else None

    def mark(self, index: int) -> Optional[Mark]:
        return self.marks[index] if index < len(self.marks) else None

    def scope_chain(self, index: int) -> List[Scope]:
        """The scope and those around it, innermost first."""
        chain: List[Scope] = []
        seen = set()
        while 0 < index < len(self.scopes) and index not in seen and len(chain) < CHAIN_MAX:
            seen.add(index)
            scope = self.scopes[index]
            if scope is None:
                break
            chain.append(scope)
            index = scope.parent
        return chain

    def site_ancestry(self, index: int) -> List[int]:
        """The site, the one where its first creator was created, and so on."""
        chain: List[int] = []
        while index and index not in chain and len(chain) < CHAIN_MAX:
            site = self.site(index)
            if site is None:
                break
            chain.append(index)
            index = site.creator_site
        return chain

    def creators(self, record: abi.Record) -> List[abi.Record]:
        """The creator, its creator, and so on, as far as they still have records."""
        chain: List[abi.Record] = []
        seen = {record.id}
        creator = self.record(record.creator)
        while creator is not None and creator.id not in seen and len(chain) < CHAIN_MAX:
            seen.add(creator.id)
            chain.append(creator)
            creator = self.record(creator.creator)
        return chain

    def latest_ns(self) -> int:
        """The newest of all times in it: the process was certainly stopped no earlier."""
        header = self.header
        latest = max(header.start_monotonic_ns, header.failed_at_ns)
        for field in ("created_ns", "finished_ns", "join_begun_ns"):
            latest = max(latest, max(self.records.column(field), default=0))
        for scope in self.scopes:
            if scope is not None:
                latest = max(latest, scope.begun_ns, scope.ended_ns)
        return latest

    def epoch_s(self, ns: int) -> Optional[float]:
        """A time of the registry as seconds since 1970; None for 0, which is no time."""
        if not ns:
            return None
        offset = self.header.start_realtime_ns - self.header.start_monotonic_ns
        return round((offset + ns) / 1e9, 3)  # the clock's own steps are milliseconds


class Registry(NamedTuple):
    """All live copies of a process, in most cases one; none where glibc's lists have to do."""

    copies: List[Copy]
    notes: List[str]  # about the search
    anomalies: Anomalies
    why_none: str = ""
    unusable: bool = False  # there is one, but it says nothing


def text_of(raw: bytes) -> str:
    """A string of the registry: up to its NUL if it has one, bytes that are not UTF-8 as \\xNN."""
    return decoded(raw.split(b"\0", 1)[0])
