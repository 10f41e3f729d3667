# SPDX-License-Identifier: MIT
"""Frozen images of registries, and a target that serves one."""

import struct
from pathlib import Path
from typing import Any, Dict, Iterable, List, Optional, Sequence, Tuple

from threadleak.judge.rule_set import RuleSet
from threadleak.judge.report import Report
from threadleak.judge.verdicts import Settings
from threadleak.read import abi
from threadleak.read.events import events_of
from threadleak.read.history import history_of
from threadleak.read.locate import read_registry
from threadleak.read.look import look_at
from threadleak.read.model import Copy, Registry, text_of
from threadleak.target.base import (
    CurrentStack,
    Frame,
    LoadedFile,
    Region,
    TargetError,
    Thread,
    one_by_one,
)
from threadleak.target.imports import Imports

Piece = Tuple[int, bytes]


def load(path: Path) -> List[Piece]:
    data, at, pieces = path.read_bytes(), 0, []
    while at < len(data):
        address, size = struct.unpack_from("<QQ", data, at)
        pieces.append((address, data[at + 16 : at + 16 + size]))
        at += 16 + size
    return pieces


class FrozenTarget:
    """A core of the process. It has the threads that, by their records, did not finish."""

    kind = "core"
    moves = blurred = False
    unwinder = "none"
    exe: Optional[str] = None
    core: Optional[str] = None

    def __init__(self, pieces: List[Piece]):
        self.pieces = pieces
        self.pid: Optional[int] = None

    def use_records(self, copy: Copy) -> None:
        self.pid = copy.header.pid
        alive = [record for record in copy.records if not record.state & abi.FINISHED]
        self._threads = {record.tid: record.pthread for record in alive if record.tid}

    def own_pid(self) -> int:
        return self.pid or 0

    def now_ns(self) -> Optional[int]:
        return None

    def limits(self) -> List[str]:
        return []

    def read(self, address: int, size: int) -> bytes:
        for start, data in self.pieces:
            if start <= address and address + size <= start + len(data):
                return data[address - start : address - start + size]
        raise TargetError(f"memory at {address:#x} cannot be read")

    def read_each(self, addresses: Sequence[int], size: int) -> Iterable[Optional[bytes]]:
        return one_by_one(self.read, addresses, size)

    def symbol(self, name: str) -> List[int]:
        return []

    def writable_regions(self, of_file: bool) -> Iterable[Region]:
        start, data = self.pieces[0]
        return [Region(start, start + len(data))] if of_file else []

    def threads(self) -> List[Thread]:
        return [Thread(tid, tid) for tid in self._threads]

    def thread_name(self, thread: Thread) -> Optional[str]:
        return None

    def number_of(self, thread: Thread) -> Optional[int]:
        return None

    def pthread_of(self, thread: Thread) -> Optional[int]:
        return self._threads[thread.tid]

    def current_stacks(self, threads: Sequence[Thread], limit: int) -> List[CurrentStack]:
        return [CurrentStack((), "")] * len(threads)

    def read_stacks(self, limit: int) -> None:
        pass

    def release(self) -> None:
        pass

    def state_of(self, thread: Thread) -> str:
        return "alive"

    def system_call(self, thread: Thread) -> Optional[str]:
        return None

    def symbolize(self, pc: int, what: int) -> List[Frame]:
        return [Frame(pc)]

    def symbolize_gone(self, module: LoadedFile, pc: int, what: int) -> List[Frame]:
        return []

    def data_symbol(self, address: int) -> Optional[str]:
        return None

    def data_name(self, address: int) -> Optional[str]:
        return None

    def module_at(self, pc: int) -> Optional[str]:
        return None

    def files(self) -> Dict[str, Optional[str]]:
        return {}

    def imports(self, names: Sequence[str]) -> Imports:
        return Imports(frozenset())


def describe(target: FrozenTarget) -> Dict[str, Any]:
    """All that a reader makes of an image."""
    registry = read_registry(target)
    copy = registry.copies[0]
    target.use_records(copy)
    report = Report(look_at(target), Settings(), RuleSet())
    expected = {v.thread.id: v.expected_by for v in report.verdicts if v.expected_by}
    return {
        "address": f"{copy.address:#x}",
        "library_version": text_of(copy.header.library_version),
        "anomalies": list(registry.anomalies),
        "records": [
            {
                "id": record.id,
                "name": text_of(record.name),
                "creator": record.creator,
                "state": f"{record.state:#x}",
                "site": record.site,
                "scopes": [scope.name for scope in copy.scope_chain(record.scope)],
                "tid": record.tid,
                "start": f"{record.start:#x}",
            }
            for record in copy.records
        ],
        "sites": [
            site
            and {"frames": len(site.frames), "creator": site.creator_site, "created": site.created}
            for site in copy.sites
        ],
        "modules": [module and module.name for module in copy.modules],
        "verdicts": {v.thread.id: [v.class_, v.leaked, v.confidence] for v in report.verdicts},
        **({"expected": expected} if expected else {}),  # since 1.1
        **(over_time(registry, target) if copy.header.history else {}),  # since 1.2
    }


def over_time(registry: Registry, target: FrozenTarget) -> Dict[str, Any]:
    history, events = history_of(registry, target), events_of(registry, target)
    assert history is not None and events is not None
    began_ns = events.events[0].time_ns
    return {
        "total": history.total,
        "levels": [[bucket[2:] for bucket in level] for level in history.levels],
        "site_levels": {
            each.index: [[bucket[2:] for bucket in level] for level in each.levels()]
            for each in history.sites
        },
        "events": [(event.time_ns - began_ns, *event[1:]) for event in events.events],
        "overwritten": events.overwritten,
        "torn": events.torn,
    }
