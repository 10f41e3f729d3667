# SPDX-License-Identifier: MIT
"""JUnit's XML has no schema of its own: it has to be what those who read it accept."""

import xml.etree.ElementTree as tree
from typing import List

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from published import refused_by_jenkins
from test_cases import some
from threadleak.show.cases import BLIND, FAILED, PASSED, Case, document


@settings(max_examples=25)  # each starts xmllint
@given(some)
def test_jenkins_takes_any_report(found: List[Case]) -> None:
    assert refused_by_jenkins(document("junit", found)) == ""


@given(some)
def test_surefire_s_schema_wants_more(found: List[Case]) -> None:
    """surefire-test-report.xsd, by which Maven's tools and others go."""
    suite = tree.fromstring(document("junit", found))[0]
    assert {"name", "tests", "errors", "skipped", "failures"} <= set(suite.attrib)
    for case in suite:
        assert set(case.attrib) == {"name", "classname", "time"}
        assert all(child.get("type") and child.get("message") is not None for child in case)


@given(st.lists(st.sampled_from(["a", "a #2", "a #3", "b", "a\nb", "a b"])))
def test_gitlab_tells_cases_apart_by_class_and_name(names: List[str]) -> None:
    """Of equal ones it takes the first alone (docs.gitlab.com, unit test reports)."""
    found = [Case(name, PASSED) for name in names]
    shown = [
        (case.get("classname"), case.get("name"))
        for case in tree.fromstring(document("junit", found))[0]
    ]
    assert len(set(shown)) == len(names)


@given(some)
def test_the_parser_of_github_s_publishers(found: List[Case]) -> None:
    """junitparser, on which the actions that publish test results stand."""
    reader = pytest.importorskip("junitparser", reason="needs Debian's python3-junitparser")
    read = reader.JUnitXml.fromstring(document("junit", found))
    (suite,) = read
    outcomes = [case.outcome for case in found]
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (
        *(len(found), outcomes.count(FAILED), outcomes.count(BLIND), 0),
    )
    kinds = {FAILED: [reader.Failure], BLIND: [reader.Error]}
    for case, shown in zip(found, suite):
        assert [type(each) for each in shown.result] == kinds.get(case.outcome, [])
