# SPDX-License-Identifier: MIT
"""`threadleak run` on the drivers of tests that projects have: what each makes of a test that leaks, and that it is
found whatever the driver says. The same recipes as in docs/tests.md."""

import shutil
import subprocess
from typing import Any, List

import pytest
from run_shell import CLEAN, LEAKS
from test_run_check import Done

LEAK = "pthread_create(&thread, 0, run, 0)"
TEST = """#include <pthread.h>
static void *run(void *arg) { return arg; }
int main(void)
{
    pthread_t thread;
    return %s;
}
"""
CMAKE = """cmake_minimum_required(VERSION 3.13)
project(demo C)
find_package(Threads REQUIRED)
enable_testing()
foreach(name test_clean test_leak)
  add_executable(${name} ${name}.c)
  target_link_libraries(${name} Threads::Threads)
  add_test(NAME ${name} COMMAND ${name})
endforeach()
"""
MESON = """project('demo', 'c')
threads = dependency('threads')
foreach name : ['test_clean', 'test_leak']
  test(name, executable(name, name + '.c', dependencies: threads))
endforeach
"""
MAKE = """CFLAGS = -g -pthread
check: test_clean test_leak
\tfor test in $^; do ./$$test || exit 1; done
tolerant: test_clean test_leak
\t-for test in $^; do ./$$test; done
"""
BATS = '@test "clean" { ./test_clean; }\n@test "leak" { ./test_leak; }\n'


@pytest.fixture
def project(tmp_path: Any) -> Any:
    (tmp_path / "test_clean.c").write_text(TEST % f"{LEAK} || pthread_join(thread, 0)")
    (tmp_path / "test_leak.c").write_text(TEST % LEAK)
    for name, text in ("CMakeLists.txt", CMAKE), ("meson.build", MESON), ("Makefile", MAKE):
        (tmp_path / name).write_text(text)
    (tmp_path / "all.bats").write_text(BATS)
    (tmp_path / "all.t").write_text("#!/bin/sh\necho 1..1\n./test_leak && echo ok 1\n")
    return tmp_path


def build(folder: Any, *commands: str) -> None:
    for command in commands:
        subprocess.run(command.split(), cwd=folder, check=True, stdout=subprocess.DEVNULL)


def needs(*names: str) -> Any:
    missing = [name for name in names if shutil.which(name) is None]
    return pytest.mark.skipif(bool(missing), reason=f"needs {', '.join(missing)}")


def found(done: Done) -> None:
    assert "threadleak: 1 of 2 processes with threads leaked some" in done.err
    ((result, program, what),) = done.rows()
    assert (result, program.split("/")[-1]) == ("leaked", "test_leak")
    assert what == "1 leaked thread (1 unjoined): made by main at test_leak.c:6"


def only(*words: str) -> List[str]:
    return ["--settle-ms", "0", "--only", "test_*", "--", *words]


@needs("cmake", "ctest")
def test_ctest(project: Any) -> None:
    build(project, "cmake -DCMAKE_BUILD_TYPE=Debug -S . -B build", "cmake --build build")
    done = Done(project, *only("ctest", "--test-dir", "build"))
    assert done.status == 8 and "test_clean .......................   Passed" in done.out
    assert "2 - test_leak (Failed)" in done.out
    found(done)
    done = Done(project, *only("ctest", "--test-dir", "build", "-R", "clean"))
    assert (done.status, done.err) == (CLEAN, "")


@needs("meson", "ninja")
def test_meson(project: Any) -> None:
    build(project, "meson setup --buildtype=debug build", "ninja -C build")
    done = Done(project, *only("meson", "test", "-C", "build"))
    assert done.status == 1 and "exit status 3" in done.out
    found(done)


def test_make(project: Any) -> None:
    done = Done(project, *only("make", "check"))
    assert done.status == 2 and "Error 1" in done.err
    found(done)
    done = Done(project, *only("make", "tolerant"))
    assert done.status == LEAKS
    found(done)


@needs("bats")
def test_bats(project: Any) -> None:
    build(project, "make test_clean test_leak")
    done = Done(project, *only("bats", "all.bats"))
    assert done.status == 1 and "ok 1 clean\nnot ok 2 leak\n" in done.out
    found(done)


def test_prove(project: Any) -> None:
    build(project, "make test_clean test_leak")
    done = Done(project, *only("sh", "-c", "./test_clean; prove all.t"))
    assert done.status == 1 and "Dubious, test returned 3" in done.out
    found(done)
