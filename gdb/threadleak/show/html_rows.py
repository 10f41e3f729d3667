# SPDX-License-Identifier: MIT
"""The threads of a report for its HTML page: columns of numbers. Of ten thousand equal threads a row holds little but id,
tid and times."""

from contextlib import suppress
from typing import Any, Dict, List, Optional, Tuple

from ..judge.verdicts import Verdict
from ..read.stacks import STACK_FRAMES, Stack
from ..read.threads import ENDING, FINISHED
from ..target.base import TargetError
from . import text
from .ancestry import ancestry
from .html_data import KIND, Data


def threads(data: Data) -> Dict[str, Any]:
    """The columns, and what their numbers stand for. Times are milliseconds after `started`, in the seconds that
    Python and JavaScript have in common."""
    report = data.report
    told = _Told(data)
    copies = report.registry.copies
    columns: Dict[str, List[Any]] = {name: [] for name in ("id", *_Told.COLUMNS)}
    for verdict in data.verdicts:
        columns["id"].append(_number(verdict.thread.handle))
        for name, value in zip(_Told.COLUMNS, told.of(verdict)):
            columns[name].append(value)
    return {
        "started": copies[0].epoch_s(1) if copies else None,
        "now": _ms(report.at.now_ns) if copies else None,
        "live": report.at.live,
        "kindFields": KIND,
        "columns": columns,
        "kinds": data.kinds.values,
        "lists": data.lists.values,
        "stacks": data.stacks.values,
        "frames": data.frames.values,
        "texts": data.texts.values,
    }


def _number(handle: Optional[str]) -> Any:
    return int(handle) if handle is not None and handle.isdecimal() else handle


def _ms(ns: int) -> Optional[int]:
    return ns // 1_000_000 if ns else None


class _Told:
    """What differs between threads made alike."""

    COLUMNS = (
        "tid",
        "name",
        "kind",
        "scope",
        "why",
        "stack",
        "made",
        "began",
        "ended",
        "pthread",
        "arg",
    )

    def __init__(self, data: Data):
        self._data = data
        self._report = report = data.report
        self._explained: Any = report.explained
        waiting = self._explained.waiting
        every = list(data.verdicts)
        if not waiting.is_whole:
            every.sort(key=lambda verdict: not verdict.leaked)
            every = every[: text.EQUAL_ROWS]
        self._explains = None if waiting.is_whole else {id(verdict) for verdict in every}
        report.read_states(data.verdicts, len(data.verdicts) if waiting.is_whole else 64)
        self._stacks = self._current()
        self._ancestry: Dict[Any, int] = {}

    def of(self, verdict: Verdict) -> Tuple[Any, ...]:
        data, thread = self._data, verdict.thread
        record = thread.record
        began = ended = None
        if record is not None and thread.copy is not None:
            began = _ms(record.created_ns)
            ended = _ms(record.finished_ns)
        stack = -1
        if thread.kernel is not None and thread.state not in (FINISHED, ENDING):
            found = self._stacks.get(thread.kernel.tid)
            stack = data.stack(("now", id(found)), found, False) if found is not None else -1
        return (
            *(thread.tid or 0, data.text(self._report.name_of(thread) or "")),
            *(
                data.kind(verdict),
                data.scope(verdict),
                self._why(verdict),
                stack,
                self._made_by(verdict),
            ),
            *(began, ended),
            f"{thread.pthread:x}" if thread.pthread else "",
            f"{thread.argument:x}" if thread.argument else 0,
        )

    def _why(self, verdict: Verdict) -> int:
        said = self._report.evidence.why(verdict)
        if self._explains is None or id(verdict) in self._explains:
            found = self._explained.of(verdict)
            if found is not None:
                said = said + found.all()
        return self._data.list(said)

    def _made_by(self, verdict: Verdict) -> int:
        record, copy = verdict.thread.record, verdict.thread.copy
        if record is None or copy is None:
            return -1
        key = (copy.number, record.creator, record.site)
        if key not in self._ancestry:
            lines = ancestry(self._report, verdict)[1:]
            self._ancestry[key] = self._data.list([line.strip() for line in lines])
        return self._ancestry[key]

    def _current(self) -> Dict[int, Stack]:
        """By tid."""
        alive = [each.thread.kernel for each in self._data.verdicts if each.thread.kernel]
        with suppress(TargetError):
            return dict(
                zip((each.tid for each in alive), self._report.stacks.current(alive, STACK_FRAMES))
            )
        return {}
