# SPDX-License-Identifier: MIT
"""Healthy programs, idle and under load, with the library and without it: none of their threads is ever called
stuck. A few looks each; NEVER_STUCK_LOOKS=100 makes them as many as docs/explain.md tells of.
"""

import contextlib
import json
import os
import pwd
import socket
import subprocess
import threading
from pathlib import Path
from typing import Any, Callable, ContextManager, Iterator, List

import pytest
from test_real import fetch, nginx, set_and_get
from watched import PROGRAMS, TIMEOUT_S, Program, free_port, need, until

SHELL = Path(__file__).resolve().parents[2] / "scripts" / "threadleak"
LOOKS = int(os.environ.get("NEVER_STUCK_LOOKS", "3"))
CLEAN, LEAKS = 0, 3

pytestmark = pytest.mark.parametrize("preload", [False, True], ids=["bare", "preloaded"])


def look(pid: int, folder: Path, *options: str) -> None:
    """No finding says stuck, and the threads were really read."""
    report = folder / "report.json"
    words = [str(SHELL), "check", str(pid), "--waits", "always", "--fail-on", "stuck"]
    words += ["--format", "json", "--output", str(report), *options]
    ran = subprocess.run(words, capture_output=True, text=True, timeout=TIMEOUT_S)
    assert ran.returncode == CLEAN, ran.stderr + report.read_text()
    shown = json.loads(report.read_text())
    assert shown["summary"]["threads"] > 0
    assert not shown["summary"]["by_class"].get("stuck"), shown["findings"]


def looks(pid: int, folder: Path) -> None:
    for number in range(LOOKS):
        look(pid, folder, *(["--stop"] if number % 3 == 2 else []))


@contextlib.contextmanager
def again_and_again(work: Callable[[], Any]) -> Iterator[None]:
    """Does the work on another thread for as long as the block takes; its failure is the block's."""
    ended = threading.Event()
    failures: List[BaseException] = []

    def run() -> None:
        try:
            while not ended.is_set():
                work()
        except BaseException as failure:  # told below
            failures.append(failure)

    worker = threading.Thread(target=run)
    worker.start()
    try:
        yield
    finally:
        ended.set()
        worker.join()
    assert not failures, failures


def idle_and_loaded(pid: int, folder: Path, load: ContextManager[None]) -> None:
    looks(pid, folder)
    with load:
        looks(pid, folder)


def command(*words: Any) -> Callable[[], None]:
    def run() -> None:
        subprocess.run([str(word) for word in words], check=True, stdout=subprocess.DEVNULL)

    return run


def test_redis(tmp_path: Path, preload: bool) -> None:
    server = need("redis-server", "redis-server")
    benchmark = need("redis-benchmark", "redis-tools")
    port = free_port()
    argv = [server, "--port", port, "--bind", "127.0.0.1", "--save", "", "--io-threads", 4]
    argv += ["--io-threads-do-reads", "yes", "--dir", tmp_path]
    with Program(argv, tmp_path, preload, port) as program:
        work = command(benchmark, "-p", port, "-n", 5000, "-P", 16, "-q", "-t", "set,get")
        idle_and_loaded(program.pid, tmp_path, again_and_again(work))


def test_memcached(tmp_path: Path, preload: bool) -> None:
    server = need("memcached", "memcached")
    port = free_port()
    argv = [server, "-u", "root", "-l", "127.0.0.1", "-p", port, "-t", 4, "-m", 64]
    with Program(argv, tmp_path, preload, port) as program:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            work = lambda: set_and_get(connection, 200)
            idle_and_loaded(program.pid, tmp_path, again_and_again(work))


def test_nginx(tmp_path: Path, preload: bool) -> None:
    port = free_port()
    argv = nginx(tmp_path, port)
    with Program(argv, tmp_path, preload, port) as master:
        (worker,) = until(master.children, "the worker")
        idle_and_loaded(worker, tmp_path, again_and_again(lambda: fetch(port, "/file")))


def test_mariadb(tmp_path: Path, preload: bool) -> None:
    server = need("mariadbd", "mariadb-server")
    install = need("mariadb-install-db", "mariadb-server")
    slap = need("mariadb-slap", "mariadb-client")
    user, data, at = pwd.getpwuid(os.getuid()).pw_name, tmp_path / "data", tmp_path / "socket"
    command(install, "--no-defaults", f"--datadir={data}", f"--user={user}")()
    argv = [server, "--no-defaults", f"--datadir={data}", f"--socket={at}", f"--user={user}"]
    argv += ["--skip-networking", "--thread-handling=pool-of-threads", f"--pid-file={tmp_path}/pid"]
    with Program(argv, tmp_path, preload) as program:
        until(at.exists, "its socket")
        words = ["--no-defaults", f"--socket={at}", f"--user={user}", "--concurrency=8"]
        words += ["--auto-generate-sql", "--auto-generate-sql-load-type=mixed"]
        work = command(slap, *words, "--number-of-queries=200")
        idle_and_loaded(program.pid, tmp_path, again_and_again(work))


@pytest.mark.parametrize(
    "program, package, words",
    [
        ("/usr/bin/python3", "python3", [PROGRAMS / "pool.py"]),
        ("node", "nodejs", [PROGRAMS / "pool.js"]),
        ("java", "default-jdk-headless", ["-Xmx64m", "-XX:+UseG1GC", PROGRAMS / "Pool.java"]),
    ],
    ids=["python", "node", "java"],
)
def test_pools(program: str, package: str, words: List[Any], tmp_path: Path, preload: bool) -> None:
    """Under load first: they become quiet, and idle, when they are told to."""
    with Program([need(program, package), *words], tmp_path, preload) as running:
        running.line()
        looks(running.pid, tmp_path)
        running.quieten()
        looks(running.pid, tmp_path)
