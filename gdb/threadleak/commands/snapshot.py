# SPDX-License-Identifier: MIT
"""`threadleak snapshot`"""

import argparse
from typing import TYPE_CHECKING, List, Optional, Tuple, cast

from ..read.glibc import glibc_of
from ..read.locate import read_registry
from ..read.memory import registry_memory
from ..show.stacks import counted
from ..target.base import Target, TargetError
from .command_line import STDOUT, Outcome, Parser, UsageError
from .session import Session
from .targets import Named
from .words import pid

if TYPE_CHECKING:
    from ..target.native import NativeTarget
    from ..target.probe_abi import Snapshot

NAME = "snapshot"


def parser() -> Parser:
    parser = Parser(
        NAME,
        "Write a small core file of a process that goes on: stacks, data, the registry.",
        "[OPTION]... PID",
        "threadleak snapshot 4242 -o server.core\nthreadleak list ./server server.core",
    )
    group = parser.add_argument_group("how")
    group.add_argument("-o", dest="file", metavar="FILE", help="default: threadleak.PID.core")
    group.add_argument(
        "--stop", action="store_true", help="stop the process meanwhile: all of it at one moment"
    )
    parser.add_argument("pid", type=pid, metavar="PID", help="of the process")
    return parser


def run(session: Optional[Session], options: argparse.Namespace) -> Outcome:
    if options.file == STDOUT:
        raise UsageError("threadleak snapshot: the header of a core is written last: -o FILE")
    path = options.file or f"threadleak.{options.pid}.core"
    target = Named(str(options.pid), pid=options.pid).open(options.stop)
    try:
        made, note = write(target, path)
    finally:
        target.close()
    running = ""
    if made.without_sp:
        running = f", {made.without_sp:,} of which ran, so that their stacks are not in it"
    stood = (
        f"stood still for {made.stopped_ns / 1e6:,.0f} ms" if options.stop else "was not stopped"
    )
    reads = "stacks" if note else "list"
    return Outcome(
        f"threadleak: written to {path}: {counted(made.threads, 'thread')}{running};"
        f" {made.size / 1e6:,.1f} MB, the process {stood}\n"
        f"{note}`threadleak {reads} {path}` or `threadleak gdb {path}` opens it.\n"
    )


def write(target: Target, path: str) -> "Tuple[Snapshot, str]":
    """What was written, and a line on the registry if it could not be had."""
    memory: List[Tuple[int, bytes]] = []
    note = ""
    try:
        for copy in read_registry(target).copies:
            memory += registry_memory(target, copy.address)
    except TargetError as error:
        note = f"note: {error}\n"
    memory += _main_that_left(target)
    return cast("NativeTarget", target).snapshot(path, memory), note


def _main_that_left(target: Target) -> List[Tuple[int, bytes]]:
    """The descriptor of a main thread that called pthread_exit: no registers lead to it, and glibc's lists go through
    it."""
    leader = [each for each in target.threads() if each.own_tid == target.own_pid()]
    try:
        if any(target.pthread_of(each) for each in leader):
            return []
    except TargetError:
        pass  # the kernel keeps a zombie of it
    try:
        glibc = glibc_of(target)
        first, size = glibc.layout.first, glibc.layout.struct.size
        left = (each for each in glibc.threads() if each.finished and not each.start)
        return [(each.pthread + first, target.read(each.pthread + first, size)) for each in left]
    except TargetError:
        return []
