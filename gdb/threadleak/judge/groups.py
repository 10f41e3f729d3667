# SPDX-License-Identifier: MIT
"""Ten thousand equal leaks are one group: the threads of one creation stack and start routine."""

from collections import Counter
from itertools import chain
from operator import attrgetter
from typing import Dict, Iterable, Iterator, List, NamedTuple, Tuple, Union

from ..read.model import Copy
from ..read.records import Kind
from .alike import Alike
from .classes import ALL, PROOF
from .verdicts import Decision, Verdict

_RANK = {class_: rank for rank, class_ in enumerate(ALL)}


class Key(NamedTuple):
    copy: int  # 0: no record
    site: int
    start: int
    main: bool


class Group:
    """Never empty. Leaked threads first, then by class, expected ones last, proofs before suspicions; then by id."""

    __slots__ = ("key", "verdicts", "leaked")

    def __init__(self, key: Key, verdicts: List[Verdict]):
        self.key = key
        self.verdicts = verdicts
        verdicts.sort(key=attrgetter("thread.index"))
        decisions = self.decisions()
        if len(decisions) > 1:
            verdicts.sort(key=lambda verdict: _order(verdict.decision))
        self.leaked = sum(count for each, count in decisions.items() if each.leaked)

    def by_class(self) -> Dict[str, int]:
        counts = Counter(verdict.class_ for verdict in self.verdicts)
        return {class_: counts[class_] for class_ in ALL if counts[class_]}

    def decisions(self) -> "Counter[Decision]":
        return Counter(map(attrgetter("decision"), self.verdicts))

    def created_ns(self) -> Tuple[int, int]:
        """Oldest and newest creation; 0 where no record tells."""
        copy = self.verdicts[0].thread.copy
        if copy is None:
            return (0, 0)
        created = copy.records.column("created_ns")
        times = [created[verdict.thread.index] for verdict in self.verdicts]
        return (min(times), max(times))


def _order(decision: Decision) -> Tuple[object, ...]:
    expected = decision.expected_by is not None
    sure = decision.confidence == PROOF
    return (not decision.leaked, _RANK[decision.class_], expected, decision.waiting, not sure)


def group(verdicts: Iterable[Verdict]) -> List[Group]:
    """By creation stack and start routine."""
    # a kind is of one copy, and whether it is the main thread's is part of it
    kinds: Dict[Union[Kind, bool], List[Verdict]] = {}
    for verdict in verdicts:
        thread = verdict.thread
        kinds.setdefault(thread.kind or thread.is_main, []).append(verdict)
    members: Dict[Key, List[Verdict]] = {}
    for found in kinds.values():
        thread = found[0].thread
        copy, kind = thread.copy, thread.kind
        key = Key(0, 0, 0, thread.is_main)
        if kind is not None:
            key = Key(copy.number if copy is not None else 0, kind.site, kind.start, thread.is_main)
        members.setdefault(key, []).extend(found)
    return _sorted(Group(key, found) for key, found in members.items())


def merge_alike(groups: Iterable[Group], alike: Alike) -> List[Group]:
    """Those that look the same to whoever reads them become one; this names all their stacks."""
    members: Dict[Key, List[Group]] = {}
    for each in groups:
        key, copy = each.key, each.verdicts[0].thread.copy
        key = key._replace(site=alike.first(copy, key.site))
        members.setdefault(key, []).append(each)
    return _sorted(_merged(key, found) for key, found in members.items())


def _merged(key: Key, groups: List[Group]) -> Group:
    if len(groups) == 1:
        return groups[0]
    return Group(key, [verdict for each in groups for verdict in each.verdicts])


def _sorted(groups: Iterable[Group]) -> List[Group]:
    """Leaked threads first, then the larger; then the main thread, and untracked ones."""
    return sorted(
        groups, key=lambda each: (-each.leaked, _last(each.key), -len(each.verdicts), each.key)
    )


def _last(key: Key) -> int:
    return 1 if key.main else 2 if not (key.copy or key.start) else 0


def id_ranges(verdicts: Iterable[Verdict], width: int = 0) -> str:
    """The ids as people write them: 3-9, 12, 2.4-2.6, and what threads without a record are called. At most `width`
    characters of it, unless that is 0."""
    indices: Dict[Copy, List[int]] = {}
    without: List[str] = []
    for verdict in verdicts:
        copy = verdict.thread.copy
        if copy is not None:
            indices.setdefault(copy, []).append(verdict.thread.index)
        elif verdict.thread.handle:
            without.append(verdict.thread.handle)
    text = ""
    for name in chain(_names(indices), without):
        text += ", " if text else ""
        text += name
        if 0 < width < len(text):
            return text[: width - 3] + "..."
    return text


def _names(indices: Dict[Copy, List[int]]) -> Iterator[str]:
    """Of records, those whose ids follow each other as one."""
    for copy in sorted(indices, key=attrgetter("number")):
        for first, last in runs([copy.records.ids[index] for index in sorted(indices[copy])]):
            name = copy.name_of(first)
            yield name if first == last else f"{name}-{copy.name_of(last)}"


def ranges(numbers: Iterable[int], width: int) -> str:
    """Numbers as people write them, at most `width` characters of it."""
    return written(runs(sorted(numbers)), width)


def written(of_runs: Iterable[Tuple[int, int]], width: int) -> str:
    """`ranges` of numbers whose runs are known."""
    text = ""
    for first, last in of_runs:
        text += ", " if text else ""
        text += f"{first}" if first == last else f"{first}-{last}"
        if len(text) > width:
            return text[: width - 3] + "..."
    return text


def without(of_runs: Iterable[Tuple[int, int]], number: int) -> Iterator[Tuple[int, int]]:
    """The same runs, but for one number."""
    for first, last in of_runs:
        if not first <= number <= last:
            yield first, last
            continue
        if first < number:
            yield first, number - 1
        if number < last:
            yield number + 1, last


def runs(ids: List[int]) -> Iterator[Tuple[int, int]]:
    """(first, last) of those that follow each other."""
    if not ids:
        return
    first = last = ids[0]
    for number in ids[1:]:
        if number != last + 1:
            yield first, last
            first = number
        last = number
    yield first, last
