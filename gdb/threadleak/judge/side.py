# SPDX-License-Identifier: MIT
"""One side of a comparison: the threads of a report, or of one that was saved as JSON (docs/json-schema.json)."""

import os
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Tuple

from ..read.model import Copy
from ..read.records import Kind
from ..target.base import Frame, TargetError, base_name
from .blame import own_frame
from .classes import UNJOINED
from .names import without_arguments
from .report import Report
from .verdicts import Verdict

SCHEMA = "threadleak/1"  # show/json.py
MAIN, UNTRACKED = "main", "untracked"
Key = Tuple[Any, ...]


class Site(NamedTuple):
    key: Key  # where its calls lie in their files: the same in every process that runs this build
    look: Key  # what they are called, as far as lines are known: the same in other builds, if lines are
    what: str  # MAIN, UNTRACKED or ""
    frames: Tuple[Frame, ...]  # of the creation stack
    start: Optional[Frame]

    @property
    def own(self) -> Optional[Frame]:
        index = own_frame(list(self.frames))
        return None if index is None else self.frames[index]


class Seen(NamedTuple):
    """A thread."""

    id: Optional[str]
    tid: Optional[int]
    created_at: Optional[float]
    class_: str
    site: Key
    waits: bool = False  # just finished, or being joined: about to go, for all that is known
    pthread: Optional[str] = None

    @property
    def identity(self) -> Tuple[object, ...]:
        """Ids are never used again in a process; tids are."""
        if self.id is not None:
            return (self.id, self.created_at)
        return ("tid", self.tid) if self.tid is not None else ("pthread", self.pthread)


class Side(NamedTuple):
    name: str  # what the user calls it
    pid: Optional[int]
    started_at: Optional[float]
    read_at: Optional[float]
    threads: List[Seen]
    sites: Dict[Key, Site]


def _site(frames: Iterable[Frame], start: Optional[Frame]) -> Site:
    frames = tuple(frames)
    calls = frames if start is None else (*frames, start)
    # each call once: how many inlined functions there are depends on who reads
    key = tuple(dict.fromkeys(map(_place, calls)))
    return Site(key, tuple(map(_look, calls)), "", frames, start)


def _place(frame: Frame) -> Tuple[object, ...]:
    if frame.offset is None:
        return (frame.pc,)
    return (base_name(frame.module), frame.offset)


def _look(frame: Frame) -> Tuple[object, ...]:
    if frame.function and frame.line:
        return (without_arguments(frame.function), base_name(frame.file), frame.line)
    return _place(frame)


_MAIN = Site((MAIN,), (MAIN,), MAIN, (), None)
_UNTRACKED = Site((UNTRACKED,), (UNTRACKED,), UNTRACKED, (), None)


def of_report(report: Report, name: str) -> Side:
    started = read = None
    for copy in report.registry.copies[:1]:
        started = round(copy.header.start_realtime_ns / 1e9, 3)
        read = copy.epoch_s(report.at.now_ns)
    side = Side(name, report.target.pid, started, read, [], {})
    known: Dict[Tuple[Optional[Copy], Kind], Site] = {}
    for verdict in report.verdicts:
        site = _site_of(report, verdict, known)
        side.sites.setdefault(site.key, site)
        side.threads.append(_seen(verdict, site))
    return side


def _site_of(
    report: Report, verdict: Verdict, known: Dict[Tuple[Optional[Copy], Kind], Site]
) -> Site:
    copy, kind = verdict.thread.copy, verdict.thread.kind
    if verdict.thread.is_main:
        return _MAIN
    if kind is None:
        return _UNTRACKED
    site = known.get((copy, kind))
    if site is None:
        frames = report.stacks.creation(copy, kind.site).frames
        site = known[copy, kind] = _site(frames, report.stacks.start(copy, kind))
    return site


def _seen(verdict: Verdict, site: Site) -> Seen:
    thread = verdict.thread
    created = None
    if thread.copy is not None:
        created = thread.copy.epoch_s(thread.copy.records.column("created_ns")[thread.index])
    waits = bool(verdict.waiting)
    pthread = f"{thread.pthread:#x}" if thread.pthread is not None else None
    return Seen(thread.id, thread.tid, created, verdict.class_, site.key, waits, pthread)


def is_document(path: str) -> bool:
    """By its content: the name may be anything."""
    if not os.path.isfile(path):
        return False  # opening a pipe, for one, waits
    try:
        with open(path, "rb") as file:
            return file.read(64).lstrip().startswith(b"{")
    except (OSError, ValueError):
        return False


def of_document(path: str) -> Side:
    import json  # by those alone who compare with a saved report

    try:
        with open(path, encoding="utf-8") as file:
            shown = json.load(file)
        if shown["schema"] != SCHEMA:
            raise ValueError(f"its schema is {str(shown['schema'])[:40]!r}")
        if shown["error"] is not None:
            raise TargetError(f"{path} says: {str(shown['error'])[:500]}")
        whole = shown["summary"]["threads"]
        side = _of_shown(path, shown)
    except OSError as error:
        raise TargetError(f"{path} cannot be read: {error.strerror}") from None
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        why = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        text = f"{path} is no report of `threadleak list --format json`: {why}"
        raise TargetError(text) from None
    if len(side.threads) != whole:
        raise TargetError(
            f"{path} has {len(side.threads):,} of {whole:,} threads: save it with"
            " `threadleak list --all --format json`"
        )
    return side


def _of_shown(path: str, shown: Dict[str, Any]) -> Side:
    registry = shown["registry"]
    started, read = _number(registry.get("started_at")), _number(registry.get("read_at"))
    side = Side(path, shown["target"]["pid"], started, read, [], {})
    known: Dict[object, Site] = {}
    for each in shown["threads"]:
        site = _MAIN if each["main"] else None
        if site is None and each.get("start") is None:
            site = _UNTRACKED
        if site is None:
            site = _site(map(frame_of, each.get("creation_stack") or []), frame_of(each["start"]))
            site = known.setdefault(site.key, site)
        side.sites.setdefault(site.key, site)
        id = None if each["id"] is None else str(each["id"])
        created = _number(each.get("created_at"))
        waits = each["class"] == UNJOINED and not each["leaked"] and each["expected_by"] is None
        pthread = _text(each["pthread"])
        class_ = str(each["class"])
        side.threads.append(Seen(id, each["tid"], created, class_, site.key, waits, pthread))
    return side


def _number(value: Any) -> Optional[float]:
    return None if value is None else float(value)


def frame_of(shown: Dict[str, Any]) -> Frame:
    """As show/json.py wrote it."""
    address = [int(shown[key], 16) if shown[key] is not None else None for key in ("pc", "offset")]
    text = [_text(shown[key]) for key in ("function", "module", "file")]
    line = None if shown["line"] is None else int(shown["line"])
    return Frame(address[0] or 0, text[0], text[1], address[1], text[2], line)


def _text(value: Any) -> Optional[str]:
    return None if value is None else str(value)
