# SPDX-License-Identifier: MIT
"""All rules for a look, in order: the first that applies is the one that is named.

First those that somebody gave (a session's, files, texts of the program), then the built-in ones, then those that
programs and libraries declare themselves. The latter two speak of leaks alone, and are not even read where there is
none.
"""

import time
from itertools import chain
from typing import Dict, Hashable, Iterable, Iterator, List, NamedTuple, Optional

from . import builtin
from .rule_files import load_rules, parse_rules
from .rules import Rule, ValuesOf, all_hold

SANE = 1000  # threads that one rule may expect unremarked


class Candidates:
    """The rules that may apply to threads that are created alike, as far as somebody has asked for them: of ten thousand
    threads that differ in their scopes and names alone, each is asked for these alone, and only where a rule hangs on
    them.
    """

    def __init__(self, rules: Iterable[Rule], class_: str):
        self._rest = (rule for rule in rules if class_ in rule.classes)
        self._known: List[Rule] = []

    def of(self, values: ValuesOf) -> Iterator[Rule]:
        yield from self._known
        for rule in self._rest:
            if all_hold(rule.of_creation, values):
                self._known.append(rule)
                yield rule


class Match(NamedTuple):
    rule: Optional[Rule]
    shared: bool  # whether it is the same for each such thread of that scope and class
    untold: Optional[Rule] = None  # if there is none: one that would apply if the thread were idle


class RuleSet:
    def __init__(self, given: Iterable[Rule] = (), with_builtin: bool = True):
        self.given = list(given)
        self.with_builtin = with_builtin
        self._today = ""
        self._candidates: Dict[Hashable, Candidates] = {}
        self.begin()

    def begin(self) -> None:
        """A look begins: nothing is counted yet."""
        self._today = time.strftime("%Y-%m-%d", time.gmtime())
        self._candidates.clear()
        for rule in self.given:
            rule.taken = rule.beyond = 0

    @property
    def over(self) -> List[Rule]:
        """Of those given, the ones past their date."""
        return [rule for rule in self.given if rule.is_over(self._today)]

    def match(
        self, key: Hashable, class_: str, values: ValuesOf, counts: bool, declared: Iterable[Rule]
    ) -> Match:
        """`key`: how it was created. `counts`: unless a rule expects it, the thread is leaked, or untracked where that
        counts."""
        asked = (key, class_, counts)
        if asked not in self._candidates:
            rules: Iterable[Rule] = self.given
            if counts:
                rules = chain(self.given, self._built_in(), declared)
            current = (rule for rule in rules if not rule.is_over(self._today))
            self._candidates[asked] = Candidates(current, class_)
        shared = True
        untold: Optional[Rule] = None
        for rule in self._candidates[asked].of(values):
            if not all_hold(rule.of_scope, values):
                continue
            if rule.is_of_kind:
                return Match(rule, shared)
            shared = False
            if not all_hold(rule.of_thread, values):
                if untold is None and counts and rule.may_apply(values):
                    untold = rule
                continue
            if rule.max is None or rule.taken < rule.max:
                rule.taken += 1
                return Match(rule, False)
            rule.beyond += 1
        return Match(None, shared, untold)

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
