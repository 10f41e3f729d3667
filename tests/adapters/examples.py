# SPDX-License-Identifier: MIT
"""The examples, one for each framework: what they are built with, and which of their tests fail."""

import os
import subprocess
from typing import List

from frameworks import HERE, ROOT, Example, of_check, of_junit, of_tap, of_unity

FETCHED = os.path.join(ROOT, "build", "frameworks")  # by scripts/frameworks
CATCH2_V3_DIR = os.path.join(FETCHED, "catch2-3", "usr")
UNITY_DIR = os.path.join(FETCHED, "unity", "src")


def unity_options() -> List[str]:
    """The real one, or what stands in for it."""
    source = os.path.join(UNITY_DIR, "unity.c")
    if os.path.exists(source):
        return [f"-isystem{UNITY_DIR}", source]
    return [f"-isystem{HERE}/unity/stand_in"]


def pkg(*names: str) -> List[str]:
    words = ["pkg-config", "--cflags", "--libs", *names]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()


GTEST = Example(
    "gtest",
    "gtest/example.cc",
    ["-lgtest", "-lgtest_main"],
    ["--gtest_output=xml:{xml}"],
    {},
    of_junit,
    leaks={
        "LeavesUnjoined",
        "LeavesAlive",
        "SkipsAndLeavesUnjoined",
        "LeavesUnjoinedItself",
        "CharLeavesUnjoined",
        "TwoLeavesUnjoined/1",
    },
    fails={"FailsAndLeavesUnjoined"},
    suites=1,
    title="GoogleTest",
)
CATCH2 = Example(
    "catch2",
    "catch2/example.cc",
    [],
    ["-r", "junit", "-o", "{xml}"],
    {},
    of_junit,
    leaks={
        "leaves unjoined",
        "leaves alive",
        "one section leaves unjoined",
        "one generated value leaves unjoined",
        "one of two parallel threads leaves unjoined",
    },
    fails={"throws and leaves unjoined"},
    title="Catch2",
)
CATCH2_V3 = CATCH2._replace(
    name="catch2_v3",
    options=[
        "-DCATCH_3",
        f"-isystem{CATCH2_V3_DIR}/include",
        f"-L{CATCH2_V3_DIR}/lib",
        *("-lCatch2Main", "-lCatch2"),
    ],
    needs=CATCH2_V3_DIR,
)
BOOST = Example(
    "boost_test",
    "boost_test/example.cc",
    [],
    ["--log_format=JUNIT", "--log_sink={xml}", "--color_output=no"],
    {},
    of_junit,
    leaks={"leaves_unjoined", "leaves_alive", "_1", "suite_leaves_alive-setup-teardown"},
    fails={"fails_and_leaves_unjoined", "throws_and_leaves_unjoined"},
    title="Boost.Test",
)
CMOCKA = Example(
    "cmocka",
    "cmocka/example.c",
    ["-lcmocka"],
    [],
    {"CMOCKA_MESSAGE_OUTPUT": "XML"},
    of_junit,
    leaks={
        "leaves_unjoined",
        "leaves_alive",
        "skips_and_leaves_unjoined",
        "leaves_unjoined_in_teardown",
    },
    fails={"fails_and_leaves_unjoined"},
    loud={
        "leaves_unjoined",
        "leaves_alive",
        "skips_and_leaves_unjoined",
        "leaves_unjoined_in_teardown",
        "fails_and_leaves_unjoined",
    },
    repeated=5,
    title="cmocka",
)
CHECK = Example(
    "check",
    "check/example.c",
    pkg("check"),
    [],
    {},
    of_check,
    leaks={
        "simple:leaves_unjoined:0",
        "simple:leaves_alive:0",
        "simple:second_of_three_leaves_unjoined:1",
        "unchecked:second_of_three_leaves_unjoined:1",
        "leaky:leaves_its_fixture:0",
        "leaky:leaves_its_fixture:1",
    },
    fails={"simple:fails_and_leaves_unjoined:0"},
    unchecked={"simple:fails_and_leaves_unjoined:0"},
    title="Check",
)
CRITERION = Example(
    "criterion",
    "criterion/example.c",
    ["-lcriterion"],
    ["--xml={xml}", "-j1"],
    {},
    of_junit,
    leaks={
        "leaves_unjoined",
        "leaves_alive",
        "leaves_unjoined_of_init",
        "leaves_unjoined_beside",
        "two_leaves_unjoined",
        "five_leaves_unjoined",
    },
    fails={"fails_and_leaves_unjoined", "six_fails_and_leaves_unjoined"},
    loud={"fails_and_leaves_unjoined", "six_fails_and_leaves_unjoined"},
    title="Criterion",
)
UNITY = Example(
    "unity",
    "unity/example.c",
    unity_options(),
    [],
    {},
    of_unity,
    leaks={"leaves_unjoined", "leaves_alive", "is_ignored_and_leaves_unjoined"},
    fails={"fails_and_leaves_unjoined"},
    loud={
        "leaves_unjoined",
        "leaves_alive",
        "is_ignored_and_leaves_unjoined",
        "fails_and_leaves_unjoined",
    },
    repeated=3,
    title="Unity",
)
PLAIN = Example(
    "plain",
    "plain/parallel.c",
    [],
    [],
    {},
    of_tap,
    leaks={"leaves_unjoined", "leaves_alive"},
)
