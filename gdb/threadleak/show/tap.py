# SPDX-License-Identifier: MIT
"""The Test Anything Protocol, version 13 (testanything.org): a test point for each check, the report as comments."""

from typing import List

from .cases import BLIND, PASSED, Case
from .sanitize import clean


def document(cases: List[Case], is_part: bool = False) -> str:
    """`is_part`: without version, plan and numbers."""
    lines = [] if is_part else ["TAP version 13", f"1..{len(cases)}"]
    for number, case in enumerate(cases, 1):
        lines += _point(case, "" if is_part else f" {number}")
    return "\n".join(lines) + "\n"


def _point(case: Case, number: str) -> List[str]:
    ok = "ok" if case.outcome == PASSED else "not ok"
    point = f"{ok}{number} - {_escaped(case.name)}"
    if case.outcome == PASSED:
        return [point]
    why = f"cannot tell: {case.message}" if case.outcome == BLIND else case.message
    body = [line for line in case.body.split("\n") if line and line != case.message]
    return [point, *(f"# {clean(line)}" for line in [why, *body])]


def _escaped(text: str) -> str:
    """A `#` would begin a directive, such as SKIP or TODO."""
    return clean(text).replace("\\", "\\\\").replace("#", "\\#")
