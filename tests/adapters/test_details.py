# SPDX-License-Identifier: MIT
"""What is particular to one framework."""

import os
import subprocess

import pytest

import examples
import frameworks
from frameworks import BUILD, HERE, Example, environment, run


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    for example in (examples.GTEST, examples.CATCH2, examples.CHECK, examples.CMOCKA):
        frameworks.build(example)


def under_run(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [
            os.path.join(frameworks.ROOT, "scripts", "threadleak"),
            "run",
            "--settle-ms",
            "0",
            "--",
            *words,
        ],
        env=environment(False),
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_gtest_a_leaking_suite_fails_and_none_of_its_tests() -> None:
    shown = run(examples.GTEST, "--gtest_filter=SuiteLeavesAlive.*")
    assert shown.status == 1
    assert "[       OK ] SuiteLeavesAlive.ButItsTestDoesNot" in shown.out
    assert "[  FAILED  ] SuiteLeavesAlive: SetUpTestSuite or TearDownTestSuite" in shown.out
    assert "1 leaked thread (1 outlived) in test SuiteLeavesAlive:" in shown.out


def test_gtest_death_tests_are_not_checked_in_their_children() -> None:
    shown = run(examples.GTEST, "--gtest_filter=DyingDeathTest.Fast:DyingDeathTest.Threadsafe")
    assert shown.status == 0, shown
    assert shown.headlines == 0


def test_gtest_death_tests_are_not_checked_at_the_exits_of_their_children() -> None:
    """A suite that passes bare passes under `threadleak run`, which names no child."""
    GTEST = examples.GTEST
    frameworks.build(GTEST)
    done = under_run(GTEST.path, "--gtest_filter=DyingDeathTest.AtAnExit")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    assert "[       OK ] DyingDeathTest.AtAnExit" in done.stdout


def test_gtest_shards_check_their_own_tests() -> None:
    failed = []
    for index in range(3):
        more = {"GTEST_TOTAL_SHARDS": "3", "GTEST_SHARD_INDEX": str(index)}
        failed += run(examples.GTEST, **more).failed
    assert sorted(failed) == sorted(examples.GTEST.leaks | examples.GTEST.fails)


def test_gtest_repeated_tests_are_checked_each_time() -> None:
    shown = run(examples.GTEST, "--gtest_filter=Pool.LeavesUnjoined", "--gtest_repeat=3")
    assert shown.headlines == 3, shown
    assert shown.out.count("1 leaked thread (1 unjoined) in test Pool.LeavesUnjoined:") == 3


def test_gtest_the_order_of_tests_does_not_matter() -> None:
    shown = run(examples.GTEST, "--gtest_shuffle", "--gtest_random_seed=7")
    assert set(shown.failed) == examples.GTEST.leaks | examples.GTEST.fails
    assert shown.headlines == run(examples.GTEST).headlines


def test_gtest_a_leaking_environment_fails_the_program() -> None:
    example = examples.GTEST._replace(name="environment", source="gtest/environment.cc")
    frameworks.build(example)
    shown = run(example)
    assert shown.status == 1
    assert "[       OK ] Pool.Joins" in shown.out
    assert "1 leaked thread (1 outlived) in test test program:" in shown.out


@pytest.fixture(params=[examples.CATCH2, examples.CATCH2_V3], ids=["2", "3"])
def catch2(request: pytest.FixtureRequest) -> Example:
    frameworks.build(request.param)
    return request.param


def test_catch2_tells_the_run_and_the_section(catch2: Example) -> None:
    shown = run(catch2)
    in_section = shown.failed["one section leaves unjoined"]
    assert 'in run 2 of the test case, in section "bad" / "inner"' in in_section
    in_value = shown.failed["one generated value leaves unjoined"]
    assert "in run 2 of the test case\n" in in_value


def test_catch2_stops_at_the_first_leak_if_told_so(catch2: Example) -> None:
    shown = run(catch2, "--abort")
    assert list(shown.failed) == ["leaves unjoined"]
    assert shown.status != 0


def test_catch2_nothing_is_checked_in_the_handler_of_a_fatal_signal(catch2: Example) -> None:
    crash = catch2._replace(name=f"{catch2.name}_crash", source="catch2/crash.cc")
    frameworks.build(crash)
    done = subprocess.run(
        [crash.path], env=environment(True), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == -11
    assert "SIGSEGV" in done.stdout
    assert "leaked" not in done.stdout + done.stderr


def test_catch2_reporters_side_by_side_tell_the_same() -> None:
    example = examples.CATCH2_V3
    frameworks.build(example)
    names = ("compact", "console", "sonarqube", "tap", "teamcity", "xml")
    files = {name: f"{example.path}.as_{name}" for name in names}
    shown = run(example, *(f"--reporter={name}::out={path}" for name, path in files.items()))
    assert set(shown.failed) == example.leaks | example.fails
    for name, path in files.items():
        with open(path, encoding="utf-8") as file:
            told = file.read()
        assert len(frameworks.HEADLINE.findall(told)) == len(shown.failed), (name, told)


@pytest.mark.skipif(os.path.isdir(examples.CATCH2_V3_DIR), reason="the real one is there")
def test_catch2_v3_is_compiled_against_its_declarations() -> None:
    words = ["g++", "-std=c++14", *frameworks.WARNINGS, frameworks.INCLUDE, "-fsyntax-only"]
    stand_in = f"-I{HERE}/catch2/stand_in"
    subprocess.run([*words, stand_in, f"{HERE}/catch2/v3.cc"], check=True, timeout=60)


def test_reports_go_to_a_file_too_if_one_is_named() -> None:
    path = os.path.join(BUILD, "report.txt")
    if os.path.exists(path):
        os.remove(path)
    options = f"settle_ms=50:log_path={path}"
    shown = run(examples.GTEST, "--gtest_filter=Pool.*", THREADLEAK_OPTIONS=options)
    with open(path, encoding="utf-8") as file:
        report = file.read()
    assert len(frameworks.HEADLINE.findall(report)) == len(shown.failed) == 4


def test_cmocka_a_leaking_group_fails_and_none_of_its_tests() -> None:
    shown = run(examples.CMOCKA, "leaky_group")
    assert shown.failed == {}
    assert shown.status == 1
    text = frameworks.run_as_people_do(examples.CMOCKA, "leaky_group")
    assert "1 leaked thread (1 outlived) in test leaky_group:" in text
    assert "[  FAILED  ] GROUP TEARDOWN" in text


def test_cmocka_threads_of_a_group_are_no_concern_of_its_tests() -> None:
    shown = run(examples.CMOCKA, "good_group")
    assert (set(shown.failed), shown.status) == ({"leaves_unjoined"}, 1), shown
    assert shown.headlines == 2  # on stderr, and the first line as the text of the failure


def test_cmocka_a_group_whose_setup_failed_is_torn_down_as_ever() -> None:
    shown = run(examples.CMOCKA, "group_without_setup")
    assert (shown.status, shown.headlines) == (1, 0), shown


def test_check_without_fork() -> None:
    shown = run(examples.CHECK, CK_FORK="no")
    assert set(shown.failed) == examples.CHECK.leaks | examples.CHECK.fails
    assert shown.headlines == len(examples.CHECK.leaks)
    assert "Assertion '1 == 2' failed" in shown.failed["simple:fails_and_leaves_unjoined:0"]


def test_criterion_workers_in_parallel() -> None:
    frameworks.build(examples.CRITERION)
    shown = run(examples.CRITERION, "-j4")
    assert set(shown.failed) == examples.CRITERION.leaks | examples.CRITERION.fails


@pytest.fixture(params=[True, False], ids=["adapter", "bare"])
def criterion_ends(request: pytest.FixtureRequest) -> Example:
    options = ["-lcriterion", *(["-DWITH_ADAPTER"] if request.param else [])]
    name = f"criterion_ends_{request.param}"
    example = examples.CRITERION._replace(name=name, source="criterion/ends.c", options=options)
    frameworks.build(example)
    return example


def test_criterion_tests_that_end_their_process_pass_under_run(criterion_ends: Example) -> None:
    """Criterion's own thread, in each of its processes, is no leak."""
    done = under_run(criterion_ends.path, "-j1", "--filter", "ends/*")
    assert done.returncode == 0, done
    assert "Passing: 3 | Failing: 0" in done.stderr
    assert "PROCESS" not in done.stderr


def test_criterion_a_leak_at_an_expected_exit_is_found_under_run(criterion_ends: Example) -> None:
    done = under_run(criterion_ends.path, "-j1", "--filter", "leaks/*")
    assert done.returncode == 1 and "[FAIL] leaks::at_exit" in done.stderr, done
    assert "1 leaked thread (1 unjoined) at the exit of" in done.stderr
    assert "made by start at threads.h" in done.stderr


def test_criterion_deaths_that_are_expected_are_told_by_the_adapter(
    criterion_ends: Example,
) -> None:
    done = under_run(criterion_ends.path, "-j1", "--filter", "dies/*")
    has_adapter = "-DWITH_ADAPTER" in criterion_ends.options
    assert done.returncode == (0 if has_adapter else 2), done
    assert "Passing: 2 | Failing: 0" in done.stderr
    assert ("cannot tell" in done.stderr) != has_adapter


def test_criterion_in_cxx() -> None:
    example = examples.CRITERION._replace(name="criterion_cxx", source="criterion/example.cc")
    frameworks.build(example)
    shown = run(example)
    assert set(shown.failed) == {"throws", "leaves_unjoined"}, shown
    assert "1 leaked thread (1 unjoined)" in shown.failed["leaves_unjoined"]
    assert "an exception of its own" in shown.out + shown.err


def test_gtest_in_two_files_of_one_program() -> None:
    twice = examples.GTEST._replace(
        name="gtest_twice",
        options=[os.path.join(HERE, "gtest", "second.cc"), *examples.GTEST.options],
    )
    frameworks.build(twice)
    assert set(run(twice).failed) == twice.leaks | twice.fails
