# SPDX-License-Identifier: MIT
"""The plugin, in a pytest of its own, on the Python that tests run with."""

import functools
import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

from frameworks import BUILD, HERE, ROOT, Run, environment, of_junit, run_words

POOL = os.path.join(BUILD, "pool.so")
LEAKS = {
    "test_leaves_unjoined",
    "test_leaves_alive",
    "test_skips_and_leaves_unjoined",
    "test_two_leaves_unjoined[2]",
    "test_leaves_unjoined_beside_the_module",
    "test_is_the_last_to_use_it",  # the fixture of its class
    "test_python_thread_stays",
}
FAILS = {"test_fails_and_leaves_unjoined"}


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    os.makedirs(BUILD, exist_ok=True)
    source = os.path.join(HERE, "pytest", "pool.c")
    words = ["gcc", "-shared", "-fPIC", "-g", "-O0", source, "-o", POOL, "-pthread"]
    subprocess.run(words, check=True, timeout=60)


@functools.lru_cache(maxsize=None)
def run(*words: str, preload: bool = True, **more: str) -> Run:
    xml = os.path.join(BUILD, "pytest.xml")
    paths = os.path.join(ROOT, "helper", "pytest")
    env = environment(preload, POOL=POOL, PYTHONPATH=paths, **more)
    plain = ("-p", "pytest_threadleak", "-p", "no:cacheprovider", "-c", os.devnull)
    example = os.path.join(HERE, "pytest", "example.py")
    return run_words(
        [sys.executable, "-m", "pytest", *plain, f"--junitxml={xml}", example, *words],
        of_junit,
        xml,
        env,
    )


def test_exactly_the_tests_that_leak_have_an_error() -> None:
    shown = run()
    assert set(shown.failed) == LEAKS | FAILS, shown
    assert "9 errors" not in shown.out and "1 failed" in shown.out and "8 errors" in shown.out
    for name in LEAKS:
        assert "1 leaked thread (" in shown.failed[name], shown.failed[name]
    assert "made by start at threads.h:" in shown.failed["test_leaves_unjoined"]
    assert shown.headlines == len(LEAKS | FAILS)


def test_a_fixture_is_blamed_for_its_own_threads() -> None:
    shown = run()
    text = shown.failed["test_is_the_last_to_use_it"]
    assert "in test class fixture leaky_pool:" in text


@pytest.mark.skipif(find_spec("xdist") is None, reason="needs pytest-xdist")
def test_workers_of_xdist_check_their_own_tests() -> None:
    shown = run("-p", "xdist", "-n", "2", "--dist", "loadfile")
    assert set(shown.failed) == LEAKS | FAILS, shown
    assert shown.headlines == len(LEAKS | FAILS)
    spread = run("-p", "xdist", "-n", "2")
    # The fixture of a class is made in each worker that has tests of the class.
    assert set(spread.failed) - {"test_uses_it"} == (LEAKS | FAILS) - {"test_uses_it"}, spread
    for name in set(spread.failed) & {"test_uses_it", "test_is_the_last_to_use_it"}:
        assert "in test class fixture leaky_pool:" in spread.failed[name]


def test_without_the_library_tests_pass_and_the_header_says_so() -> None:
    shown = run(preload=False)
    assert set(shown.failed) == FAILS, shown
    assert shown.out.count("threads are not checked: libthreadleak.so is not preloaded") == 1


def test_where_the_library_is_required_pytest_refuses() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "pytest_threadleak", "-c", os.devnull],
        env=environment(
            False, PYTHONPATH=os.path.join(ROOT, "helper", "pytest"), THREADLEAK_REQUIRED="1"
        ),
        cwd=os.path.join(HERE, "pytest"),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "libthreadleak.so is not preloaded" in done.stderr
