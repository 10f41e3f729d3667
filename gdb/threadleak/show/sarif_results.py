# SPDX-License-Identifier: MIT
"""The threads of reports as SARIF's results: one for all threads of a class that one place made, be it in several
programs or tests, since a place is what is mended."""

from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple

from ..judge.blame import first_own, own_frame
from ..judge.classes import ALL, STUCK, SUSPICION
from ..judge.groups import ranges
from ..judge.names import brief, without_arguments
from ..judge.side import frame_of
from ..target.base import Frame, base_name
from .cases import Case
from .places import function, in_module, place
from .sanitize import clean, shorten
from .sarif_places import Places, message

NAME_WIDTH = 80
WHERE = 3  # tests or programs that a message names
IDS_WIDTH = 60
RELATED = 8  # places of other threads
KNOWN = "baseline "  # how what expects a thread begins, where it is a baseline

Shown = Dict[str, Any]


class _Thread(NamedTuple):
    case: Case
    shown: Shown

    def frames(self, name: str) -> List[Frame]:
        return [frame_of(each) for each in self.shown.get(name) or []]

    @property
    def start(self) -> Optional[Frame]:
        start = self.shown.get("start")
        return None if start is None else frame_of(start)

    @property
    def place(self) -> Optional[Frame]:
        """Where it was made, as far as that is known: the user's own part of that."""
        return first_own(self.frames("creation_stack")) or self.start


def results(cases: Iterable[Case], places: Places, with_baseline: bool) -> List[Shown]:
    """`with_baseline`: of each result it is told whether it is new."""
    groups: Dict[Tuple[object, ...], List[_Thread]] = {}
    for case in cases:
        for shown in (case.shown or {}).get("threads", ()):
            thread = _Thread(case, shown)
            groups.setdefault(_key(thread), []).append(thread)
    found = [_result(group, places, with_baseline) for group in groups.values()]
    return sorted(found, key=lambda each: int(each["ruleIndex"]))


def _key(thread: _Thread) -> Tuple[object, ...]:
    shown, at = thread.shown, thread.place
    made = shown.get("fingerprint")
    line = (at.file, at.line) if at is not None else None
    return (shown["class"], shown["leaked"], shown["confidence"], shown["expected_by"], made, line)


def _result(group: List[_Thread], places: Places, with_baseline: bool) -> Shown:
    first = group[0]
    shown, at = first.shown, first.place
    related = list(_related(first, places))[:RELATED]
    links = ", ".join(
        f"[{each['message']['text']}]({each['id']})" for each in related if _is_line(each)
    )
    text = message(" ".join(_sentences(group)))["text"] + (f" See {links}." if links else "")
    found: Shown = {
        "ruleId": shown["class"],
        "ruleIndex": ALL.index(shown["class"]),
        "level": "error" if shown["leaked"] and shown["confidence"] != SUSPICION else "warning",
        "message": {"text": text},
        "locations": _locations(first, at, places),
        "occurrenceCount": len(group),
    }
    stacks = [
        places.stack(frames, title)
        for frames, title in (
            (first.frames("creation_stack"), "created at"),
            (first.frames("stack"), "its stack now"),
        )
        if frames
    ]
    if stacks:
        found["stacks"] = stacks
    if related:
        found["relatedLocations"] = related
    if shown.get("fingerprint"):
        found["partialFingerprints"] = {"threadleakCreation/v1": clean(shown["fingerprint"])}
    expected = shown["expected_by"]
    if expected is not None:
        found["suppressions"] = [{"kind": "external", "justification": clean(expected)}]
    if with_baseline:
        is_known = expected is not None and expected.startswith(KNOWN)
        found["baselineState"] = "unchanged" if is_known else "new"
    return {**found, "properties": _properties(group)}


def _locations(thread: _Thread, at: Optional[Frame], places: Places) -> List[Shown]:
    """GitHub requires one with a line (docs.github.com, SARIF support), so that a file as a whole is its first."""
    found = [places.location(at)] if at is not None else []
    if not found or "physicalLocation" not in found[0]:
        target = (thread.case.shown or {}).get("target") or {}
        found = places.of_file(target.get("exe") or target.get("core"))
    for each in found:
        each["physicalLocation"].setdefault("region", {"startLine": 1})
    return found


def _is_line(location: Shown) -> bool:
    return "region" in location.get("physicalLocation", ())


# ---- sentences -----------------------------------------------------------------------------------


def _sentences(group: List[_Thread]) -> Iterator[str]:
    """The first stands alone where there is no room for more, and says who is to blame."""
    first = group[0]
    yield f"{_counted(group)} {_made(first)}{_where(group)}."
    alone = len(group) == 1
    why = " ".join(first.shown["why"])
    yield why if alone else f"Thread {_handle(first.shown)}: {why}"
    wait = first.shown.get("wait") or {}
    if wait.get("text") and first.shown["class"] != STUCK:  # of that the proof says it
        yield f"It waits {wait['text']}."
    yield from wait.get("sentences", ())
    if first.shown["fix"]:
        yield first.shown["fix"]


def _counted(group: List[_Thread]) -> str:
    number, class_ = len(group), group[0].shown["class"]
    return f"{number:,} {class_} thread{'' if number == 1 else 's'}"


def _made(thread: _Thread) -> str:
    maker = first_own(thread.frames("creation_stack"))
    parts = [] if maker is None else [f"made by {_short(maker)}"]
    parts += [] if thread.start is None else [f"started in {_short(thread.start)}"]
    return ", ".join(parts) or "whose creation was not seen"


def _short(frame: Frame) -> str:
    """start_workers (pool.cc:41)"""
    name = brief(without_arguments(function(frame)), NAME_WIDTH)
    if frame.file and frame.line:
        return f"{name} ({clean(base_name(frame.file))}:{frame.line})"
    where = in_module(frame)
    return f"{name} ({where})" if frame.function and where else name


def _where(group: List[_Thread]) -> str:
    names = list(dict.fromkeys(thread.case.name for thread in group))
    shown = ", ".join(shorten(clean(name), NAME_WIDTH) for name in names[:WHERE])
    more = f" and {len(names) - WHERE:,} more" if len(names) > WHERE else ""
    return f", in {shown}{more}"


def _handle(shown: Shown) -> str:
    return str(shown["id"] if shown["id"] is not None else shown["tid"] or shown["pthread"])


# ---- other places --------------------------------------------------------------------------------


def _related(thread: _Thread, places: Places) -> Iterator[Shown]:
    """Where it is now, and where those are that it is tied up with."""
    told = [("where it is now", _now(thread))]
    for other in _tied(thread):
        told.append((f"where thread {_handle(other.shown)} is", _now(other)))
        told.append((f"where thread {_handle(other.shown)} was made", other.place))
    number = 0
    for text, frame in told:
        location = places.told(frame, text) if frame is not None else {}
        if "physicalLocation" in location:
            number += 1
            yield {"id": number, **location}


def _now(thread: _Thread) -> Optional[Frame]:
    """The innermost of its own functions that it is in; of a system library alone nothing is told."""
    frames = thread.frames("stack")
    own = own_frame(frames)
    return frames[own] if own is not None and frames[own].file else None


def _tied(thread: _Thread) -> List[_Thread]:
    """The others of its deadlock, and who holds what it waits for."""
    document = thread.case.shown or {}
    owner = (thread.shown.get("wait") or {}).get("owner") or {}
    tids = [owner.get("tid")]
    for finding in document.get("findings", ()):
        members = [each["tid"] for each in finding.get("threads", ())]
        if thread.shown["tid"] in members:
            tids += members
    wanted = {tid for tid in tids if tid and tid != thread.shown["tid"]}
    return [_Thread(thread.case, each) for each in document["threads"] if each["tid"] in wanted]


def _properties(group: List[_Thread]) -> Shown:
    """For programs that read this."""
    first = group[0].shown
    ids = [each.shown["id"] for each in group]
    numbers = [id for id in ids if isinstance(id, int)]
    scopes = dict.fromkeys(each.shown.get("scope") or "" for each in group)
    return {
        "confidence": first["confidence"],
        "threads": ranges(numbers, IDS_WIDTH)
        if numbers
        else ", ".join(map(str, filter(None, ids))),
        "scopes": [clean(each) for each in scopes if each][:WHERE],
        "startedIn": place(group[0].start) if group[0].start is not None else "",
    }
