# SPDX-License-Identifier: MIT
"""Sentences that may become thousands, one for each process."""

import sys
from typing import Dict, List, Sequence, Set

from ..show import watch as show

MOST = 8


class Sentences:
    """The first of them, and how many there are."""

    def __init__(self) -> None:
        self.number = 0
        self._first: Dict[str, None] = {}

    def add(self, sentence: str) -> bool:
        """Whether it is a new one of those that are kept."""
        if sentence in self._first:
            return False
        self.number += 1
        if self.number > MOST:
            return False
        self._first[sentence] = None
        return True

    def more(self) -> List[str]:
        """A sentence of the others."""
        more = self.number - len(self._first)
        return [f"and {more:,} more like these"] * (more > 0)

    def told(self) -> List[str]:
        return [*self._first, *self.more()]


class Notes:
    """Each is told at once, and once. In JSON all of them are in the last line."""

    def __init__(self, is_json: bool) -> None:
        self.remarks = Sentences()
        self.unknown = Sentences()  # why it cannot be told
        self.doubts = (
            Sentences()
        )  # the same, of a look that is not the last: the next one may know better
        self._is_json = is_json
        self._told: Set[str] = set()

    def add(self, sentences: Sentences, sentence: str) -> None:
        if sentences.add(sentence) and sentence not in self._told:
            self._told.add(sentence)
            self._write([sentence])

    def of_look(self, pid: int, remark: str, blind: str) -> None:
        for sentences, sentence in ((self.remarks, remark), (self.doubts, blind)):
            if sentence:
                self.add(sentences, f"process {pid}: {sentence}")

    def tell_more(self) -> None:
        self._write([*self.remarks.more(), *self.unknown.more()])

    def _write(self, sentences: Sequence[str]) -> None:
        if not self._is_json:
            sys.stdout.write("".join(map(show.note, sentences)))
            sys.stdout.flush()
