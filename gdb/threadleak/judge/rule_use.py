# SPDX-License-Identifier: MIT
"""What the rules did in a look: what whoever keeps them wants to know, so that they do not grow old."""

from collections import Counter
from typing import Iterable, Iterator, Mapping, Tuple

from . import builtin
from .declared import Declared
from .rule_set import SANE, RuleSet
from .rules import Rule
from .verdicts import Decision

SHOWN = 5


def rule_notices(
    rules: RuleSet, declared: Declared, decisions: Mapping[Decision, int]
) -> Iterator[Tuple[str, str, int]]:
    """(kind, sentence, number)."""
    used: "Counter[Rule]" = Counter()
    for decision, count in decisions.items():
        if decision.rule is not None:
            used[decision.rule] += count
    built_in = [rule for rule in used if rule.origin == builtin.ORIGIN]
    if built_in:
        number = sum(used[rule] for rule in built_in)
        names = ", ".join(f"{rule.pattern} ({used[rule]:,})" for rule in _first(built_in))
        yield "builtin_rules", (
            f"{_threads(number)} expected by built-in rules, version {builtin.VERSION}: {names}"
        ), number
    over = set(rules.over)
    unused = [rule for rule in rules.given if not used[rule] and rule not in over]
    if unused:
        yield "unused_rules", f"{_rules(len(unused))} matched no thread: {_names(unused)}", len(
            unused
        )
    if over:
        text = f"{_rules(len(over))} past the date, so without effect: {_names(rules.over)}"
        yield "old_rules", text, len(over)
    for rule in rules.given:
        if rule.beyond:
            text = f"a rule matches {_threads(rule.taken + rule.beyond)}, more than its max: {rule.pattern}"
            yield "rule_beyond_max", text, rule.beyond
    if declared.errors:
        text = (
            f"{_rules(len(declared.errors))} not understood: {'; '.join(declared.errors[:SHOWN])}"
        )
        yield "wrong_notes", text, len(declared.errors)
    for rule, count in used.items():
        if count > SANE and rule.max is None:
            text = (
                f"a rule expects {_threads(count)}: {rule.pattern}; if that is meant, give it max=N"
            )
            yield "broad_rule", text, count


def _first(rules: Iterable[Rule]) -> Iterable[Rule]:
    return sorted(rules, key=lambda rule: rule.pattern)[:SHOWN]


def _names(rules: Iterable[Rule]) -> str:
    return ", ".join(rule.pattern for rule in rules)


def _rules(count: int) -> str:
    return f"{count:,} rule" if count == 1 else f"{count:,} rules"


def _threads(count: int) -> str:
    return f"{count:,} thread" if count == 1 else f"{count:,} threads"
