# SPDX-License-Identifier: MIT
"""How an example of a framework is built and run, and what the framework then says failed. examples.py has them."""

import glob
import os
import re
import subprocess
import xml.etree.ElementTree as ElementTree
from typing import AbstractSet, Any, Callable, Dict, NamedTuple, Sequence, Tuple

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
LIBRARY = os.path.join(ROOT, "build", "libthreadleak.so")
BUILD = os.path.join(ROOT, "build", "tests", "adapters")
TIMEOUT_S = 300
WARNINGS = ("-Wall", "-Wextra", "-Wshadow", "-pedantic", "-Werror")
INCLUDE = f"-I{ROOT}/helper/include"
HEADLINE = re.compile(r"threadleak: \d+ leaked threads? \(")
WHAT_IS_BUILT = (__file__, os.path.join(HERE, "examples.py"))
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


class Example(NamedTuple):
    name: str
    source: str
    options: Sequence[str]
    arguments: Sequence[str]  # {xml} is a file for the report
    environment: Dict[str, str]
    read: Reader
    leaks: AbstractSet[str]  # fail because of a leak
    title: str = ""  # what reports call a framework whose own frames they leave out
    fails: AbstractSet[str] = frozenset()  # fail anyway
    loud: AbstractSet[str] = frozenset()  # reported on stderr, not by the framework
    unchecked: AbstractSet[str] = frozenset()  # their process ended
    repeated: int = 0  # reports of which the framework repeats the first line
    suites: int = 0  # suites that leak, where XML does not tell
    needs: str = ""  # a folder that scripts/frameworks fetches

    @property
    def path(self) -> str:
        return os.path.join(BUILD, self.name)


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
    if changed_at(example.path) > max(map(changed_at, (*used, *WHAT_IS_BUILT))):
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
