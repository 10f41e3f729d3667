# SPDX-License-Identifier: MIT
"""CTest and Meson, as docs/tests.md has it."""

import os
import re
import shutil
import subprocess

from frameworks import BUILD, HERE, LIBRARY, ROOT, environment

RECIPES = os.path.join(HERE, "recipes")


def shell(*words: str, cwd: str = ROOT, check: bool = True) -> str:
    done = subprocess.run(
        words, env=environment(False), cwd=cwd, capture_output=True, text=True, timeout=300
    )
    assert not check or done.returncode == 0, done
    return done.stdout


def fresh(name: str) -> str:
    path = os.path.join(BUILD, name)
    shutil.rmtree(path, ignore_errors=True)
    return path


def test_ctest() -> None:
    build = fresh("ctest")
    where = (f"-DTHREADLEAK_LIBRARY={LIBRARY}", f"-DTHREADLEAK_INCLUDE={ROOT}/helper/include")
    shell("cmake", "-S", RECIPES, "-B", build, *where)
    shell("cmake", "--build", build)
    shown = shell("ctest", "--output-on-failure", cwd=build, check=False)
    failed = set(re.findall(r"^\t *\d+ - (.*) \(Failed\)", shown, re.MULTILINE))
    assert failed == {
        "DyingDeathTest.LeavesUnjoinedItself",
        "Pool.LeavesUnjoined",
        "Pool.LeavesAlive",
        "Pool.FailsAndLeavesUnjoined",
        "Pool.SkipsAndLeavesUnjoined",
        "SuiteLeavesAlive.ButItsTestDoesNot",
        "Types.CharLeavesUnjoined<char>",
        "From1To3/Numbers.TwoLeavesUnjoined/2",
        "leaves_unjoined",
    }, shown
    assert "made by start" in shown


def test_meson() -> None:
    build = fresh("meson")
    shell("meson", "setup", build, RECIPES, f"-Dthreadleak={LIBRARY}")
    shown = shell("meson", "test", "-C", build, "--print-errorlogs", check=False)
    results = dict(re.findall(r"^\d/\d (\w+) +(OK|FAIL)", shown, re.MULTILINE))
    assert results == {"joins": "OK", "leaves_unjoined": "FAIL", "units": "FAIL"}, shown
    assert "1 leaked thread (1 unjoined)" in shown
