# SPDX-License-Identifier: MIT
"""The built-in rules against the libraries that they are for: what they keep is expected, and `own`, a thread that
the program makes in the midst of it, is not.
"""

import json
import os
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any, List, NamedTuple, Tuple

import pytest
from watched import LIBRARY, PROGRAMS, Program, need, until

SHELL = LIBRARY.parents[1] / "scripts" / "threadleak"
BACKGROUND = PROGRAMS / "background"
COMPILERS = {".c": ("gcc", "-std=gnu11"), ".cc": ("g++", "-std=c++17")}


class Case(NamedTuple):
    source: str
    package: str  # of Debian
    expected: int  # threads; 0: some
    leaked: Tuple[str, ...] = ("own",)
    flags: Tuple[str, ...] = ()
    packages: Tuple[str, ...] = ()  # of pkg-config
    env: Tuple[str, ...] = ()
    compiler: str = ""
    untracked: bool = False  # the registry does not know them


CASES = {
    "libgomp": Case("openmp.c", "libgomp1", 2, flags=("-fopenmp",)),
    "libomp": Case("openmp.c", "libomp-dev", 0, flags=("-fopenmp",), compiler="clang"),
    "libgomp, a busy one": Case(
        "openmp_busy.c", "libgomp1", 1, ("busy", "own"), flags=("-fopenmp",)
    ),
    "libomp, a busy one": Case(
        "openmp_busy.c", "libomp-dev", 0, ("busy", "own"), flags=("-fopenmp",), compiler="clang"
    ),
    "tbb": Case("tbb.cc", "libtbb-dev", 0, packages=("tbb",)),
    "tbb, a busy one": Case("tbb_busy.cc", "libtbb-dev", 0, ("busy", "own"), packages=("tbb",)),
    "glib": Case("glib.c", "libglib2.0-dev", 2, ("own", "pool"), packages=("gio-2.0",)),
    "libuv": Case("uv.c", "libuv1-dev", 4, packages=("libuv",)),
    "libuv, a busy one": Case("uv_busy.c", "libuv1-dev", 3, ("busy", "own"), packages=("libuv",)),
    "openblas": Case(
        "openblas.c",
        "libopenblas-dev",
        0,
        packages=("openblas",),
        env=("OPENBLAS_NUM_THREADS=3",),
    ),
    "zeromq": Case(
        "zeromq.c", "libzmq3-dev", 0, ("ZMQbg/IO/0", "ZMQbg/Reaper"), packages=("libzmq",)
    ),
    "libcurl": Case(
        "curl.c", "libcurl4-openssl-dev", 1, flags=("-rdynamic",), packages=("libcurl",)
    ),
    "jemalloc": Case(
        "plain.c",
        "libjemalloc-dev",
        1,
        flags=("-Wl,--no-as-needed", "-ljemalloc"),
        env=("MALLOC_CONF=background_thread:true",),
        untracked=True,
    ),
    "tsan of gcc": Case(
        "plain.c",
        "libtsan2",
        1,
        flags=("-fsanitize=thread",),
        env=(f"LD_PRELOAD=libtsan.so.2:{LIBRARY}",),
    ),
    "tsan of clang": Case(
        "plain.c", "libclang-rt-dev", 1, flags=("-fsanitize=thread",), compiler="clang"
    ),
    "asan of gcc": Case(
        "plain.c",
        "libasan8",
        1,
        flags=("-fsanitize=address",),
        env=(f"LD_PRELOAD=libasan.so.8:{LIBRARY}", "ASAN_OPTIONS=hard_rss_limit_mb=4000"),
    ),
    "glibc": Case("libc.c", "libc6", 3, (), untracked=True),
}


def look(pid: int, *words: str) -> Any:
    """What `check` or `list` say, as at the end."""
    done = subprocess.run(
        [SHELL, *words, "--at-end", "--settle-ms", "0", "--format", "json", str(pid)],
        env={**os.environ, "LD_PRELOAD": ""},
        capture_output=True,
        text=True,
    )
    return json.loads(done.stdout)


def built(case: Case, folder: Path) -> Path:
    source = BACKGROUND / case.source
    compiler, standard = COMPILERS[source.suffix]
    program = folder / source.stem
    flags = list(case.flags)
    if case.packages:
        need("pkg-config", "pkg-config")
        found = subprocess.run(
            ["pkg-config", "--cflags", "--libs", *case.packages], capture_output=True, text=True
        )
        if found.returncode:
            pytest.skip(f"{case.packages[0]} is not installed (Debian: {case.package})")
        flags += found.stdout.split()
    argv = [need(case.compiler or compiler, case.compiler or compiler), standard, "-O2", "-g"]
    argv += ["-D_GNU_SOURCE", "-Wall", "-Wextra", str(source), "-o", str(program), "-pthread"]
    done = subprocess.run([*argv, *flags], capture_output=True, text=True)
    if done.returncode and ("cannot find -l" in done.stderr or "No such file" in done.stderr):
        pytest.skip(f"not installed (Debian: {case.package}): {done.stderr.splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    return program


def took(pid: int) -> Tuple[int, List[str]]:
    """How many threads the built-in rules took, and the names of the others, once they sleep."""
    return until(lambda: judged(pid), "threads that have nothing to do to sleep")


def judged(pid: int) -> Any:
    """None: of some it cannot be told."""
    threads = [each for each in look(pid, "list", "--all")["threads"] if not each["main"]]
    by_rule = [
        each for each in threads if (each["expected_by"] or "").endswith("(built in, version 2)")
    ]
    leaked = sorted(each["name"] for each in threads if each["leaked"])
    known = sum(each["class"] != "untracked" for each in threads)
    return (len(by_rule), leaked) if len(by_rule) + len(leaked) == known else None


def untracked(pid: int, *words: str) -> int:
    """How many threads --strict counts."""
    findings = look(pid, "check", "--strict", *words)["findings"]
    return sum(each["count"] for each in findings if each["kind"] == "untracked")


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_library_in_c(case: Case, tmp_path: Path) -> None:
    program = built(case, tmp_path)
    with Program(["env", *case.env, program], tmp_path) as running:
        assert running.line() == "ready"
        if case.untracked:
            until(lambda: untracked(running.pid, "--no-builtin") == case.expected, "its threads")
            until(lambda: untracked(running.pid) == 0, "a look between two jobs")
            return
        expected, leaked = until(lambda: settled(running.pid, case), "its threads to settle")
        assert leaked == sorted(case.leaked)
        assert (
            expected == case.expected if case.expected else expected > 0 or case.leaked[0] != "own"
        )


def settled(pid: int, case: Case) -> Any:
    """Once the pool of GTask is idle, and each thread has its name."""
    found = took(pid)
    return found if Counter(found[1]) == Counter(case.leaked) else None


def test_a_worker_that_runs_may_run_anything(tmp_path: Path) -> None:
    """libomp's wait for the next parallel region without a system call, if they are told to."""
    program = built(CASES["libomp"], tmp_path)
    with Program(["env", "KMP_BLOCKTIME=infinite", program], tmp_path) as running:
        assert running.line() == "ready"
        found = look(running.pid, "check")
        untold = [each for each in found["findings"] if each["kind"] == "idle_untold"]
        assert "without idle=yes" in untold[0]["text"]
        assert judged(running.pid) is None
        stopped = look(running.pid, "list", "--all", "--stop")
        leaked = [each["name"] for each in stopped["threads"] if each["leaked"]]
        assert leaked == ["own"]
        assert "idle_untold" not in [each["kind"] for each in stopped["findings"]]


def test_a_callback_of_libuv_that_keeps_the_process_from_ending(tmp_path: Path) -> None:
    program = built(CASES["libuv, a busy one"], tmp_path)
    with subprocess.Popen(
        [SHELL, "run", "--", program, "ends"], stderr=subprocess.PIPE, text=True
    ) as run:
        assert run.stderr is not None
        said = next(line for line in run.stderr if line.startswith("threadleak:"))
        assert "2 threads (2 outlived)" in said and "whose exit has gone on" in said
        run.terminate()


def test_node(tmp_path: Path) -> None:
    node = need("node", "nodejs")
    script = "require('fs').readFile('/etc/passwd', () => console.log('ready')); setInterval(() => {}, 1e6)"
    with Program([node, "-e", script], tmp_path) as running:
        assert running.line() == "ready"
        expected, leaked = took(running.pid)
        assert leaked == [] and expected >= 8  # V8's and libuv's


def test_java(tmp_path: Path) -> None:
    java, compiler = need("java", "default-jdk-headless"), need("javac", "default-jdk-headless")
    source = BACKGROUND / "Main.java"
    subprocess.run([compiler, "-d", str(tmp_path), str(source)], check=True)
    for collector in ("-XX:+UseSerialGC", "-XX:+UseG1GC", "-XX:+UseParallelGC"):
        with Program([java, collector, "-cp", tmp_path, "Main"], tmp_path) as running:
            assert running.line() == "ready"
            expected, leaked = took(running.pid)
            assert leaked == ["own"] and expected >= 10, collector


def test_go_under_cgo(tmp_path: Path) -> None:
    go = need("go", "golang-go")
    program = tmp_path / "main"
    env = {
        **os.environ,
        "CGO_ENABLED": "1",
        "GOCACHE": str(tmp_path / "cache"),
        "GO111MODULE": "off",
    }
    subprocess.run([go, "build", "-o", program, BACKGROUND / "main.go"], env=env, check=True)
    with Program([program], tmp_path) as running:
        assert running.line() == "ready"
        expected, leaked = took(running.pid)
        assert leaked == ["own"] and expected >= 4
