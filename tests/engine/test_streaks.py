# SPDX-License-Identifier: MIT
"""What rises in every look, and what only comes and goes."""

from typing import Any, Dict, List

import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadleak.judge.streaks import Streak, Streaks


def streaks(*looks: Dict[str, int]) -> "Streaks[str]":
    made: Streaks[str] = Streaks()
    for each in looks:
        made.add(each)
    return made


@pytest.mark.parametrize(
    "numbers, rises",
    [
        ([1, 2, 3, 4], True),
        ([0, 1, 2, 3], True),  # it is not there at first
        ([9, 10, 11, 12], True),
        ([1, 2, 2, 3], False),
        ([1, 2, 1, 9], False),
        ([5, 5, 5, 5], False),
        ([4, 3, 2, 1], False),
        ([1, 0, 1, 2], False),
    ],
)
def test_every_look(numbers: List[int], rises: bool) -> None:
    made = streaks(*({"pool": number} if number else {} for number in numbers))
    assert [key for key, _ in made.rising(4)] == (["pool"] if rises else [])


def test_the_last_looks_count() -> None:
    made = streaks(*({"leak": number} for number in (3, 1, 2, 5)))
    assert made.rising(3) == [("leak", Streak(1, 5, 2))]
    assert made.rising(4) == []


def test_two_looks_show_nothing() -> None:
    assert streaks({"leak": 1}, {"leak": 2}).rising(2) == []


def test_what_rose_most_comes_first() -> None:
    made = streaks(*({"a": look, "b": 10 * look, "c": 5} for look in range(1, 5)))
    assert [key for key, _ in made.rising(4)] == ["b", "a"]


@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.integers(0, 9)), max_size=12))
def test_as_when_all_looks_were_kept(looks: Any) -> None:
    made = streaks(*looks)
    for wanted in range(3, len(looks) + 1):
        last = looks[-wanted:]
        expected = {
            key
            for key in "abc"
            if all(one.get(key, 0) < two.get(key, 0) for one, two in zip(last, last[1:]))
        }
        assert {key for key, _ in made.rising(wanted)} == expected
