# SPDX-License-Identifier: MIT
"""What sites are called among others: the shortest chain of callers that tells them apart."""

from typing import List

from hypothesis import given
from hypothesis import strategies as st
from threadleak.judge.told_apart import look, told_apart
from threadleak.show.places import chain
from threadleak.target.base import Frame

WRAPPER = Frame(1, "std::thread::thread<void (&)()>(void (&)())", "/usr/lib/libstdc++.so.6", 1)


def frame(name: str, line: int = 1) -> Frame:
    return Frame(16, name, "/srv/x", 16, "/src/x.c", line)


def stack(*names: str) -> List[Frame]:
    return [frame(name) for name in names]


def names(*stacks: List[Frame]) -> List[str]:
    return [" < ".join(each.function or "" for each in found) for found in told_apart(stacks)]


def test_one_frame_is_enough_where_it_differs() -> None:
    assert names(stack("a", "main"), stack("b", "main")) == ["a", "b"]
    assert names([]) == [""] and told_apart([]) == []


def test_the_caller_that_differs() -> None:
    request, log = stack("spawn", "http_request", "main"), stack("spawn", "log_rotate", "main")
    assert names(request, log, stack("other", "main")) == [
        *("spawn < http_request", "spawn < log_rotate", "other"),
    ]
    assert names(request) == ["spawn"]


def test_callers_that_they_have_in_common_are_left_out() -> None:
    deep = [stack("spawn", "pool", "add", each, "main") for each in "ab"]
    assert names(*deep, stack("spawn", "tests")) == [
        *("spawn < pool < a", "spawn < pool < b", "spawn < tests"),
    ]
    assert names(*deep) == ["spawn < a", "spawn < b"]


def test_one_that_ends_where_another_goes_on() -> None:
    assert names(stack("spawn"), stack("spawn", "main")) == ["spawn", "spawn < main"]


def test_wrappers_are_no_callers() -> None:
    own = [stack("spawn", each) for each in "ab"]
    assert names([WRAPPER, *own[0]], [own[1][0], WRAPPER, own[1][1]]) == ["spawn < a", "spawn < b"]
    assert told_apart([[WRAPPER]]) == [[WRAPPER]]


def test_lines_of_one_function_tell_apart() -> None:
    chains = told_apart([[frame("spawn"), frame("main", line)] for line in (7, 8)])
    assert list(map(chain, chains)) == [f"spawn (x.c:1) < main (x.c:{line})" for line in (7, 8)]
    assert chain([], unknown="unknown") == "unknown"


STACKS = st.lists(st.lists(st.sampled_from("abc"), max_size=6).map(lambda found: stack(*found)))


@given(STACKS)
def test_whatever_differs_is_told_apart(stacks: List[List[Frame]]) -> None:
    whole = [tuple(map(look, each)) for each in stacks]
    told = [tuple(map(look, each)) for each in told_apart(stacks)]
    assert len(set(told)) == len(set(whole))
    for known, found in zip(whole, told):
        assert found[:1] == known[:1]
        rest = iter(known)
        assert all(each in rest for each in found)  # in this order
