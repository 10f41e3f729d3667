# SPDX-License-Identifier: MIT
"""Programs that nobody here wrote: they work as before, and every thread is named, alive and on a core.

One test a program. In mid-life, under load, nothing may be called a leak; once quiet, the counts agree with
the kernel's. docs/field-notes.md shows what the reports look like.
"""

import os
import signal
import socket
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any, Callable, List, Optional

import pytest
from looks import (
    BUSY,
    Look,
    called,
    complete,
    functions,
    look,
    look_at_core,
    module,
    own,
    same,
    sound,
)
from watched import PROGRAMS, TIMEOUT_S, Program, free_port, need, task_names, until

pytestmark = pytest.mark.usefixtures("cores")

LOOKS_UNDER_LOAD = 3


def ends_as_bare(
    argv: List[Any], folder: Path, port: Optional[int] = None, pid_file: Optional[Path] = None
) -> None:
    """SIGTERM ends it with the same status with the library as without it. And the first line is the same.
    `pid_file`: of a program that listens before it handles signals, and writes this file after that.
    """
    seen = []
    for preload in (False, True):
        with Program(argv, folder, preload, port) as program:
            first = None if port else program.line()
            if pid_file is not None:
                until(lambda: pid_file.exists() and pid_file.read_text(), "its pid file")
            seen.append((first, program.terminate()))
    assert seen[0] == seen[1]


def live_and_core(program: Program, executable: str, count: Optional[int] = None) -> Look:
    """A quiet program, of `count` threads if that is certain: both looks, which must give the same."""
    if count is not None:
        program.await_threads(count)
    live = look(program)
    sound(live, live.tasks)
    called(program.pid, live)
    core = look_at_core(program, executable)
    sound(core, count)
    same(live, core)
    return live


def test_redis(tmp_path: Path) -> None:
    server = need("redis-server", "redis-server")
    benchmark = need("redis-benchmark", "redis-tools")
    command_line = need("redis-cli", "redis-tools")
    port = free_port()
    argv = [server, "--port", port, "--bind", "127.0.0.1", "--save", "", "--io-threads", 4]
    argv += ["--io-threads-do-reads", "yes", "--dir", tmp_path]
    argv += ["--crash-log-enabled", "no"]  # its handler of SIGABRT ends its threads before the core
    ends_as_bare(argv, tmp_path, port)

    def client(*words: str) -> str:
        return subprocess.run(
            [command_line, "-p", str(port), *words], check=True, capture_output=True, text=True
        ).stdout

    with Program(argv, tmp_path, port=port) as program:
        load = f"{benchmark} -p {port} -n 20000 -P 16 -r 1000 -q -t set,get".split()
        with subprocess.Popen(load, stdout=subprocess.DEVNULL) as running:
            for _ in range(LOOKS_UNDER_LOAD):
                sound(look(program))
            assert running.wait(TIMEOUT_S) == 0
        child_of_bgsave(program, client)
        live = live_and_core(program, server)
    # jemalloc takes pthread_create from the library behind itself, past every preloaded one
    assert {each["name"] for each in live.untracked()} <= {"jemalloc_bg_thd"}
    by_name = {each["name"]: own(each) for each in live.created().values()}
    closing = ["bio_close_file", "bio_aof_fsync", "bio_lazy_free"]
    assert by_name == {
        **dict.fromkeys(closing, "bioInit"),
        **{f"io_thd_{number}": "initThreadedIO" for number in (1, 2, 3)},
    }
    for each in live.created().values():
        complete(each)
        assert {"InitServerLast", "main"} <= set(functions(each))


def child_of_bgsave(program: Program, client: Callable[..., str]) -> None:
    """A fork child begins with one thread and none of its parent's."""
    client("config", "set", "rdb-key-save-delay", "100000")
    client("bgsave")
    (child,) = until(program.children, "the child that saves")
    seen = look(program, child)
    sound(seen)
    assert "forked" in seen.kinds()
    assert [each["main"] for each in seen.threads if each["class"] != "untracked"] == [True]
    assert seen.tasks == 1
    os.kill(child, signal.SIGUSR1)  # as redis itself ends it
    until(lambda: not program.children(), "the child to end")


def test_memcached(tmp_path: Path) -> None:
    server = need("memcached", "memcached")
    port = free_port()
    argv = [server, "-u", "root", "-l", "127.0.0.1", "-p", port, "-t", 4, "-m", 64]
    ends_as_bare(argv, tmp_path, port)
    with Program(argv, tmp_path, port=port) as program:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            set_and_get(connection, 2000)
            for _ in range(LOOKS_UNDER_LOAD):
                sound(look(program))
            set_and_get(connection, 2000)
        live = live_and_core(program, server, 10)
    names = Counter(each["name"] for each in live.created().values())
    single = ["mc-log", "mc-assocmaint", "mc-itemcrawler", "mc-lrumaint", "mc-slabmaint"]
    assert names == {"mc-worker": 4, **dict.fromkeys(single, 1)}
    for each in live.created().values():
        complete(each)
        assert module(each["creation_stack"][each["own_frame"]]) == "memcached"


def set_and_get(connection: socket.socket, count: int) -> None:
    with connection.makefile("rwb") as stream:
        for number in range(count):
            stream.write(b"set k%d 0 0 4\r\n%04d\r\nget k%d\r\n" % (number, number, number))
            stream.flush()
            answer = [stream.readline() for _ in range(4)]
            assert answer[0] == b"STORED\r\n" and answer[2] == b"%04d\r\n" % number


def nginx(folder: Path, port: int) -> List[Any]:
    """Its command line: one worker with a pool of threads, which serves /file."""
    server = need("nginx", "nginx-light")
    (folder / "file").write_bytes(bytes(range(256)) * 4000)
    (folder / "nginx.conf").write_text(
        f"daemon off; user root; pid {folder}/pid; error_log stderr; worker_processes 1;\n"
        "thread_pool default threads=4; events { worker_connections 64; }\n"
        "http { access_log off; client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f;\n"
        " uwsgi_temp_path u; scgi_temp_path s; sendfile off; aio threads;\n"
        f" server {{ listen 127.0.0.1:{port}; root {folder}; }} }}\n"
    )
    return [server, "-p", folder, "-e", "stderr", "-c", folder / "nginx.conf"]


def test_nginx(tmp_path: Path) -> None:
    port = free_port()
    argv = nginx(tmp_path, port)
    ends_as_bare(argv, tmp_path, port, tmp_path / "pid")
    with Program(argv, tmp_path, port=port) as master:
        (worker,) = until(master.children, "the worker")
        for _ in range(20):
            assert fetch(port, "/file").endswith((tmp_path / "file").read_bytes())
        sound(look(master), 1)
        live = look(master, worker)
        sound(live, 5)
        assert live.tasks == 5 and "forked" in live.kinds()
        called(worker, live)
        core = look_at_core(master, argv[0], worker)
    sound(core, 5)
    same(live, core)
    for each in live.created().values():
        complete(each)
        assert own(each) == "nginx"  # it has no symbols of this function
        assert {"ngx_spawn_process", "ngx_master_process_cycle"} <= set(functions(each))


def fetch(port: int, path: str) -> bytes:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"GET %s HTTP/1.0\r\n\r\n" % path.encode())
        with connection.makefile("rb") as stream:
            return stream.read()


def test_python(tmp_path: Path) -> None:
    interpreter = need("/usr/bin/python3", "python3")
    argv = [interpreter, PROGRAMS / "pool.py"]
    ends_as_bare(argv, tmp_path)
    with Program(argv, tmp_path) as program:
        program.line()
        under_load(program)
        live = live_and_core(program, interpreter, 5)
    for each in live.created().values():
        complete(each)
        assert own(each) == "PyThread_start_new_thread"
        assert "Py_RunMain" in functions(each)


def under_load(program: Program) -> None:
    """Threads come and go, and are joined a moment later: none of them is a leak."""
    for _ in range(LOOKS_UNDER_LOAD):
        sound(look(program, options=BUSY))
    program.quieten()


def test_node(tmp_path: Path) -> None:
    interpreter = need("node", "nodejs")
    argv = [interpreter, PROGRAMS / "pool.js"]
    ends_as_bare(argv, tmp_path)
    with Program(argv, tmp_path) as program:
        program.line()
        under_load(program)
        live = live_and_core(program, interpreter, 12)
    stacks = [functions(each) for each in live.created().values()]
    assert sum("uv_queue_work" in stack for stack in stacks) == 4  # libuv's pool
    workers = [
        each for each in live.created().values() if own(each).startswith("node::worker::Worker::")
    ]
    assert len(workers) == 1
    for each in live.created().values():
        if each["creation_stack_complete"]:
            complete(each)
        else:  # its caller is code that V8 made, this frame when node was built: no unwind rules
            last = functions(each)[-1]
            assert last.startswith("Builtins_") or not last, functions(each)


def test_java(tmp_path: Path) -> None:
    compiler = need("javac", "default-jdk-headless")
    launcher = need("java", "default-jdk-headless")
    subprocess.run([compiler, "-d", str(tmp_path), str(PROGRAMS / "Pool.java")], check=True)
    argv: List[Any] = [
        launcher,
        "-Xmx64m",
        "-XX:+UseSerialGC",
        "-XX:-UseDynamicNumberOfCompilerThreads",
    ]
    argv += ["-cp", tmp_path, "Pool"]
    ends_as_bare(argv, tmp_path)
    with Program(argv, tmp_path) as program:
        program.line()
        under_load(program)
        until(lambda: not {"short", "reader"} & task_names(program.pid), "short threads to end")
        live = live_and_core(program, launcher)
    names = Counter(each["name"] for each in live.created().values())
    assert all(names[f"pool-1-thread-{number}"] == 1 for number in (1, 2, 3, 4)), names
    assert names["VM Thread"] == names["VM Periodic Tas"] == 1, names
    for each in live.created().values():
        if each["creation_stack_complete"]:
            complete(each)
        else:  # Java code lies in no file
            assert "JVM_StartThread" in functions(each) and not functions(each)[-1]
            assert module(each["creation_stack"][-1]) == ""
