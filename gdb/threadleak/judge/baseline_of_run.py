# SPDX-License-Identifier: MIT
"""The baseline of many processes that each checked itself: from their reports."""

from collections import Counter
from typing import Any, Dict, Iterable, Mapping

from .baseline import Entry, Key, comment_of
from .blame import first_own
from .side import frame_of


def found_in_reports(reports: Iterable[Mapping[str, Any]]) -> Dict[Key, Entry]:
    """The leaks of several processes, as show/json.py has them. The most that one report has count, since each process
    is compared for itself."""
    most: Dict[Key, Entry] = {}
    for report in reports:
        counts: "Counter[Key]" = Counter()
        for shown in report["threads"]:
            if shown["leaked"] and shown.get("fingerprint"):
                key = Key(shown["class"], shown["fingerprint"])
                counts[key] += 1
                if key not in most:
                    most[key] = Entry(0, _comment_of(shown))
        for key, count in counts.items():
            most[key] = most[key]._replace(threads=max(count, most[key].threads))
    return most


def _comment_of(shown: Mapping[str, Any]) -> str:
    frames = map(frame_of, shown.get("creation_stack") or ())
    return comment_of(frame_of(shown["start"]), first_own(frames))
