# SPDX-License-Identifier: MIT
"""`threadleak core-handler`"""

import argparse
import shlex
from typing import List, Optional

from ..libraries import core_handler
from ..patterns import Pattern
from ..show.sanitize import clean
from ..target.base import TargetError
from ..target.sidecar import FOLDER
from .command_line import Outcome, Parser

NAME = "core-handler"
PATTERN = "/proc/sys/kernel/core_pattern"
LENGTH_MAX = 127  # of the pattern (CORENAME_MAX_SIZE of Linux, with the zero byte)
_UNKNOWN = Pattern(r"%(?![petuh]).?")
OWN = f"{FOLDER}/core.%%e.%%p.%%t"


def parser() -> Parser:
    parser = Parser(
        NAME,
        "Print the settings that keep thread names, open files and limits beside core files.",
        "[--output PATTERN]",
        "threadleak core-handler > /etc/sysctl.d/60-threadleak.conf\nsysctl -p /etc/sysctl.d/60-threadleak.conf",
    )
    parser.description = (
        "A file for sysctl.d(5) goes to standard output; nothing is changed. The handler of this machine, if it has\n"
        "one, is given the core after ours. docs/core-handler.md has more."
    )
    parser.add_argument(
        "--output",
        dest="pattern",
        metavar="PATTERN",
        help="absolute path of the cores, %%p pid, %%e program, %%t time, %%u user, %%h host: no other handler"
        " takes them then",
    )
    parser.set_defaults(format="text")
    return parser


def run(session: None, options: argparse.Namespace) -> Outcome:
    try:
        with open(PATTERN, encoding="utf-8", errors="surrogateescape") as file:
            before = file.read().rstrip("\n")
    except OSError as error:
        raise TargetError(f"{PATTERN} cannot be read: {error.strerror}") from None
    return settings(before, options.pattern, core_handler())


def _refuse_unknown(pattern: str) -> None:
    """What the handler would take for a letter."""
    other = _UNKNOWN.search(pattern.replace("%%", ""))
    if other is not None and pattern.startswith("/"):
        raise TargetError(
            f"{clean(other.group())} in {clean(pattern)} stands for nothing that the handler knows: give --output"
            " with %p, %e, %t, %u, %h, and %% for a per cent sign"
        )


def settings(before: str, pattern: Optional[str], handler: str) -> Outcome:
    """`before`: what core_pattern is now. `pattern`: where cores go; None: as now, as far as that can be."""
    if pattern is not None and not pattern.startswith("/"):
        raise TargetError(f"{clean(pattern)} is no absolute path")
    _refuse_unknown(pattern or before)
    said: List[str] = []
    words = [handler, "-p", "%P"]
    if pattern is not None:
        words += ["-o", pattern.replace("%", "%%")]
    elif before.startswith("|") and handler in before:
        said.append("# It is there already: nothing is to be done.")
        words = shlex.split(before[1:])
    elif before.startswith("|"):
        said.append(f"# Cores go on to the handler that takes them now, sidecars to {FOLDER}.")
        words += ["--", before[1:].strip()]
    elif before.startswith("@"):
        raise TargetError(
            f"cores go to a socket now ({clean(before)}): give --output PATTERN, and they become files"
        )
    else:
        words += ["-o", before.replace("%", "%%") if before.startswith("/") else OWN]
        if not before.startswith("/"):
            said.append(
                f"# Cores go to {FOLDER} then, no longer to the folder that a program runs in: --output PATTERN"
                " chooses another."
            )
    line = "|" + " ".join(words)
    if len(line.encode("utf-8", "surrogateescape")) > LENGTH_MAX:
        raise TargetError(
            f"the line would have more than {LENGTH_MAX} bytes, and the kernel takes no more: start what is"
            f" behind -- by a script of a shorter name: {clean(line)}"
        )
    lines = [
        "# For /etc/sysctl.d: `sysctl -p FILE` sets it. See threadleak-core-handler(8).",
        f"# Before: kernel.core_pattern={clean(before)}",
        f"# Once: install -d -m 755 {FOLDER}",
        *said,
        f"kernel.core_pattern={clean(line)}",
        "# The kernel waits for the handler, so that the process stays in /proc meanwhile.",
        "kernel.core_pipe_limit=16",
    ]
    return Outcome("\n".join(lines) + "\n")
