# SPDX-License-Identifier: MIT
"""What happened when, thread by thread: the events of a ring, and the records of a registry, as spans of time.

Pure and linear. Times are nanoseconds since the timeline's beginning. The oldest events are overwritten in a process
that makes many, single ones may be torn, and memory may be damaged: whatever does not fit together is drawn as far as it
is known, and never outside of the timeline.
"""

from typing import Dict, Iterable, List, NamedTuple, Tuple

from ..read.events import Event
from .pairing import KnownScope, Pairing
from .spans import WOKEN, Span, nested
from .tracks import Known, Track

CREATES, JOINS = "create", "join"  # arrows


class Moment(NamedTuple):
    """When a count changed; and the end."""

    at: int
    alive: int
    unjoined: int


class Timeline(NamedTuple):
    length: int
    tracks: List[Track]  # by id
    across: List[Span]  # scopes that do not nest with what else their threads did
    scopes: Dict[int, str]  # names, by id
    moments: List[Moment]


def timeline(
    events: Iterable[Tuple[int, Event]],
    known: Iterable[Known],
    scopes: Iterable[KnownScope],
    length: int,
    lost: bool,
    next_id: int,
) -> Timeline:
    """`events`: each behind its time, in the order of these; `lost`: earlier ones were overwritten; `next_id`: that of
    the registry, when `known` was read."""
    found = Pairing(length)
    for at, event in events:
        found.add(min(max(at, 0), length), event)
    found.add_records(known)
    found.add_scopes(scopes)
    tracks = [track for _, track in sorted(found.tracks.items())]
    for track in tracks:
        track.close(length, lost, track.id >= next_id)
    for track in tracks:
        _arrow_to(track, found)
    across = found.loose
    for track in tracks:
        track.spans, crossing = nested(track.spans)
        across += crossing
    return Timeline(length, tracks, across, found.scope_names, _moments(tracks, length))


def _arrow_to(track: Track, found: Pairing) -> None:
    """From whoever created it, and to whoever joined it. An arrow leads forward in time, from a span to a span."""
    life = track.life
    created = found.creates.get(track.id)
    if created is not None and created.thread in found.tracks and created.begun < life.begun:
        created.leaves = life.enters = (CREATES, track.id)
    joined = found.joins.get(track.id)
    is_seen = not track.end_note and life.begun < life.ended
    if joined is None or joined.thread not in found.tracks or not is_seen:
        return
    if life.ended > joined.begun:
        if life.ended > joined.ended:
            return
        joined = Span(WOKEN, life.ended, joined.ended, joined.thread, track.id)
        found.tracks[joined.thread].spans.append(joined)
    life.leaves = joined.enters = (JOINS, track.id)


def _moments(tracks: Iterable[Track], length: int) -> List[Moment]:
    """Alive are those whose lives go on, unjoined those whose lives are over and that are not given back."""
    steps: Dict[int, List[int]] = {0: [0, 0]}
    for track in tracks:
        steps.setdefault(track.life.begun, [0, 0])[0] += 1
        if track.finished is None:
            continue
        over = steps.setdefault(track.finished, [0, 0])
        over[0] -= 1
        released = track.released(track.finished)
        if released is None:
            over[1] += 1
        elif released > track.finished:
            over[1] += 1
            steps.setdefault(released, [0, 0])[1] -= 1
    found: List[Moment] = []
    alive = unjoined = 0
    for at, (began, left) in sorted(steps.items()):
        alive, unjoined = alive + began, unjoined + left
        if not found or found[-1][1:] != (alive, unjoined):
            found.append(Moment(at, alive, unjoined))
    return [*found, Moment(length, alive, unjoined)]
