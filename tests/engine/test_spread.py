# SPDX-License-Identifier: MIT
"""Which of several numbers that rise are told, so that one leak is one alarm."""

from typing import Dict, List, Sequence, Set

import pytest
from threadleak.judge.spread import ALIKE, MAKER, Key, Sums, names, site_key
from threadleak.target.base import Frame

LIBRARY = Frame(1, "std::thread::thread<void (&)()>(void (&)())", "/usr/lib/libstdc++.so.6", 1)


def frames(*functions: str) -> List[Frame]:
    return [Frame(16, each, "/srv/x", 16, "/src/x.c", 1) for each in functions]


STACKS: Dict[int, List[Frame]] = {  # by site
    1: frames("spawn", "a", "main"),
    2: frames("spawn", "a", "main"),  # nobody can tell it from the first
    3: frames("spawn", "b", "main"),
    4: frames("other", "main"),
}
A, B, SPAWN = names(STACKS[1]).alike, names(STACKS[3]).alike, names(STACKS[1]).maker
assert SPAWN is not None


def sums() -> Sums:
    made = Sums()
    for site, stack in STACKS.items():
        made.add((1, site), names(stack), 10 + site)
    return made


def test_sums() -> None:
    made = sums()
    assert (made.numbers[A], made.numbers[B], made.numbers[SPAWN]) == (23, 13, 36)
    assert made.numbers[site_key((1, 2))] == 12
    assert made.sites(SPAWN) == [(1, 3), (1, 2), (1, 1)] and made.sites(A) == [(1, 2), (1, 1)]


def key(site: int) -> Key:
    return site_key((1, site))


@pytest.mark.parametrize(
    "risen, expected, told",
    [
        ([SPAWN], [], [SPAWN]),
        ([SPAWN, A], [], [A]),
        ([SPAWN, key(1)], [], [key(1)]),  # its sum with the other one fell once
        ([SPAWN, A, key(1), key(2)], [], [A]),
        ([SPAWN, A, B, key(3)], [], [A, B]),
        ([A, key(1)], [1, 2], [A]),
        ([A, key(1)], [1], [key(1)]),  # not said of the other one
        ([A, key(1), key(2)], [1], [key(1), key(2)]),
        ([SPAWN, A], [1], [A]),
        ([("untracked",), SPAWN], [], [("untracked",), SPAWN]),
    ],
)
def test_each_rise_is_told_once(
    risen: Sequence[Key], expected: Sequence[int], told: Sequence[Key]
) -> None:
    known: Set[Key] = set(map(key, expected))
    assert sums().told(risen, known) == told


def test_what_no_own_function_makes_has_none_in_common() -> None:
    assert names([LIBRARY]).maker is None and names([]).maker is None
    assert names([LIBRARY, *STACKS[4]]) == names(STACKS[4])
    assert names(STACKS[4]).alike[0] == ALIKE and (names(STACKS[4]).maker or ())[0] == MAKER
