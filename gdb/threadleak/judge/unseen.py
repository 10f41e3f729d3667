# SPDX-License-Identifier: MIT
"""What a registry does not see of its process, and whether that makes whoever asks it blind: the same for those that judge
its threads and for those that count them."""

from typing import Iterable, List, NamedTuple, Optional

from ..read.model import Registry


class Notice(NamedTuple):
    """Something about the process as a whole."""

    kind: str
    text: str
    number: int
    blind: bool = False  # so that no leak found does not mean that there is none


def no_creation(registry: Registry, untracked: int) -> Iterable[Notice]:
    """`untracked`: how many threads are."""
    if (
        untracked
        and registry.copies
        and all(each.header.next_id in (1, 2) for each in registry.copies)
    ):
        text = (
            "the registry has no creation at all: the calls go past the library (an archive"
            " does not see those inside libstdc++.so), so preload it"
        )
        yield Notice("no_creations", text, untracked, blind=True)


def lost(registry: Registry) -> Iterable[Notice]:
    """What should be known and is not."""
    for name, what in (
        ("records", "nothing is known of them"),
        ("sites", "their stacks are not known"),
    ):
        dropped = sum(copy.dropped.get(name, 0) for copy in registry.copies)
        if dropped:
            text = f"{plural(dropped, 'thread')} dropped for lack of room: {what}"
            yield Notice(f"dropped_{name}", text, dropped, blind=name == "records")
    dropped = sum(copy.dropped.get("scopes", 0) for copy in registry.copies)
    if dropped:
        text = f"{plural(dropped, 'scope')} dropped for lack of room: their threads belong to the one around"
        yield Notice("dropped_scopes", text, dropped, blind=True)
    facts = sum(copy.header.lost_facts for copy in registry.copies)
    if facts:
        text = f"{plural(facts, 'detach or join', 'detaches or joins')} could not be matched with a"
        text += " record: a thread that looks unjoined may be none"
        yield Notice("lost_facts", text, facts)
    for kind, count, example in registry.anomalies:
        yield Notice("anomaly", f"damaged: {kind}: {count:,} ({example})", count, blind=True)


def blinding(notices: Iterable[Notice]) -> List[str]:
    """Why there may be others than were counted; in which scopes they are is not asked for."""
    return [each.text for each in notices if each.blind and each.kind != "dropped_scopes"]


def plural(count: int, one: str, more: Optional[str] = None) -> str:
    return f"{count:,} {one if count == 1 else more or one + 's'}"
