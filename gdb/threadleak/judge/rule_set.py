# SPDX-License-Identifier: MIT
"""All rules for a look, in order: the first that applies is the one that is named.

First those that somebody gave (a session's, files, texts of the program), then the built-in ones, which speak of
leaks alone and are not even read where there is none.
"""

import time
from typing import Iterable, Iterator, List, Optional, Tuple

from . import builtin
from .rule_files import load_rules, parse_rules
from .rules import Rule
from .values import ThreadValues

SANE = 1000  # threads that one rule may expect unremarked


class RuleSet:
    def __init__(self, given: Iterable[Rule] = (), with_builtin: bool = True):
        self.given = list(given)
        self.with_builtin = with_builtin
        self.today = time.strftime("%Y-%m-%d", time.gmtime())
        self.over = [rule for rule in self.given if rule.is_over(self.today)]
        self._current = [rule for rule in self.given if rule not in self.over]
        for rule in self.given:
            rule.taken = rule.beyond = 0

    def __iter__(self) -> Iterator[Rule]:
        """All that may be asked."""
        yield from self._current
        if self.with_builtin:
            yield from builtin.rules()

    def match(
        self, class_: str, values: ThreadValues, counts: bool = True
    ) -> Tuple[Optional[Rule], bool]:
        """The rule, and whether it is the same for each thread of that kind in that state. `counts`: unless a
        rule expects it, the thread is leaked or untracked; else the built-in ones are not asked."""
        found, is_counted = self._first(iter(self) if counts else self._current, class_, values)
        return found, not is_counted and not values.is_its_own

    def _first(
        self, rules: Iterable[Rule], class_: str, values: ThreadValues
    ) -> Tuple[Optional[Rule], bool]:
        is_counted = False
        for rule in rules:
            if not rule.applies(class_, values):
                continue
            if rule.max is None:
                return rule, is_counted
            is_counted = True
            if rule.taken < rule.max:
                rule.taken += 1
                return rule, is_counted
            rule.beyond += 1
        return None, is_counted


def load_all(
    files: Iterable[str] = (),
    texts: Iterable[str] = (),
    session: Iterable[Rule] = (),
    with_builtin: bool = True,
) -> RuleSet:
    """RuleError if one cannot be read. `texts`: rules of the API, a line each."""
    given: List[Rule] = list(session)
    for path in files:
        given += load_rules(path)
    for text in texts:
        given += parse_rules(text.splitlines(), "given by the program", "the rules of the program")
    return RuleSet(given, with_builtin)
