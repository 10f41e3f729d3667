# SPDX-License-Identifier: MIT
"""JUnit's XML, as CI servers read it: one suite, one test case for each check.

It has no schema of its own; this is what the readers' have in common (Jenkins' junit-10.xsd, which knows no `file` of a
test case, and Maven's surefire-test-report.xsd, which requires `skipped` and `time`, so that what is not known is 0)."""

from typing import List

from .cases import BLIND, FAILED, Case
from .xml import escaped

_ELEMENTS = {FAILED: "failure", BLIND: "error"}


def document(cases: List[Case]) -> str:
    counts = _attributes(
        tests=str(len(cases)),
        failures=str(sum(case.outcome == FAILED for case in cases)),
        errors=str(sum(case.outcome == BLIND for case in cases)),
        skipped="0",
    )
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<testsuites>"]
    lines.append(f' <testsuite name="threadleak"{counts}>')
    lines += [line for case in cases for line in _case(case)]
    return "\n".join([*lines, " </testsuite>", "</testsuites>"]) + "\n"


def _case(case: Case) -> List[str]:
    time = "0" if case.ran_s is None else f"{case.ran_s:.3f}"
    named = _attributes(name=case.name, time=time)
    head = f'  <testcase classname="threadleak"{named}'
    element = _ELEMENTS.get(case.outcome)
    if element is None:
        return [head + "/>"]
    what = _attributes(message=case.message, type=f"threadleak.{element}")
    return [head + ">", f"   <{element}{what}>{escaped(case.body)}</{element}>", "  </testcase>"]


def _attributes(**values: str) -> str:
    return "".join(f' {name}="{escaped(value)}"' for name, value in values.items())
