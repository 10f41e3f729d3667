# SPDX-License-Identifier: MIT
"""Which threads are untracked, by the numbers of several looks at a process that runs on."""

from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import pytest
from image import MAIN, PID, TID_OFFSET, FakeTarget, image, record
from threadleak.commands import counting, scraped
from threadleak.read import abi, unclaimed
from threadleak.read.locate import read_registry
from threadleak.read.model import Registry
from threadleak.show.metrics import Process

ENDED = abi.STARTED | abi.FINISHED
RAW = 9000


class FakeTasks:
    """Of one look after the other; the last lasts."""

    def __init__(self, shots: Sequence[Sequence[int]], ending: Sequence[int] = ()):
        self._shots = list(shots)
        self._ending = ending

    def now(self) -> Dict[int, int]:
        tids = self._shots.pop(0) if len(self._shots) > 1 else self._shots[0]
        return {tid: tid for tid in (PID, *tids)}

    def forget(self, tid: int) -> None:
        """Nothing is kept."""

    def started(self, tid: int) -> Optional[int]:
        return None if tid in self._ending else 100 * tid


Shot = Tuple[List[bytes], List[int]]  # records, tids


def unmatched(
    *shots: Shot,
    ending: Sequence[int] = (),
    word: int = 0,
    before: unclaimed.Unmatched = unclaimed.NOTHING,
) -> Tuple[unclaimed.Unmatched, int]:
    """And how many looks that took. `word`: what descriptors have for a tid."""
    tasks = FakeTasks([tids for _, tids in shots], ending)
    regions = [
        (0x7FFF00000000 + number * 0x1000 + TID_OFFSET, word.to_bytes(4, "little"))
        for number in range(1, 12)
    ]
    registries: List[Registry] = [
        read_registry(FakeTarget(image([MAIN, *records], tid_offset=TID_OFFSET)))
        for records, _ in shots
    ]
    looks = 1

    def again() -> Registry:
        nonlocal looks
        looks += 1
        return registries[min(looks, len(registries)) - 1]

    target = FakeTarget(regions)
    first = tasks.now()
    looking = (target, registries[0], tasks, first, again, before)
    pausing = unclaimed.unmatched(*looking)  # type: ignore
    while True:
        try:
            next(pausing)
        except StopIteration as end:
            return end.value, looks


def told(*shots: Shot, ending: Sequence[int] = (), word: int = 0) -> Tuple[int, int]:
    """How many are untracked, and how many looks that took."""
    found, looks = unmatched(*shots, ending=ending, word=word)
    return found.untracked, looks


def test_what_stays_is_untracked() -> None:
    assert told(([record(2)], [PID + 1, RAW])) == (1, 3)
    assert told(([record(2)], [PID + 1])) == (0, 1)


def test_what_comes_and_goes_is_not() -> None:
    pool = [([], [RAW + number]) for number in range(4)]
    assert told(*pool) == (0, 2)
    assert told(([], [PID + 1]), ([record(2)], [PID + 1])) == (0, 2)  # was just being created
    mixed = [([], [RAW, RAW + 1 + number]) for number in range(4)]
    assert told(*mixed) == (1, 3)


def test_what_is_ending_is_not() -> None:
    assert told(([], [RAW]), ending=[RAW])[0] == 0
    finished = ([record(2, ENDED)], [PID + 1])
    assert told(finished, word=PID + 1) == (0, 1)
    assert told(finished) == (1, 3)  # another thread has the number


def test_a_record_of_one_that_has_not_begun_yet_is_of_one_of_them() -> None:
    starting = record(2, 0, tid=0)
    assert told(([starting], [RAW]))[0] == 0
    assert told(([starting], [RAW, RAW + 1]))[0] == 1


def test_whose_end_went_unseen() -> None:
    """Also where as many are untracked, so that the numbers cancel out."""
    two = [record(2), record(3, abi.STARTED | abi.DETACHED)]
    found = unclaimed.Unmatched(1, frozenset({(1, 3)}), {RAW: 100 * RAW})
    assert unmatched((two, [PID + 1, RAW])) == (found, 3)
    assert unmatched((two, [])) == (unclaimed.Unmatched(0, frozenset({(1, 2), (1, 3)})), 3)


def test_what_is_known_is_not_looked_at_again() -> None:
    """But where the number is another thread's, or another one is doubtful, too."""
    two = [record(2), record(3)]
    before, _ = unmatched((two, [PID + 1, RAW]))
    assert unmatched((two, [PID + 1, RAW]), before=before) == (before, 1)
    assert unmatched((two, [PID + 1, PID + 2]), before=before) == (unclaimed.NOTHING, 1)
    assert unmatched((two, [PID + 1, RAW, RAW + 1]), before=before)[0].untracked == 2
    assert unmatched((two, [PID + 1, RAW, RAW + 1]), before=before)[1] == 3
    assert unmatched((two, [RAW]), before=before)[1] == 3
    reused = before._replace(started={RAW: 7})
    assert unmatched((two, [PID + 1, RAW]), before=reused)[1] == 3
    starting = ([record(2, 0, tid=0)], [RAW, RAW + 1])
    before, _ = unmatched(starting)  # one of the two, nobody knows which
    assert unmatched(starting, before=before) == (before, 3)


def test_what_ends_or_begins_meanwhile_has_not_ended_unseen() -> None:
    assert unmatched(([record(2)], []), ([record(2, ENDED)], [])) == (unclaimed.NOTHING, 2)
    assert unmatched(([record(2)], []), ([record(2)], [PID + 1])) == (unclaimed.NOTHING, 2)
    assert unmatched(([record(2)], []), ([record(5, tid=PID + 4)], [])) == (unclaimed.NOTHING, 2)
    assert unmatched(([record(2)], []), ([record(7, tid=PID + 1)], [])) == (unclaimed.NOTHING, 2)


def test_of_records_with_one_tid_the_latest_is_the_thread() -> None:
    reused = [record(9, tid=PID + 1), record(2, tid=PID + 1), record(4, tid=PID + 1)]
    found = unclaimed.Unmatched(0, frozenset({(1, 2), (1, 4)}))
    assert unmatched((reused, [PID + 1])) == (found, 3)


def test_a_scrape_pauses_for_all_processes_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: List[float] = []
    ended: List[int] = []

    class FakeScraped:
        def __init__(self, pid: int, most: int):
            self._pid = pid

        def read(self) -> Iterator[float]:
            for pause in unclaimed.PAUSES_S[: self._pid % 3]:
                yield pause
            ended.append(self._pid)
            return Process(self._pid, "x", "")

    monkeypatch.setattr(counting.time, "sleep", pauses.append)
    monkeypatch.setattr(scraped, "_Scraped", FakeScraped)
    pids = list(range(100, 160))
    found: Any = scraped.Scraper(scraped.find_pids(pids), 10, True).read()
    assert [each.pid for each in found.processes] == pids and ended[-1] == 158
    assert pauses == list(unclaimed.PAUSES_S)
