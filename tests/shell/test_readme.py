# SPDX-License-Identifier: MIT
"""The samples of README.md are what the commands print now, but for numbers."""

import os
import pathlib
import re
import shutil
import socket
import subprocess
import time
from typing import Callable, Dict, Iterator, List

import pytest
from run_gdb import ROOT
from run_shell import SHELL, environment, run_shell
from workshop import LIBRARY, READY_S, Workshop

FENCED = re.compile(r"^```\n(\$ threadleak .*?)^```$", re.M | re.S)
COMMAND = re.compile(r"^\$ threadleak (.*)$", re.M)
MANY = "1400 100"  # alive and unjoined; README has more
LEAVES, JOINS = "", "pthread_join(thread, NULL);"
TEST = """
#include <pthread.h>
static void *finish(void *arg) { return arg; }
int main(void) { pthread_t thread; pthread_create(&thread, NULL, finish, NULL); %s }
"""


def samples() -> Dict[str, str]:
    """What stands behind each command that something stands behind."""
    found: Dict[str, str] = {}
    for block in FENCED.findall((pathlib.Path(ROOT) / "README.md").read_text("utf-8")):
        pieces = COMMAND.split(block)[1:]
        found.update(zip(pieces[::2], pieces[1::2]))
    return {command: text for command, text in found.items() if text.strip()}


def plain(text: str) -> List[str]:
    """Its lines, without what differs from run to run; without frames in libc, which another libc has others of."""
    text = text.replace(f"{ROOT}/", "").replace("=build/libthreadleak.so", "=libthreadleak.so")
    text = re.sub(r"(until pthread_create fails with EAGAIN): .*", r"\1", text.strip())
    text = re.sub(r"0x[0-9a-f]+", "0x", text)
    text = re.sub(r"\d+(?:[.,:-]\d+)*", "N", text)
    text = re.sub(r"N (us|ms|s|min)\b", "N s", text)
    text = re.sub(r"N N to N N", "N N", text)  # created in one second, or in several
    text = re.sub(r"N [KMG]iB", "N KiB", text)
    text = re.sub("[▁▂▃▄▅▆▇█]+", "▁", text)
    text = re.sub(r" {2,}", "  ", text)
    return [line.strip() for line in text.splitlines() if "libc.so.N+" not in line]


def awaited(given: Callable[[], str], text: str) -> str:
    """What it gives once that has the text in it."""
    end = time.monotonic() + READY_S
    while True:
        shown = given()
        if text in shown:
            return shown
        assert time.monotonic() < end, shown
        time.sleep(0.05)


@pytest.fixture(scope="module")
def folder(workshop: Workshop) -> Iterator[str]:
    """With the programs under the names that README has."""
    made = workshop.new_folder("readme")
    bench = os.path.join(ROOT, "tests", "bench", "many_threads.c")
    workshop.compile(bench, os.path.join(made, "many_threads"), [])
    for name, called in (("grows", "mytest"), ("hanging_server", "server")):
        shutil.copy(workshop.program(name).path, os.path.join(made, called))
    for name, end in (("test_leak", LEAVES), ("test_ok", JOINS)):
        source = os.path.join(made, f"{name}.c")
        pathlib.Path(source).write_text(TEST % end, "ascii")
        workshop.compile(source, os.path.join(made, name), [])
    yield made


def in_shell(script: str, folder: str, typed: str = "") -> str:
    """What a shell prints on both streams."""
    env = environment(PATH=f"{os.path.dirname(SHELL)}:/usr/bin:/bin")
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=env,
        input=typed,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=READY_S,
    )
    return done.stdout


class Server:
    """leaky_server, started as README says."""

    def __init__(self, workshop: Workshop, requests: int):
        program = workshop.program("leaky_server")._replace(name="server")
        path = os.path.join(workshop.new_folder("server"), "server")
        shutil.copy(program.path, path)
        under = (SHELL, "run", "--no-check", "--")
        self.running = workshop.start(
            program._replace(path=path), str(requests), preload="", ready="", under=under
        )
        self._port = int(self.running.line().split()[1])
        self.pid = str(self.running.pid)

    def request(self) -> None:
        with socket.create_connection(("127.0.0.1", self._port), READY_S) as connection:
            connection.sendall(b"request\n")
            assert connection.recv(64) == b"hello\n"


@pytest.fixture(scope="module")
def server(workshop: Workshop) -> Iterator[str]:
    """The pid of one with three requests behind it."""
    made = Server(workshop, 3)
    for _ in range(3):
        made.request()
    assert made.running.line() == "served"
    awaited(lambda: run_shell("list", made.pid).first_line, "(3 unjoined, 1 outlived)")
    yield made.pid
    made.running.end()


def of_a_test(folder: str) -> str:
    said = in_shell("threadleak run -- ./mytest 0; echo $?", folder, "ua")
    return said.replace("ready\n", "")


def of_a_driver(folder: str) -> str:
    words = "--only 'test_*' --timeout 300 --format junit --output leaks.xml"
    script = f"{folder}/test_ok; {folder}/test_leak; exit 8"
    return in_shell(f"threadleak run {words} -- sh -c '{script}'", folder)


def of_top(workshop: Workshop, told: str) -> str:
    """The first sample that looks so, or the last; requests come in meanwhile."""
    server = Server(workshop, 1_000_000)
    command = [SHELL, "top", "--interval", "0.1", "--samples", "100", server.pid]
    watching = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=environment(COLUMNS="80")
    )
    assert watching.stdout is not None
    shown: List[str] = []
    try:
        for line in watching.stdout:
            if line.startswith("threadleak top: ") and shown:
                if plain("".join(shown)) == plain(told):
                    break
                shown = []
                server.request()
            shown.append(line)
    finally:
        watching.kill()
        watching.wait()
        watching.stdout.close()
        server.running.end()
    return "".join(shown)


def of_many(folder: str) -> str:
    in_shell(f"ulimit -c unlimited; LD_PRELOAD={LIBRARY} ./many_threads {MANY}", folder)
    (core,) = (each for each in os.listdir(folder) if each.startswith("core"))
    os.rename(os.path.join(folder, core), os.path.join(folder, "core"))
    try:
        return in_shell("threadleak groups ./many_threads core", folder)
    finally:
        os.remove(os.path.join(folder, "core"))


def of_hanging(workshop: Workshop, folder: str) -> str:
    program = workshop.program("hanging_server")._replace(path=os.path.join(folder, "server"))
    running = workshop.start(program, preload="")
    awaited(lambda: run_shell("list", str(running.pid)).first_line, "3 stuck")
    shutil.move(running.dump_core(), os.path.join(folder, "core"))
    try:
        return in_shell("threadleak list ./server core", folder)
    finally:
        os.remove(os.path.join(folder, "core"))


SAMPLES = {
    "run -- ./mytest; echo $?": "test",
    "run --only 'test_*' --timeout 300 --format junit --output leaks.xml -- ctest": "driver",
    "list $!": "list",
    "explain $! 3": "explain",
    "groups ./many_threads core": "groups",
    "list ./server core": "hanging",
    "top $!": "top",
}


def test_each_sample_is_tried() -> None:
    assert set(samples()) == set(SAMPLES)


@pytest.mark.parametrize("command", SAMPLES, ids=SAMPLES.get)
def test_a_sample_is_real(command: str, workshop: Workshop, folder: str, server: str) -> None:
    told = samples()[command]
    which = SAMPLES[command]
    if which == "driver":
        told = told[told.index("threadleak: ") :]  # behind ctest's own
        said = of_a_driver(folder)
    elif which == "test":
        said = of_a_test(folder)
    elif which == "groups":
        said = of_many(folder)
    elif which == "hanging":
        said = of_hanging(workshop, folder)
    elif which == "top":
        said = of_top(workshop, told)
    else:
        said = run_shell(*command.replace("$!", server).split()).out
    assert plain(said) == plain(told)
