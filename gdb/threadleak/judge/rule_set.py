# SPDX-License-Identifier: MIT
"""All rules for a look, in order: the first that applies is the one that is named.

First those that somebody gave (a session's, files, texts of the program), then the built-in ones, then those that
programs and libraries declare themselves. The latter two speak of leaks alone, and are not even read where there is
none.
"""

import time
from itertools import chain
from typing import Iterable, List, Optional, Tuple

from . import builtin
from .rule_files import load_rules, parse_rules
from .rules import Rule
from .values import ThreadValues

SANE = 1000  # threads that one rule may expect unremarked


class RuleSet:
    def __init__(self, given: Iterable[Rule] = (), with_builtin: bool = True):
        self.given = list(given)
        self.with_builtin = with_builtin
        self._today = ""
        self.begin()

    def begin(self) -> None:
        """A look begins: nothing is counted yet."""
        self._today = time.strftime("%Y-%m-%d", time.gmtime())
        for rule in self.given:
            rule.taken = rule.beyond = 0

    @property
    def over(self) -> List[Rule]:
        """Of those given, the ones past their date."""
        return [rule for rule in self.given if rule.is_over(self._today)]

    def match(
        self, class_: str, values: ThreadValues, counts: bool, declared: Iterable[Rule]
    ) -> Tuple[Optional[Rule], bool]:
        """The rule, and whether it is the same for each thread of that kind in that state. `counts`: unless a
        rule expects it, the thread is leaked, or untracked where that counts."""
        rules: Iterable[Rule] = self.given
        if counts:
            rules = chain(self.given, self._built_in(), declared)
        is_counted = False
        for rule in rules:
            if rule.is_over(self._today) or not rule.applies(class_, values):
                continue
            if rule.max is None:
                return rule, not is_counted and not values.is_its_own
            is_counted = True
            if rule.taken < rule.max:
                rule.taken += 1
                return rule, False
            rule.beyond += 1
        return None, not is_counted and not values.is_its_own

    def _built_in(self) -> Iterable[Rule]:
        if self.with_builtin:
            yield from builtin.rules()


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
