# SPDX-License-Identifier: MIT
"""How many more threads a process can create, as far as its user's limit and its cgroup's tell."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Iterator

import pytest
from run_shell import run_shell
from workshop import Running, Workshop

TASKS = 3  # of the program "unregistered": main, worker and daemon
MOST, USER = 40, 50_000 + os.getpid() % 10_000  # nobody else's, other runs of this included
PIDS = Path("/sys/fs/cgroup/pids")  # version 1
UNIFIED = Path("/sys/fs/cgroup")  # version 2

needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root may become another user")


def said_of(running: Running) -> str:
    run = run_shell("groups", "--at-end", "--allow", "detached", str(running.pid))
    said = [line.strip() for line in run.out.splitlines() if line.strip().startswith("Room for")]
    (alive,) = [line for line in said if "max_map_count" not in line]
    return alive


@pytest.fixture
def group() -> Iterator[Path]:
    """A cgroup that may have MOST tasks."""
    parent = PIDS if PIDS.is_dir() else UNIFIED
    made = parent / f"threadleak-test-{os.getpid()}"
    try:
        made.mkdir()
        (made / "pids.max").write_text(f"{MOST}\n")
    except OSError as error:
        if made.is_dir():
            made.rmdir()
        pytest.skip(f"no cgroup can be made that limits tasks: {error}")
    yield made
    made.rmdir()


def test_of_the_cgroup(workshop: Workshop, group: Path) -> None:
    running = workshop.start(workshop.program("unregistered"), preload="")
    (group / "cgroup.procs").write_text(f"{running.pid}\n")
    left = MOST - TASKS
    until = "until pthread_create fails with EAGAIN"
    expected = f"Room for {left} more like it, {until}: pids.max of its cgroup, {MOST}."
    try:
        assert said_of(running) == expected
    finally:
        running.end()


@needs_root
def test_of_the_user(workshop: Workshop) -> None:
    folder = tempfile.mkdtemp()  # where another user may run it
    os.chmod(folder, 0o755)
    program = workshop.program("unregistered")
    path = shutil.copy(program.path, folder)
    under = (
        "prlimit",
        f"--nproc={MOST}:{MOST}",
        "setpriv",
        f"--reuid={USER}",
        "--clear-groups",
        "--inh-caps=-all",
    )
    running = workshop.start(program._replace(path=path), preload="", under=under)
    left = MOST - TASKS
    until = "until pthread_create fails with EAGAIN"
    name = f"RLIMIT_NPROC (ulimit -u) of user {USER}"
    try:
        assert said_of(running) == f"Room for {left} more like it, {until}: {name}, {MOST}."
    finally:
        running.end()
        shutil.rmtree(folder)
