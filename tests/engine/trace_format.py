# SPDX-License-Identifier: MIT
"""The trace-event format of Chrome, as far as `threadleak trace` uses it: what its description ("Trace Event Format",
Google, CC-BY) and Perfetto's reader of it demand. Reads a document as they do: events sorted by time, those of one
moment in the order of the file; slices of a track on a stack; an arrow bound to the slice that is open at each end."""

import json
from decimal import Decimal
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

KEYS = {
    "M": {"pid", "name", "args"},
    "B": {"pid", "tid", "ts", "name"},
    "E": {"pid", "tid", "ts"},
    "i": {"pid", "tid", "ts", "name", "s"},
    "s": {"pid", "tid", "ts", "name", "cat", "id"},
    "f": {"pid", "tid", "ts", "name", "cat", "id", "bp"},
    "b": {"pid", "tid", "ts", "name", "cat", "id"},
    "e": {"pid", "tid", "ts", "name", "cat", "id"},
    "C": {"pid", "ts", "name", "args"},
}
METADATA = {"process_name": str, "thread_name": str, "thread_sort_index": int}
TID_MAX = 0xFFFFFFFF


class Slice:
    def __init__(self, event: Dict[str, Any], depth: int):
        self.name: str = event["name"]
        self.tid: int = event["tid"]
        self.begun: Decimal = event["ts"]
        self.ended: Optional[Decimal] = None
        self.depth = depth
        self.args: Dict[str, Any] = event.get("args", {})
        self.colour: str = event.get("cname", "")

    def covers(self, at: Decimal) -> bool:
        return self.ended is not None and self.begun <= at < self.ended


class Arrow(NamedTuple):
    what: str
    id: int
    begins: Slice
    ends: Slice


class Parsed(NamedTuple):
    about: Dict[str, Any]
    names: Dict[int, str]  # of tracks
    slices: List[Slice]
    scopes: List[Slice]  # asynchronous ones
    arrows: List[Arrow]
    instants: List[Dict[str, Any]]
    counts: List[Tuple[Decimal, Dict[str, Any]]]

    def track(self, tid: int) -> List[Slice]:
        return [each for each in self.slices if each.tid == tid]

    def lives(self) -> List[Slice]:
        return [each for each in self.slices if "id" in each.args]


def read(path: Any) -> Parsed:
    with open(path, encoding="ascii") as file:
        return parse(file.read())


def parse(text: str) -> Parsed:
    """AssertionError: it is not in the format."""
    shown = json.loads(text, parse_float=Decimal)
    assert isinstance(shown["traceEvents"], list)
    for event in shown["traceEvents"]:
        _check(event)
    reader = _Reader()
    timed = [event for event in shown["traceEvents"] if event["ph"] != "M"]
    for event in sorted(timed, key=lambda each: each["ts"]):
        reader.take(event)
    assert not any(reader.stacks.values()), "a slice does not end"
    assert not reader.open_arrows, "an arrow arrives nowhere"
    assert not reader.open_scopes, "a scope does not end"
    names: Dict[int, str] = {}
    for event in shown["traceEvents"]:
        if event["name" if "name" in event else "ph"] == "thread_name":
            assert event["tid"] not in names, "a track has two names"
            names[event["tid"]] = event["args"]["name"]
    assert {each.tid for each in reader.slices} <= set(names), "a track has no name"
    return Parsed(
        shown.get("otherData", {}),
        names,
        reader.slices,
        reader.scopes,
        reader.arrows,
        reader.instants,
        reader.counts,
    )


def _check(event: Dict[str, Any]) -> None:
    phase = event["ph"]
    assert KEYS[phase] <= set(event), f"of {event} a key is missing"
    assert isinstance(event["pid"], int) and 0 <= event.get("tid", 0) <= TID_MAX, event
    assert isinstance(event.get("name", ""), str) and event.get("name") != "", event
    assert isinstance(event.get("args", {}), dict), event
    if phase == "M":
        value = event["args"]["sort_index" if event["name"] == "thread_sort_index" else "name"]
        assert isinstance(value, METADATA[event["name"]]), event
        return
    assert isinstance(event["ts"], (int, Decimal)) and event["ts"] >= 0, event
    if phase == "C":
        assert event["args"] and all(isinstance(each, int) for each in event["args"].values())
    if phase in "sf":
        assert isinstance(event["id"], int), event
    if phase in "be":
        assert isinstance(event["id"], str) and int(event["id"], 16) >= 0, event
    if phase == "i":
        assert event["s"] in ("t", "p", "g"), event
    if phase == "f":
        assert event["bp"] == "e", event


class _Reader:
    def __init__(self) -> None:
        self.stacks: Dict[int, List[Slice]] = {}
        self.slices: List[Slice] = []
        self.scopes: List[Slice] = []
        self.arrows: List[Arrow] = []
        self.instants: List[Dict[str, Any]] = []
        self.counts: List[Tuple[Decimal, Dict[str, Any]]] = []
        self.open_arrows: Dict[Tuple[str, int], Tuple[Decimal, Slice]] = {}
        self.open_scopes: Dict[Tuple[str, str], Slice] = {}

    def take(self, event: Dict[str, Any]) -> None:
        stack = self.stacks.setdefault(event.get("tid", 0), [])
        phase = event["ph"]
        if phase == "B":
            slice = Slice(event, len(stack))
            self.slices.append(slice)
            stack.append(slice)
        elif phase == "E":
            assert stack, f"nothing is open where {event} ends it"
            stack.pop().ended = event["ts"]
        elif phase == "s":
            assert stack, f"no slice is open where {event} starts"
            assert (event["cat"], event["id"]) not in self.open_arrows, f"{event} comes twice"
            self.open_arrows[event["cat"], event["id"]] = event["ts"], stack[-1]
        elif phase == "f":
            assert stack, f"no slice is open where {event} arrives"
            at, begins = self.open_arrows.pop((event["cat"], event["id"]))
            assert at < event["ts"], "an arrow leads back"
            self.arrows.append(Arrow(event["cat"], event["id"], begins, stack[-1]))
        elif phase == "b":
            assert (event["cat"], event["id"]) not in self.open_scopes
            self.open_scopes[event["cat"], event["id"]] = Slice(event, 0)
        elif phase == "e":
            scope = self.open_scopes.pop((event["cat"], event["id"]))
            assert scope.name == event["name"], "its name is another one at its end"
            scope.ended = event["ts"]
            self.scopes.append(scope)
        elif phase == "i":
            self.instants.append(event)
        else:
            self.counts.append((event["ts"], event["args"]))
