# SPDX-License-Identifier: MIT
"""The formats that tests have: whatever a program calls its threads and tests, they stay what they are."""

import re
import unicodedata
import xml.etree.ElementTree as tree
from typing import List

import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadleak.show.cases import BLIND, FAILED, FORMATS, PASSED, Case, Spot, document

HOSTILE = [
    "plain",
    "\x1b[31mred\x07\r\n::error::no",
    "]]></failure><testcase name='x'/>",
    "a & b < c > \"d\" 'e'",
    "# SKIP not really\nok 2 - no",
    "%0A::set-output name=x::y",
    "##[error]no",
    "\x00\x0b\ufffe\ud800\u202e",
    "::warning::x",
]
names = st.one_of(st.sampled_from(HOSTILE), st.text(st.characters(), max_size=40))
cases = st.builds(
    Case,
    names,
    st.sampled_from((PASSED, FAILED, BLIND)),
    names,
    st.lists(names, max_size=4).map("\n".join),
    st.lists(st.builds(Spot, names, st.integers(1, 10**6), names), max_size=3).map(tuple),
    shown=st.none(),  # test_sarif.py
    has_baseline=st.booleans(),
)
some = st.lists(cases, min_size=1, max_size=4)


def no_controls(text: str) -> bool:
    return all(c == "\n" or unicodedata.category(c) not in ("Cc", "Cf", "Cs") for c in text)


@given(some, st.sampled_from(FORMATS), st.booleans())
def test_no_control_character_gets_through(found: List[Case], format: str, is_part: bool) -> None:
    text = document(format, found, is_part)
    assert no_controls(text)
    text.encode("utf-8")


@given(some)
def test_junit_is_xml_with_each_case_once(found: List[Case]) -> None:
    suite = tree.fromstring(document("junit", found)).find("testsuite")
    assert suite is not None
    shown = suite.findall("testcase")
    assert len(shown) == len(found) == int(suite.get("tests", ""))
    for case, element in zip(found, shown):
        children = [child.tag for child in element]
        assert children == {PASSED: [], FAILED: ["failure"], BLIND: ["error"]}[case.outcome]
        assert list(element.iter()) == [element, *element]  # nothing inside of these
    for outcome, name in ((FAILED, "failures"), (BLIND, "errors")):
        assert suite.get(name) == str([case.outcome for case in found].count(outcome))


@given(some)
def test_tap_has_a_plan_and_a_point_for_each_case(found: List[Case]) -> None:
    version, plan, *lines = document("tap", found).splitlines()
    assert (version, plan) == ("TAP version 13", f"1..{len(found)}")
    points = [line for line in lines if not line.startswith("# ")]
    assert len(points) == len(found)
    for number, (point, case) in enumerate(zip(points, found), 1):
        assert point.startswith(f"{'ok' if case.outcome == PASSED else 'not ok'} {number} - ")
        assert not re.search(r"(?<!\\)#", point)  # a directive would excuse it


@given(some)
def test_tap_within_the_output_of_a_program_has_neither(found: List[Case]) -> None:
    lines = document("tap", found, is_part=True).splitlines()
    points = [line for line in lines if not line.startswith("# ")]
    assert len(points) == len(found)
    assert all(re.match(r"(not )?ok - ", point) for point in points)


@given(some)
def test_github_takes_our_commands_and_no_others(found: List[Case]) -> None:
    lines = document("github", found).splitlines()
    assert not [line for line in lines if "##[" in line]
    commands = [line for line in lines if line.lstrip().startswith("::")]
    assert all(
        re.match(r"::error (file=[^:,]*,line=\d+,)?title=[^:,]*::", each) for each in commands
    )
    failed = [case for case in found if case.outcome != PASSED]
    expected = [len(c.spots) if c.outcome == FAILED and c.spots else 1 for c in failed]
    assert len(commands) == sum(expected)


def test_what_they_look_like(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_WORKSPACE", "/src")
    case = Case(
        "Pool.Stop, 1", FAILED, "2 leaked", "2 leaked\nby a\n", (Spot("/src/a.c", 7, "here"),)
    )
    assert document("github", [case]) == (
        "::error file=a.c,line=7,title=threadleak%3A Pool.Stop%2C 1::here\n2 leaked\nby a\n"
    )
    assert document("tap", [case]) == (
        "TAP version 13\n1..1\nnot ok 1 - Pool.Stop, 1\n# 2 leaked\n# by a\n"
    )
    assert '<failure message="2 leaked" type="threadleak.failure">2 leaked\nby a\n</failure>' in (
        document("junit", [case])
    )
    blind = Case("x", BLIND, "no registry")
    assert (
        document("github", [blind]) == "::error title=threadleak%3A x::cannot tell: no registry\n"
    )
    assert document("github", [Case("x", PASSED)]) == ""
