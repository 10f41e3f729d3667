# SPDX-License-Identifier: MIT
"""A real program under the library: start it, look at it with GDB alive and as a core, end it.

GDB is started here alone. A look gives the JSON report; what is asserted of every program, whoever wrote it,
is in `sound`.
"""

import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = ROOT / "build" / "libthreadleak.so"
COMMANDS = ROOT / "gdb" / "threadleak-gdb.py"
PROGRAMS = Path(__file__).resolve().parent / "programs"
TIMEOUT_S = 60
CLEAN = 0


def need(program, package):
    """Path of the program, or a skip that names its Debian package."""
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed (Debian: {package})")
    return path


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(condition, what):
    """The first true value that `condition` gives."""
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"waited {TIMEOUT_S} s for {what}")


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Program:
    """A running program, with the library or bare. A context manager: it never survives the block."""

    def __init__(self, argv, folder, preload=True, port=None):
        self.folder = folder
        self.port = port
        environment = {**os.environ, **({"LD_PRELOAD": str(LIBRARY)} if preload else {})}
        self.process = subprocess.Popen(
            [str(word) for word in argv],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(folder / "stderr").open("w"),
            text=True,
            start_new_session=True,
        )
        self.pid = self.process.pid

    def __enter__(self):
        if self.port:
            until(self._listens, f"port {self.port} to open")
        return self

    def __exit__(self, *_):
        try:
            os.killpg(self.pid, signal.SIGKILL)  # its own children too
        except ProcessLookupError:
            pass
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def _listens(self):
        assert self.process.poll() is None, (self.folder / "stderr").read_text()
        return listens(self.port)

    def line(self):
        return self.process.stdout.readline().strip()

    def quieten(self):
        """The programs in programs/ stop to make threads once standard input ends."""
        self.process.stdin.close()
        assert self.line() == "quiet", (self.folder / "stderr").read_text()

    def terminate(self):
        """SIGTERM; the exit status."""
        self.process.terminate()
        return self.process.wait(TIMEOUT_S)

    def children(self):
        return [int(word) for word in _read(f"/proc/{self.pid}/task/{self.pid}/children").split()]

    def threads(self, count):
        until(lambda: task_count(self.pid) == count, f"{count} threads")

    def abort(self, pid):
        """Ends a process, which is the program itself or a child of it, with SIGABRT; the core file."""
        os.kill(pid, signal.SIGABRT)
        if pid == self.pid:
            assert self.process.wait(TIMEOUT_S) == -signal.SIGABRT
        else:
            until(lambda: not os.path.exists(f"/proc/{pid}"), f"process {pid} to end")
        found = [path for path in self.folder.iterdir() if path.name.startswith("core")]
        assert len(found) == 1, f"one core file, not {found}"
        return found[0]


def task_count(pid):
    return len(os.listdir(f"/proc/{pid}/task"))


def _read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


class Look:
    """What GDB says of a process or core: the report, and the tasks that the kernel had meanwhile."""

    def __init__(self, folder, target, tasks_of=None):
        report, tasks = folder / "report.json", folder / "tasks"
        command = ["gdb", "-nx", "-batch", "-iex", "set debuginfod enabled off"]
        command += [*target, "-ex", f"source {COMMANDS}"]
        if tasks_of:
            command += ["-ex", f"shell ls /proc/{tasks_of}/task > {tasks}"]
        command += ["-ex", f"threadleak list --all --format json --output {report}"]
        command += ["-ex", "threadleak check --exit"]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT_S, stdin=subprocess.DEVNULL
        )
        self.status, self.output = done.returncode, done.stdout + done.stderr
        assert report.exists(), self.output
        self.report = json.loads(report.read_text())
        report.unlink()
        self.tasks = len(tasks.read_text().split()) if tasks_of else None
        self.threads = self.report["threads"]

    def created(self):
        """Those that the registry has, the main thread apart, by id."""
        return {each["id"]: each for each in self.threads if each["id"] and not each["main"]}

    def kinds(self):
        return {finding["kind"] for finding in self.report["findings"]}

    def untracked(self):
        return [each for each in self.threads if each["class"] == "untracked"]


def look(program, pid=None):
    pid = pid or program.pid
    return Look(program.folder, ["-p", str(pid)], tasks_of=pid)


def look_at_core(program, executable, pid=None):
    core = program.abort(pid or program.pid)
    seen = Look(program.folder, [executable, str(core)])
    core.unlink()
    return seen


def sound(seen, count=None):
    """What must hold of any healthy program: no leak, nothing odd, and as many threads as the kernel says."""
    assert seen.status == CLEAN, seen.output
    assert seen.report["summary"]["leaked"] == 0
    assert not seen.kinds() - {"untracked", "waiting", "forked"}, seen.report["findings"]
    assert len(seen.threads) == seen.report["summary"]["threads"]
    if count is not None:
        assert seen.report["summary"]["threads"] == count, seen.output


def module(frame):
    return os.path.basename(frame["module"] or "")


def own(thread):
    """The function that creates the thread, in the words of the report; the module if it has no symbols."""
    frame = thread["creation_stack"][thread["own_frame"]]
    return frame["function"] or module(frame)


def functions(thread):
    return [frame["function"] for frame in thread["creation_stack"]]


def complete(thread):
    """The stack ends where a thread begins: in libc's clone, or in the program's _start, which libc calls."""
    frames = thread["creation_stack"]
    assert thread["creation_stack_complete"], frames
    assert len(frames) < 32
    if not module(frames[-1]).startswith("libc"):
        assert module(frames[-2]).startswith("libc"), frames


def called(pid, seen):
    """Every return address of every creation stack follows a call instruction, as the process has it."""
    with open(f"/proc/{pid}/mem", "rb") as memory:
        for thread in seen.created().values():
            for frame in thread["creation_stack"]:
                pc = int(frame["pc"], 16)
                memory.seek(pc - 8)
                assert follows_call(memory.read(8)), (thread["name"], frame)


def follows_call(before):
    """Intel SDM, CALL: E8 with a 32-bit offset, or FF /2 with any of the forms of ModRM."""
    if before[-5] == 0xE8:
        return True
    return any(before[-n] == 0xFF and before[1 - n] >> 3 & 7 == 2 for n in range(2, 8))


def same(live, core):
    """A core names the same threads and stacks as the process did."""
    before, after = live.created(), core.created()
    assert sorted(before) == sorted(after)
    for number, thread in before.items():
        other = after[number]
        assert (thread["name"], thread["tid"]) == (other["name"], other["tid"])
        assert thread["start"]["pc"] == other["start"]["pc"]
        assert functions(thread) == functions(other)
        pcs = [[frame["pc"] for frame in each["creation_stack"]] for each in (thread, other)]
        assert pcs[0] == pcs[1]


@pytest.fixture(scope="session")
def cores():
    """The kernel writes core files, named core*, into the folder of the process (man 5 core)."""
    pattern_file = "/proc/sys/kernel/core_pattern"
    pattern = _read(pattern_file)
    limits = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (limits[1], limits[1]))
    plain = pattern.startswith("core") and "/" not in pattern
    if not plain:
        try:
            Path(pattern_file).write_text("core\n", encoding="ascii")
        except OSError as error:
            pytest.skip(
                f"core files go to {pattern.strip()!r}, which only root can change: {error}"
            )
    yield
    if not plain:
        Path(pattern_file).write_text(pattern, encoding="ascii")
    resource.setrlimit(resource.RLIMIT_CORE, limits)
