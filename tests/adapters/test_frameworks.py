# SPDX-License-Identifier: MIT
"""Every framework: exactly the tests that leak fail, under their own names, and the report is told once."""

import re

import pytest

import examples
import frameworks
from frameworks import NOT_LOADED, Example, run

EXAMPLES = [
    examples.GTEST,
    examples.CATCH2,
    examples.CATCH2_V3,
    examples.BOOST,
    examples.CMOCKA,
    examples.CHECK,
    examples.CRITERION,
    examples.UNITY,
    examples.PLAIN,
]


@pytest.fixture(scope="module", params=EXAMPLES, ids=lambda example: example.name)
def example(request: pytest.FixtureRequest) -> Example:
    frameworks.build(request.param)
    return request.param


def test_exactly_the_tests_that_leak_fail(example: Example) -> None:
    shown = run(example)
    assert set(shown.failed) == example.leaks | example.fails, shown
    assert shown.status != 0
    for name in example.leaks:
        text = shown.failed[name]
        assert len(frameworks.HEADLINE.findall(text)) == 1, text
        assert re.search(r"in test .*: made by start\b.* at threads\.h:\d+", text), text


def test_a_test_that_failed_anyway_is_checked_too(example: Example) -> None:
    shown = run(example)
    for name in example.fails - example.unchecked:
        text = shown.err if name in example.loud else shown.failed[name]
        assert "1 leaked thread (1 unjoined)" in text, (name, shown)


def test_each_report_is_printed_once_and_whole(example: Example) -> None:
    shown = frameworks.run_as_people_do(example)
    reports = len((example.leaks | example.fails) - example.unchecked) + example.suites
    headlines = reports + example.repeated  # the framework's text is the first line there
    assert len(frameworks.HEADLINE.findall(shown)) == headlines, shown
    assert shown.count("created at:") == reports, shown
    assert "fix: " in shown


def test_stacks_end_with_the_test(example: Example) -> None:
    shown = frameworks.run_as_people_do(example)
    told = re.findall(r"\(\d+ more: (.*)\)", shown)
    assert set(told) == ({example.title} if example.title else set()), shown
    assert not re.search(
        r" #\d+ +(testing::|Catch::|boost::|_?cmocka_|srunner_|tcase_|criterion_|Unity|main\b)",
        shown if example.title else "",
    ), shown


def test_without_the_library_tests_pass_and_it_is_said_once(example: Example) -> None:
    shown = run(example, preload=False)
    assert set(shown.failed) == example.fails, shown
    assert shown.err.count(NOT_LOADED) == 1, shown
    assert shown.status == 0 or example.fails


def test_where_the_library_is_required_and_not_loaded_every_test_fails(example: Example) -> None:
    shown = run(example, preload=False, THREADLEAK_REQUIRED="1")
    assert NOT_LOADED not in shown.err
    assert shown.status != 0
    assert set(shown.failed) > example.leaks
    assert any("joins" in name.lower() for name in shown.failed), shown
    for name in set(shown.failed) - example.fails:
        assert "cannot tell: threadleak is not loaded" in shown.failed[name]
