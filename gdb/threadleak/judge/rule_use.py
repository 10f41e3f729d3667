# SPDX-License-Identifier: MIT
"""What the rules did in a look: what whoever keeps them wants to know, so that they do not grow old."""

from collections import Counter
from typing import Collection, Dict, Iterable, Iterator, List, Mapping, Set, Tuple

from . import builtin
from .classes import STUCK, UNJOINED
from .declared import Declared
from .rule_set import SANE, RuleSet
from .ids import named
from .rules import Rule, all_hold
from .values import Values
from .verdicts import Decision, Verdict

SHOWN = 5


def rule_notices(
    rules: RuleSet,
    declared: Declared,
    decisions: Mapping[Decision, int],
    leaked: Iterable[Verdict],
    values: Values,
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
    kept_back = _kept_back(unused, leaked, values)
    unused = [rule for rule in unused if rule not in kept_back]
    for rule, verdict in kept_back.items():
        thread = named(verdict.thread.handle or "?", None)
        text = f"the rule {rule.pattern} matches {thread}, but {verdict.class_} threads need class={verdict.class_}"
        yield "rule_without_class", text, 1
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


def _kept_back(
    rules: Collection[Rule], leaked: Iterable[Verdict], values: Values
) -> Dict[Rule, Verdict]:
    """Of those that expect nothing the ones that would expect a leak, but for its class, and the first such leak. Those
    of finished and of stuck threads alone: it takes a word to expect these."""
    found: Dict[Rule, Verdict] = {}
    left: List[Rule] = list(rules)
    asked: Set[Tuple[object, ...]] = set()
    for verdict in leaked if left else ():
        thread, class_ = verdict.thread, verdict.class_
        if class_ not in (UNJOINED, STUCK):
            continue
        kind = (thread.copy, thread.kind, class_)
        for rule in left:
            if class_ in rule.classes or (rule.is_of_kind and kind in asked):
                continue
            if all_hold(rule.conditions, values.of(thread)):
                found[rule] = verdict
        asked.add(kind)
        left = [rule for rule in left if rule not in found]
    return found


def _first(rules: Iterable[Rule]) -> Iterable[Rule]:
    return sorted(rules, key=lambda rule: rule.pattern)[:SHOWN]


def _names(rules: Iterable[Rule]) -> str:
    return ", ".join(rule.pattern for rule in rules)


def _rules(count: int) -> str:
    return f"{count:,} rule" if count == 1 else f"{count:,} rules"


def _threads(count: int) -> str:
    return f"{count:,} thread" if count == 1 else f"{count:,} threads"
