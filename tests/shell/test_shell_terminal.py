# SPDX-License-Identifier: MIT
"""What the shell command does differently on a terminal: colours, and a line for work that takes long."""

import os
import re
import subprocess
import sys
from typing import Optional, Tuple

from run_shell import SETTLED, SHELL, environment
from screen import open_terminal
from workshop import Workshop

WORK = """
import sys, threading
sys.path.insert(0, {gdb!r})
from threadleak.show.progress import progress
told, write = threading.Event(), sys.stderr.write
sys.stderr.write = lambda text: (write(text), told.set())
with progress("a\\x1b[2Jname"):
    {work}
print("done")
"""


def on_terminal(*argv: str, **env: str) -> Tuple[str, Optional[int]]:
    """Its output, and its status."""
    master, slave = open_terminal()
    clean = environment(**{"TERM": "xterm", **env})
    process = subprocess.Popen(argv, env=clean, stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    out = b""
    while True:
        try:
            data = os.read(master, 4096)
        except OSError:  # EIO: the other side is closed
            break
        if not data:
            break
        out += data
    os.close(master)
    return out.decode("utf-8", "backslashreplace").replace("\r\n", "\n"), process.wait(60)


def test_colours_on_a_terminal_alone(workshop: Workshop) -> None:
    words = [SHELL, "list", str(workshop.live(workshop.program("leaky")).pid), *SETTLED]
    coloured, status = on_terminal(*words)
    assert status == 3 and coloured.startswith("\033[31mthreadleak: 5 leaked threads")
    plain = subprocess.run(words, env=environment(), capture_output=True, text=True).stdout
    assert "\033" not in plain
    assert on_terminal(*words, NO_COLOR="1")[0] == plain
    assert on_terminal(*words, TERM="dumb")[0] == plain


def test_json_is_never_coloured(workshop: Workshop) -> None:
    pid = str(workshop.live(workshop.program("leaky")).pid)
    for command in "list", "stacks", "groups", "check":
        assert "\033" not in on_terminal(SHELL, command, pid, "--format", "json")[0]


def progress(work: str) -> str:
    gdb = os.path.join(os.path.dirname(SHELL), "..", "gdb")
    return on_terminal(sys.executable, "-c", WORK.format(gdb=gdb, work=work))[0]


def test_work_that_takes_long_says_so_and_leaves_no_trace() -> None:
    line = r"\r\033\[Kthreadleak: reading a\\x1b\[2Jname, [1-9]\d* s"
    shown = progress("told.wait()")
    assert re.fullmatch(rf"({line})+\r\033\[Kdone\n", shown), shown


def test_work_that_is_done_soon_says_nothing() -> None:
    assert progress("pass") == "done\n"
