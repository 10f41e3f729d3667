# SPDX-License-Identifier: MIT
"""The examples, one for each framework: how they are built and run, and what each framework says failed."""

import glob
import os
import re
import subprocess
import xml.etree.ElementTree as ElementTree
from typing import AbstractSet, Any, Callable, Dict, List, NamedTuple, Sequence, Tuple

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
LIBRARY = os.path.join(ROOT, "build", "libthreadleak.so")
BUILD = os.path.join(ROOT, "build", "tests", "adapters")
TIMEOUT_S = 300
WARNINGS = ("-Wall", "-Wextra", "-Wshadow", "-pedantic", "-Werror")
INCLUDE = f"-I{ROOT}/helper/include"
FETCHED = os.path.join(ROOT, "build", "frameworks")  # by scripts/frameworks
CATCH2_V3_DIR = os.path.join(FETCHED, "catch2-3", "usr")
UNITY_DIR = os.path.join(FETCHED, "unity", "src")
HEADLINE = re.compile(r"threadleak: \d+ leaked threads? \(")
NOT_LOADED = "threads are not checked"


class Run(NamedTuple):
    status: int
    out: str
    err: str
    failed: Dict[str, str]  # what the framework says failed, and its text

    @property
    def headlines(self) -> int:
        return len(HEADLINE.findall(self.out + self.err))


Reader = Callable[[str, str], Dict[str, str]]


def of_junit(out: str, path: str) -> Dict[str, str]:
    """Tests with a failure or an error, by name; `path`, or the output, holds one document or several."""
    if path and os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            out = file.read()
    whole = re.sub(r"<\?xml[^>]*\?>", "", out)
    whole = whole[whole.find("<testsuite") : whole.rfind(">") + 1]
    failed: Dict[str, str] = {}
    for case in ElementTree.fromstring(f"<all>{whole}</all>").iter("testcase"):
        bad = [each for each in case if each.tag in ("failure", "error")]
        texts = [each.text or each.get("message") or "" for each in bad]
        if texts:
            failed[case.get("name", "")] = "\n".join(texts)
    return failed


def of_check(out: str, _path: str) -> Dict[str, str]:
    """file:line:F:tcase:test:iteration: text, where P is passed; texts have further lines."""
    found: Dict[str, str] = {}
    name = ""
    for line in out.splitlines():
        match = re.match(r".*?:\d+:([A-Z]):(\w+):(\w+):(\d+): (.*)", line)
        if match:
            name = "" if match[1] == "P" else ":".join(match.groups()[1:4])
            line = match[5]
        if name:
            found[name] = found.get(name, "") + line + "\n"
    return found


def of_unity(out: str, _path: str) -> Dict[str, str]:
    return {
        name: text for name, text in re.findall(r"^[^:]+:\d+:(\w+):FAIL: (.*)", out, re.MULTILINE)
    }


def of_tap(out: str, _path: str) -> Dict[str, str]:
    failed: Dict[str, str] = {}
    name = ""
    for line in out.splitlines():
        match = re.match(r"(not )?ok - (\w+)", line)
        if match:
            name = match[2] if match[1] else ""
        elif name:
            failed[name] = failed.get(name, "") + line + "\n"
    return failed


def unity_options() -> List[str]:
    """The real one, or what stands in for it."""
    source = os.path.join(UNITY_DIR, "unity.c")
    if os.path.exists(source):
        return [f"-isystem{UNITY_DIR}", source]
    return [f"-isystem{HERE}/unity/stand_in"]


class Example(NamedTuple):
    name: str
    source: str
    options: Sequence[str]
    arguments: Sequence[str]  # {xml} is a file for the report
    environment: Dict[str, str]
    read: Reader
    leaks: AbstractSet[str]  # fail because of a leak
    fails: AbstractSet[str] = frozenset()  # fail anyway
    loud: AbstractSet[str] = frozenset()  # reported on stderr, not by the framework
    unchecked: AbstractSet[str] = frozenset()  # their process ended
    repeated: int = 0  # reports of which the framework repeats the first line
    suites: int = 0  # suites that leak, where XML does not tell
    needs: str = ""  # a folder that scripts/frameworks fetches

    @property
    def path(self) -> str:
        return os.path.join(BUILD, self.name)


def pkg(*names: str) -> List[str]:
    words = ["pkg-config", "--cflags", "--libs", *names]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()


def changed_at(path: str) -> float:
    """When a file, or a file below a folder, was last changed; 0: never."""
    files = glob.glob(os.path.join(path, "**"), recursive=True) if os.path.isdir(path) else [path]
    return max((os.path.getmtime(file) for file in files if os.path.isfile(file)), default=0.0)


def build(example: Example) -> str:
    if example.needs and not os.path.isdir(example.needs):
        pytest.skip(f"{example.needs} is not there: scripts/frameworks fetches it")
    os.makedirs(BUILD, exist_ok=True)
    source = os.path.join(HERE, example.source)
    used = (os.path.dirname(source), os.path.join(HERE, "threads.h"), f"{ROOT}/helper/include")
    if changed_at(example.path) > max(map(changed_at, (*used, __file__))):
        return example.path
    cxx = source.endswith(".cc")
    compiler = ["g++", "-std=c++14"] if cxx else ["gcc", "-std=c99", "-D_GNU_SOURCE"]
    words = [*compiler, "-g", "-O0", *WARNINGS, INCLUDE, source, "-o", example.path, "-pthread"]
    subprocess.run([*words, *example.options], check=True, timeout=TIMEOUT_S, cwd=ROOT)
    return example.path


def environment(preload: bool, **more: str) -> Dict[str, str]:
    found = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"}
    found["PYTHONDONTWRITEBYTECODE"] = "1"
    if preload:
        found["LD_PRELOAD"] = LIBRARY
        found["THREADLEAK_OPTIONS"] = "settle_ms=50"  # nobody comes to join them
    return {**found, **more}


def run_words(words: Sequence[str], read: Reader, path: str, env: Dict[str, str]) -> Run:
    if os.path.exists(path):
        os.remove(path)
    done = subprocess.run(
        words,
        env=env,
        cwd=HERE,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="backslashreplace",
        timeout=TIMEOUT_S,
    )
    return Run(done.returncode, done.stdout, done.stderr, read(done.stdout, path))


_runs: Dict[Tuple[Any, ...], Run] = {}


def run(example: Example, *arguments: str, preload: bool = True, **more: str) -> Run:
    """Runs that are asked for again are not repeated."""
    key = (example.name, arguments, preload, *sorted(more.items()))
    if key not in _runs:
        path = example.path + ".xml"
        words = [word.replace("{xml}", path) for word in (*example.arguments, *arguments)]
        env = environment(preload, **{**example.environment, **more})
        _runs[key] = run_words([example.path, *words], example.read, path, env)
    return _runs[key]


def run_as_people_do(example: Example, *arguments: str) -> str:
    """What it prints without options."""
    words = [example.path, *arguments]
    shown = run_words(words, lambda _out, _path: {}, "", environment(True))
    return shown.out + shown.err


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
