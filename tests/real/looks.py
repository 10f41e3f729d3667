# SPDX-License-Identifier: MIT
"""What GDB says of a real program, alive and as a core, and what must hold of every program."""

import json
import os
from pathlib import Path
from typing import Any, Dict, List, Optional, Set

from run_gdb import run_gdb
from watched import Program

CLEAN = 0
NORMAL = {"untracked", "waiting", "forked"}  # kinds of findings that a healthy program may have
FRAMES = 32  # what the library keeps of a stack, by default

# While GDB attaches, the process stands still and its clock does not, for seconds on a busy machine: a
# thread that would have been joined a moment later looks long finished by then.
BUSY = "--settle-ms 60000"

Json = Dict[str, Any]


class Look:
    """The report, the status of `check`, and how many tasks the kernel had while the process stood still."""

    def __init__(
        self, folder: Path, target: List[str], pid: Optional[int] = None, options: str = ""
    ):
        report, tasks = folder / "report.json", folder / "tasks"
        commands = [f"shell ls /proc/{pid}/task > {tasks}"] if pid else []
        commands += [f"threadleak list --all --format json --output {report} {options}"]
        commands += [f"threadleak check --exit {options}"]
        run = run_gdb(*target, commands=commands)
        self.status, self.output = run.status, run.out + run.err
        assert report.exists(), self.output
        self.report: Json = json.loads(report.read_text(encoding="ascii"))
        report.unlink()
        self.tasks = len(tasks.read_text().split()) if pid else None
        self.threads: List[Json] = self.report["threads"]

    def created(self) -> Dict[int, Json]:
        """Those that the registry has, the main thread apart, by id."""
        return {each["id"]: each for each in self.threads if each["id"] and not each["main"]}

    def untracked(self) -> List[Json]:
        return [each for each in self.threads if each["class"] == "untracked"]

    def kinds(self) -> Set[str]:
        return {finding["kind"] for finding in self.report["findings"]}


def look(program: Program, pid: Optional[int] = None, options: str = "") -> Look:
    """At the program, or at its child `pid`."""
    pid = pid or program.pid
    return Look(program.folder, ["-p", str(pid)], pid, options)


def look_at_core(program: Program, executable: str, pid: Optional[int] = None) -> Look:
    core = program.dump_core(pid or program.pid)
    seen = Look(program.folder, [executable, str(core)])
    core.unlink()
    return seen


def sound(seen: Look, count: Optional[int] = None) -> None:
    """No leak, nothing odd; and, if it is quiet, as many threads as the kernel has."""
    assert seen.status == CLEAN, seen.output
    assert seen.report["summary"]["leaked"] == 0
    assert not seen.kinds() - NORMAL, seen.report["findings"]
    assert len(seen.threads) == seen.report["summary"]["threads"]
    if count is not None:
        assert len(seen.threads) == count, seen.output


def same(live: Look, core: Look) -> None:
    """The core names the same threads and stacks as the process did."""
    before, after = live.created(), core.created()
    assert sorted(before) == sorted(after)
    for number, thread in before.items():
        other = after[number]
        for key in ("name", "tid", "pthread", "start", "creator", "creation_stack"):
            assert thread[key] == other[key]


def module(frame: Json) -> str:
    return os.path.basename(frame["module"] or "")


def own(thread: Json) -> str:
    """Who creates the thread, as the report says: the function, or the module where that has no symbol."""
    frame = thread["creation_stack"][thread["own_frame"]]
    return frame["function"] or module(frame)


def functions(thread: Json) -> List[str]:
    """Of the creation stack, innermost first; "" where there is no symbol."""
    return [frame["function"] or "" for frame in thread["creation_stack"]]


def complete(thread: Json) -> None:
    """The stack ends where a thread begins: in libc's clone, or in the program's _start, which libc called."""
    frames = thread["creation_stack"]
    assert thread["creation_stack_complete"] and len(frames) < FRAMES, frames
    assert module(frames[-1]).startswith("libc") or module(frames[-2]).startswith("libc"), frames


def called(pid: int, seen: Look) -> None:
    """Each return address of each creation stack follows a call instruction of the running process."""
    with open(f"/proc/{pid}/mem", "rb") as memory:
        for thread in seen.created().values():
            for frame in thread["creation_stack"]:
                memory.seek(int(frame["pc"], 16) - 8)
                assert follows_call(memory.read(8)), (thread["name"], frame)


def follows_call(before: bytes) -> bool:
    """Intel SDM, CALL: E8 with a 32-bit offset, or FF /2 with any form of ModRM (2 to 7 bytes)."""
    if before[-5] == 0xE8:
        return True
    return any(before[-n] == 0xFF and before[1 - n] >> 3 & 7 == 2 for n in range(2, 8))
