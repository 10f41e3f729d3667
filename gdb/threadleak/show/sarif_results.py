# SPDX-License-Identifier: MIT
"""The threads of reports as SARIF's results: one for all threads of a class that one place made, be it in several
programs or tests, since a place is what is mended; and one for a deadlock."""

from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple

from ..judge.blame import first_own
from ..judge.classes import ALL, STUCK, SUSPICION
from ..judge.groups import ranges
from ..target.base import Frame
from .cases import Case
from .places import place
from .sanitize import clean, shorten
from .sarif_deadlocks import Deadlock, deadlocks
from .sarif_places import Places, message
from .sarif_threads import NAME_WIDTH, Shown, Thread, short

WHERE = 3  # tests or programs that a message names
IDS_WIDTH = 60
RELATED = 8  # places of other threads
KNOWN = "baseline "  # how what expects a thread begins, where it is a baseline


class _Group(NamedTuple):
    """What is one result: threads that one place made, or those of a deadlock, which may have been met several times."""

    deadlock: Optional[Deadlock]
    threads: List[Thread]

    @property
    def first(self) -> Thread:
        return self.threads[0]


def results(cases: Iterable[Case], places: Places, with_baseline: bool) -> List[Shown]:
    """`with_baseline`: of each result it is told whether it is new."""
    groups: Dict[Tuple[object, ...], _Group] = {}
    for case in cases:
        found = deadlocks(case)
        for shown in (case.shown or {}).get("threads", ()):
            thread = Thread(case, shown)
            deadlock = found.get(shown["tid"]) if shown["class"] == STUCK else None
            key = _key(thread, deadlock)
            groups.setdefault(key, _Group(deadlock, [])).threads.append(thread)
    told = [_result(group, places, with_baseline) for group in groups.values()]
    return sorted(told, key=lambda each: int(each["ruleIndex"]))


def _key(thread: Thread, deadlock: Optional[Deadlock]) -> Tuple[object, ...]:
    shown = thread.shown
    judged = (shown["class"], shown["leaked"], shown["confidence"], shown["expected_by"])
    at = thread.made if deadlock is None else deadlock.place
    made = shown.get("fingerprint") if deadlock is None else deadlock.fingerprint
    line = (at.file, at.line) if at is not None else None
    return (*judged, deadlock is None, made, line)


def _result(group: _Group, places: Places, with_baseline: bool) -> Shown:
    shown, deadlock = group.first.shown, group.deadlock
    related = list(_related(group, places))[:RELATED]
    links = ", ".join(
        f"[{each['message']['text']}]({each['id']})" for each in related if _is_line(each)
    )
    text = message(" ".join(_sentences(group)))["text"] + (f" See {links}." if links else "")
    found: Shown = {
        "ruleId": shown["class"],
        "ruleIndex": ALL.index(shown["class"]),
        "level": "error" if shown["leaked"] and shown["confidence"] != SUSPICION else "warning",
        "message": {"text": text},
        "locations": _locations(group, places),
        "occurrenceCount": len(group.threads),
    }
    stacks = [places.stack(frames, title) for frames, title in _stacks(group) if frames]
    flows = deadlock.flows(places) if deadlock is not None else []
    found.update((key, some) for key, some in (("stacks", stacks), ("codeFlows", flows)) if some)
    if related:
        found["relatedLocations"] = related
    if deadlock is not None:
        found["partialFingerprints"] = {"threadleakDeadlock/v1": deadlock.fingerprint}
    elif shown.get("fingerprint"):
        found["partialFingerprints"] = {"threadleakCreation/v1": clean(shown["fingerprint"])}
    expected = shown["expected_by"]
    if expected is not None:
        found["suppressions"] = [{"kind": "external", "justification": clean(expected)}]
    if with_baseline:
        is_known = expected is not None and expected.startswith(KNOWN)
        found["baselineState"] = "unchanged" if is_known else "new"
    return {**found, "properties": _properties(group.threads)}


def _locations(group: _Group, places: Places) -> List[Shown]:
    """GitHub requires one with a line (docs.github.com, SARIF support), so that a file as a whole is its first."""
    at = group.first.made if group.deadlock is None else group.deadlock.place
    found = [places.location(at)] if at is not None else []
    if not found or "physicalLocation" not in found[0]:
        target = (group.first.case.shown or {}).get("target") or {}
        found = places.of_file(target.get("exe") or target.get("core"))
    for each in found:
        each["physicalLocation"].setdefault("region", {"startLine": 1})
    return found


def _is_line(location: Shown) -> bool:
    return "region" in location.get("physicalLocation", ())


def _stacks(group: _Group) -> Iterator[Tuple[List[Frame], str]]:
    if group.deadlock is not None:
        yield from group.deadlock.stacks()
        return
    yield group.first.frames("creation_stack"), "created at"
    yield group.first.frames("stack"), "its stack now"


# ---- sentences -----------------------------------------------------------------------------------


def _sentences(group: _Group) -> Iterator[str]:
    """The first stands alone where there is no room for more, and says who is to blame."""
    first, deadlock = group.first, group.deadlock
    if deadlock is not None:
        yield f"{_counted(group)}{deadlock.where()}{_where(group)}."
        yield deadlock.text[:1].upper() + deadlock.text[1:]
        if deadlock.fix:
            yield deadlock.fix
        return
    yield f"{_counted(group)} {_made(first)}{_where(group)}."
    why = " ".join(first.shown["why"])
    yield why if len(group.threads) == 1 else f"Thread {first.handle}: {why}"
    wait = first.shown.get("wait") or {}
    if wait.get("text") and first.shown["class"] != STUCK:  # of that the proof says it
        yield f"It waits {wait['text']}."
    yield from wait.get("sentences", ())
    if first.shown["fix"]:
        yield first.shown["fix"]


def _counted(group: _Group) -> str:
    number, class_ = len(group.threads), group.first.shown["class"]
    return f"{number:,} {class_} thread{'' if number == 1 else 's'}"


def _made(thread: Thread) -> str:
    maker = first_own(thread.frames("creation_stack"))
    parts = [] if maker is None else [f"made by {short(maker)}"]
    parts += [] if thread.start is None else [f"started in {short(thread.start)}"]
    return ", ".join(parts) or "whose creation was not seen"


def _where(group: _Group) -> str:
    names = list(dict.fromkeys(thread.case.name for thread in group.threads))
    shown = ", ".join(shorten(clean(name), NAME_WIDTH) for name in names[:WHERE])
    more = f" and {len(names) - WHERE:,} more" if len(names) > WHERE else ""
    return f", in {shown}{more}"


# ---- other places --------------------------------------------------------------------------------


def _related(group: _Group, places: Places) -> Iterator[Shown]:
    number = 0
    told = group.deadlock.related() if group.deadlock is not None else _tied(group.first)
    for text, frame in told:
        location = places.told(frame, text) if frame is not None else {}
        if "physicalLocation" in location:
            number += 1
            yield {"id": number, **location}


def _tied(thread: Thread) -> Iterator[Tuple[str, Optional[Frame]]]:
    """Where it is now, and where the one is that holds what it waits for."""
    yield "where it is now", thread.now
    owner = (thread.shown.get("wait") or {}).get("owner") or {}
    tid = owner.get("tid")
    for shown in (thread.case.shown or {})["threads"] if tid else ():
        if shown["tid"] == tid != thread.shown["tid"]:
            other = Thread(thread.case, shown)
            yield f"where thread {other.handle} is", other.now
            yield f"where thread {other.handle} was made", other.made


def _properties(threads: List[Thread]) -> Dict[str, Any]:
    """For programs that read this."""
    first = threads[0]
    ids = [each.shown["id"] for each in threads]
    numbers = [id for id in ids if isinstance(id, int)]
    scopes = dict.fromkeys(each.shown.get("scope") or "" for each in threads)
    return {
        "confidence": first.shown["confidence"],
        "threads": ranges(numbers, IDS_WIDTH)
        if numbers
        else ", ".join(map(str, filter(None, ids))),
        "scopes": [clean(each) for each in scopes if each][:WHERE],
        "startedIn": place(first.start) if first.start is not None else "",
    }
