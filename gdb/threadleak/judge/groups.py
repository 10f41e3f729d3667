# SPDX-License-Identifier: MIT
"""Ten thousand equal leaks are one group: the threads of one creation stack and start routine."""

from collections import Counter
from typing import Dict, Iterable, List, NamedTuple, Tuple

from .classes import ALL
from .verdicts import Verdict

_RANK = {class_: rank for rank, class_ in enumerate(ALL)}


class Key(NamedTuple):
    copy: int  # 0: untracked, or a main thread without a record
    site: int
    start: int
    main: bool


class Group:
    """Never empty. Leaked threads first, then by class, then by id."""

    __slots__ = ("key", "verdicts", "leaked")

    def __init__(self, key: Key, verdicts: List[Verdict]):
        self.key = key
        self.verdicts = verdicts
        self.leaked = sum(verdict.leaked for verdict in verdicts)
        verdicts.sort(key=_order)

    def by_class(self) -> Dict[str, int]:
        counts = Counter(verdict.class_ for verdict in self.verdicts)
        return {class_: counts[class_] for class_ in ALL if counts[class_]}

    def created_ns(self) -> Tuple[int, int]:
        """Oldest and newest creation; 0 where no record tells."""
        times = [v.thread.record.created_ns for v in self.verdicts if v.thread.record is not None]
        return (min(times), max(times)) if times else (0, 0)


def _order(verdict: Verdict) -> Tuple[bool, int, int]:
    record = verdict.thread.record
    return (not verdict.leaked, _RANK[verdict.class_], record.id if record is not None else 0)


def group(verdicts: Iterable[Verdict]) -> List[Group]:
    """Groups with leaked threads first, then larger ones."""
    members: Dict[Tuple[int, int, int, bool], List[Verdict]] = {}
    for verdict in verdicts:
        thread = verdict.thread
        record, copy = thread.record, thread.copy
        if record is None or copy is None:
            key = (0, 0, 0, thread.is_main)
        else:
            key = (copy.number, record.site, record.start, thread.is_main)
        members.setdefault(key, []).append(verdict)
    groups = [Group(Key(*key), found) for key, found in members.items()]
    groups.sort(key=lambda each: (-each.leaked, each.key.main, -len(each.verdicts), each.key))
    return groups


def id_ranges(verdicts: Iterable[Verdict]) -> str:
    """The ids as people write them: 3-9, 12, 2.4-2.6."""
    ids: List[Tuple[int, int]] = []
    for verdict in verdicts:
        thread = verdict.thread
        if thread.record is not None and thread.copy is not None:
            ids.append((thread.copy.number, thread.record.id))
    ids.sort()
    runs: List[List[int]] = []
    for copy, number in ids:
        if runs and runs[-1][0] == copy and runs[-1][2] + 1 == number:
            runs[-1][2] = number
        else:
            runs.append([copy, number, number])
    words = []
    for copy, first, last in runs:
        prefix = "" if copy == 1 else f"{copy}."
        words.append(f"{prefix}{first}" if first == last else f"{prefix}{first}-{prefix}{last}")
    return ", ".join(words)
