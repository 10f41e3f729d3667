# SPDX-License-Identifier: MIT
"""Who waits for whom: random graphs against following each way step by step; and each rule by which an edge is no
proof."""

from typing import Any, List

import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadleak.judge.doubts import Program, doubt
from threadleak.judge.graph import GONE, Edge, graph
from threadleak.judge.suspects import ANYBODY, reaching
from threadleak.read.wait import (
    EXACT,
    FUTEX,
    HIGH,
    JOIN,
    MEDIUM,
    MUTEX,
    ONCE,
    RWLOCK_WRITE,
    STDIO,
    Wait,
)

LOCK = Wait(MUTEX, HIGH, "futex", 0x1000, 0x1000, "normal", owner_tid=7)
CAREFUL = Program(False, False)


def way(owners: List[int], number: int) -> List[int]:
    """The threads that `number` comes to, itself first, until nobody waits, or one comes again."""
    found = [number]
    while 0 <= owners[found[-1]] != len(owners) and owners[found[-1]] not in found:
        found.append(owners[found[-1]])
    return found


@given(st.integers(1, 12).flatmap(lambda n: st.lists(st.integers(-1, n), min_size=n, max_size=n)))
def test_random_graphs(owners: List[int]) -> None:
    """An owner of len(owners) is one that runs, -1 one that is gone."""
    runs = len(owners)
    edges = [Edge(each, owner, LOCK) for each, owner in enumerate(owners)]
    found = graph(edges)
    for number in range(runs):
        last = way(owners, number)[-1]
        assert (number in found.stuck) == (owners[last] != runs)
        in_cycle = owners[last] == number
        assert any(number in cycle for cycle in found.cycles) == in_cycle
        assert (number in found.gone) == (owners[number] == GONE)
        hangs = number in found.stuck and not in_cycle and number not in found.gone
        assert (number in found.chains) == hangs
        if hangs:
            assert found.chains[number] in way(owners, number)[1:]
    for cycle in found.cycles:
        assert cycle[0] == min(cycle)
        assert [owners[each] for each in cycle] == cycle[1:] + cycle[:1]
    words = {number: number for number in range(runs)}
    assert set(reaching(words, {each: {owner} for each, owner in enumerate(owners)})) == found.stuck


def test_an_owner_that_memory_does_not_tell_keeps_a_suspect() -> None:
    assert reaching({0: 5, 1: 6}, {5: {ANYBODY, 2}, 6: set()}) == {0: 5}


def of(owner: int = 1, **fields: Any) -> str:
    return doubt(Edge(0, owner, LOCK._replace(**fields)), CAREFUL)


def test_a_lock_whose_owner_waits_is_a_proof() -> None:
    assert of() == "" and of(GONE) == "" and of(0) == ""
    assert of(kind=RWLOCK_WRITE) == "" and of(kind=JOIN, confidence=EXACT) == ""
    assert of(kind=STDIO) == "" and of(0, kind=ONCE) == ""


@pytest.mark.parametrize(
    "owner, fields",
    [
        (1, {"timed": True}),
        (1, {"shared": True}),
        (1, {"in_kernel_hands": True}),
        (1, {"confidence": MEDIUM}),
        (1, {"kind": FUTEX}),
        (GONE, {"flavour": "normal, robust"}),
        (GONE, {"flavour": "normal, priority inheritance"}),
        (0, {"flavour": "normal, priority inheritance"}),
        (0, {"flavour": "recursive"}),
        (0, {"flavour": "error-checking"}),
        (0, {"kind": RWLOCK_WRITE}),
        (0, {"kind": STDIO}),
    ],
)
def test_what_is_no_proof(owner: int, fields: Any) -> None:
    assert of(owner, **fields) != ""


def test_what_the_program_may_do_to_its_threads() -> None:
    join, lock = Edge(0, 1, LOCK._replace(kind=JOIN)), Edge(0, 1, LOCK)
    cancels, at_once = Program(True, False), Program(True, True)
    assert doubt(join, cancels) and not doubt(lock, cancels)
    assert doubt(join, at_once) and doubt(lock, at_once)
