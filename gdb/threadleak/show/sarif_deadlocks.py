# SPDX-License-Identifier: MIT
"""Threads that nothing can wake as SARIF's results: one for a deadlock with all that hang on it, where the first of its
threads waits, since it is mended as a whole; of each of them there is the way to where it waits (threadFlows)."""

from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

from ..judge.blame import is_wrapper
from ..judge.classes import STUCK
from ..judge.fingerprint import bare_file, bare_function, digest
from ..target.base import Frame
from .cases import Case
from .places import place
from .sarif_places import Places, message
from .sarif_threads import Shown, Thread, short

FLOWS = 16  # threads whose ways are shown
STEPS = 16  # of a way, the innermost
WHERE = 3  # places that a message names


class Deadlock(NamedTuple):
    text: str
    fix: str
    threads: List[Thread]  # its members, by where they wait
    fingerprint: str

    @property
    def place(self) -> Optional[Frame]:
        """Where one of them waits, or else where it was made."""
        first = self.threads[0]
        return first.now or first.made

    def where(self) -> str:
        """Where they wait, as far as that is known."""
        places = list(dict.fromkeys(short(each.now) for each in self.threads if each.now))
        more = f" and {len(places) - WHERE:,} more places" if len(places) > WHERE else ""
        return f" at {', '.join(places[:WHERE])}{more}" if places else ""

    def related(self) -> Iterator[Tuple[str, Optional[Frame]]]:
        for each in self.threads[1:]:
            yield f"where thread {each.handle} waits", each.now
        for each in self.threads:
            yield f"where thread {each.handle} was made", each.made

    def stacks(self) -> Iterator[Tuple[List[Frame], str]]:
        told = ((each.handle, tuple(each.frames("stack"))) for each in self.threads[:FLOWS])
        for handle, frames in dict.fromkeys(
            told
        ):  # a set by the schema; whoever forged a report may not know that
            yield list(frames), f"where thread {handle} waits"

    def flows(self, places: Places) -> List[Shown]:
        """Who came how to where it waits."""
        flows = [
            {"id": each.handle, "message": message(f"thread {each.handle}"), "locations": steps}
            for each in self.threads[:FLOWS]
            for steps in [list(_steps(each, places))]
            if steps
        ]
        return [{"message": message(self.text), "threadFlows": flows}] if flows else []


def deadlocks(case: Case) -> Dict[Any, Deadlock]:
    """By the tid of each thread that is in one or hangs on one, as far as the document has its threads."""
    document = case.shown or {}
    by_tid = {shown["tid"]: Thread(case, shown) for shown in document.get("threads", ())}
    found: Dict[Any, Deadlock] = {}
    for finding in document.get("findings", ()):
        if finding["kind"] != STUCK:
            continue
        tids = list(dict.fromkeys(each["tid"] for each in finding["threads"]))
        tids = [tid for tid in tids if tid in by_tid]
        members = {each["tid"] for each in finding["threads"][: finding["members"]]}
        threads = [by_tid[tid] for tid in tids if tid in members] or [by_tid[tid] for tid in tids]
        if threads:
            found.update(dict.fromkeys(tids, _deadlock(finding, threads)))
    return found


def _deadlock(finding: Shown, threads: List[Thread]) -> Deadlock:
    told = sorted(((_told(each), at) for at, each in enumerate(threads)))
    marks = sorted({mark for (_, _, mark), _ in told})
    ordered = [threads[at] for _, at in told]
    return Deadlock(finding["text"], finding["fix"] or "", ordered, digest(marks))


def _told(thread: Thread) -> Tuple[str, int, str]:
    """Where it waits, for an order that is the same in each run; and what it does in each build."""
    now = thread.now
    mark = f"{thread.shown.get('fingerprint')} {_function(thread, now) if now is not None else ''}"
    return (now.file or "", now.line or 0, mark) if now is not None else ("\U0010ffff", 0, mark)


def _function(thread: Thread, now: Frame) -> str:
    """What `now` is inlined into, since builds differ in that."""
    outer = [each for each in thread.frames("stack") if each.pc == now.pc][-1]
    return f"{bare_function(outer.function or '')} {bare_file(outer.module or '')}"


def _steps(thread: Thread, places: Places) -> Iterator[Shown]:
    """Where it was made, and the calls in its own code that led to the wait."""
    told = [(thread.made, "it was made")] if thread.made is not None else []
    calls = [each for each in thread.frames("stack") if not is_wrapper(each) and each.file]
    told += [(each, place(each)) for each in calls[:STEPS][::-1]]
    if calls:
        wait = thread.shown.get("wait") or {}
        told[-1] = calls[0], f"it waits {wait['text']}" if wait.get("text") else "it waits"
    for frame, text in told:
        location = places.told(frame, text)
        if "physicalLocation" in location:
            yield {"location": location}
