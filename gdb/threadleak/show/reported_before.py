# SPDX-License-Identifier: MIT
"""What is said at the exit of threads that a check of the same process has reported: where that was, no more."""

from typing import Sequence

from ..judge.verdicts import Verdict
from ..read import abi
from .sanitize import clean, shorten

TESTS = 3
TITLE_WIDTH = 100


def is_reported(verdict: Verdict) -> bool:
    record = verdict.thread.record
    return record is not None and bool(record.state & abi.REPORTED)


def reported_before(verdicts: Sequence[Verdict]) -> str:
    """reported before, in tests Pool.Restart, Pool.Stop"""
    tests = list(dict.fromkeys(filter(None, map(_test, verdicts))))
    if not tests:
        return "reported before"
    names = [shorten(clean(name), TITLE_WIDTH) for name in tests[:TESTS]]
    names += [f"{len(tests) - TESTS:,} more"] if len(tests) > TESTS else []
    return f"reported before, in {'test' if len(tests) == 1 else 'tests'} {', '.join(names)}"


def _test(verdict: Verdict) -> str:
    """The scope that it was made in, if that is over."""
    thread = verdict.thread
    if thread.copy is None or thread.record is None:
        return ""
    return next(
        (scope.name for scope in thread.copy.scope_chain(thread.record.scope) if scope.ended), ""
    )
