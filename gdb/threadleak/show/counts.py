# SPDX-License-Identifier: MIT
"""Numbers of threads, each counted once: by what is thought of them, and by class."""

from typing import Dict, Iterable, Mapping

from ..judge.classes import ALL
from ..judge.verdicts import Decision

LEAKED, EXPECTED, WAITING, OTHER = "leaked", "expected", "not counted yet", ""


def sorts(decisions: Mapping[Decision, int]) -> Dict[str, Dict[str, int]]:
    """LEAKED and the others, as far as there are any -> class -> number."""
    found: Dict[str, Dict[str, int]] = {}
    for sort in (LEAKED, EXPECTED, WAITING, OTHER):
        mine = [(each, number) for each, number in decisions.items() if _sort(each) == sort]
        counts = {
            class_: sum(number for each, number in mine if each.class_ == class_) for class_ in ALL
        }
        if mine:
            found[sort] = {class_: number for class_, number in counts.items() if number}
    return found


def _sort(decision: Decision) -> str:
    if decision.leaked:
        return LEAKED
    if decision.expected_by:
        return EXPECTED
    return WAITING if decision.waiting else OTHER


def title(decisions: Mapping[Decision, int]) -> str:
    """2 leaked threads (2 unjoined); 48 threads: 43 leaked (43 unjoined), 5 expected (5 unjoined)"""
    found = sorts(decisions)
    size = sum(sum(counts.values()) for counts in found.values())
    noun = "thread" if size == 1 else "threads"
    if len(found) > 1 or WAITING in found:
        return f"{size:,} {noun}: {', '.join(_parts(found))}"
    ((sort, counts),) = found.items()
    return " ".join(filter(None, (f"{size:,}", sort, noun, f"({by_class(counts)})")))


def _parts(found: Mapping[str, Mapping[str, int]]) -> Iterable[str]:
    for sort, counts in found.items():
        told = by_class(counts)
        yield f"{sum(counts.values()):,} {sort} ({told})" if sort else told


def by_class(counts: Mapping[str, int]) -> str:
    """4 unjoined, 1 stuck"""
    return ", ".join(f"{number:,} {class_}" for class_, number in counts.items())
