# SPDX-License-Identifier: MIT
"""What a subcommand is asked, and what it gives back."""

import argparse
import re
from functools import partial
from typing import Any, List, NamedTuple, NoReturn, Optional

from ..show.cases import Case

USAGE = 64  # exit status: unknown option, class, subcommand (EX_USAGE of sysexits.h)


class UsageError(Exception):
    """One sentence about the command line."""


class Outcome(NamedTuple):
    text: str  # whole output, newline at its end
    status: int = 0
    error: Optional[str] = None  # one sentence: what failed, or could not be told
    leaks: int = 0  # of check: threads that made it fail
    case: Optional[Case] = None  # of check, in a format that tests have
    note: Optional[str] = None  # a sentence for people that is no failure
    data: Optional[bytes] = None  # whole output of a format that is no text
    unsought: str = ""  # why deadlocks are not in `text`: for whoever shows its first line alone


# What follows the options in the shell. GDB has one target, which no command names.
ONE, MANY = "TARGET", "TARGET..."
TARGETS = {
    ONE: """A TARGET is a PID, a core file (PROGRAM CORE, where the program is not found from the core), or coredump:MATCH,
a PID, program or unit whose core systemd-coredump has. A process is not stopped.""",
    MANY: """A TARGET is a PID, a core file (PROGRAM CORE, where the program is not found from the core), a folder of core
files, or coredump:MATCH, a PID, program or unit whose core systemd-coredump has. A process is not stopped.""",
}
STDOUT = "-"  # as FILE; ./- is a file of that name


class Parser(argparse.ArgumentParser):
    """Raises UsageError instead of ending the interpreter. `targets`: what a command takes besides its options
    in the shell; "": nothing, or this is for GDB."""

    def __init__(self, name: str, summary: str, usage: str, example: str, targets: str = ""):
        self.summary = summary
        self.targets = targets
        if targets == MANY:
            example = re.sub("$", " core", example, flags=re.M)
        super().__init__(
            prog=f"threadleak {name}",
            usage=f"threadleak {name} {usage}" + ("" if targets in usage else f" {targets}"),
            description=TARGETS.get(targets),
            epilog="example:\n" + "".join(f"  {line}\n" for line in example.splitlines()),
            add_help=False,
            allow_abbrev=False,
            formatter_class=partial(
                argparse.RawDescriptionHelpFormatter, width=95, max_help_position=26
            ),
        )
        self.see = f"help {self.prog}"  # as GDB has it
        self.set_defaults(explain="threadleak explain {}", target="")  # as people call it
        if targets:
            group = self.add_argument_group("how to look")
            group.add_argument(
                "--stop", action="store_true", help="stop a process meanwhile: all at one moment"
            )

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.prog}: {message}; see `{self.see}`")

    def exit(self, status: int = 0, message: Optional[str] = None) -> NoReturn:
        raise UsageError(message or self.prog)

    def help(self) -> str:
        """The first line is a sentence; then usage, options, example."""
        return f"{self.summary}\n\n{self.format_help()}".replace("usage:", "Usage:", 1).rstrip()

    def words(self) -> List[str]:
        """All options that the help shows, for completion."""
        shown = self._option_string_actions.items()
        return sorted(
            word
            for word, action in shown
            if word.startswith("--") and action.help != argparse.SUPPRESS
        )

    def option(self, word: str) -> Optional[argparse.Action]:
        return self._option_string_actions.get(word)

    def values(self, option: str) -> List[str]:
        """What may follow an option, for completion."""
        action = self._option_string_actions.get(option)
        choices = getattr(action, "completions", None) or (action.choices if action else None)
        return [str(choice) for choice in choices or []]


def add_alias(group: Any, alias: str, option: argparse.Action) -> None:
    """Another word for an option: one that another subcommand has for the same. No help shows it."""
    group.add_argument(
        alias,
        dest=option.dest,
        type=option.type,
        default=argparse.SUPPRESS,
        metavar=option.metavar,
        help=argparse.SUPPRESS,
    )
