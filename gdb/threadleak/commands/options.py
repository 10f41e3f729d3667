# SPDX-License-Identifier: MIT
"""Options that several subcommands share, and what a subcommand gives back."""

import argparse
import re
from fnmatch import fnmatchcase
from functools import partial
from typing import Any, Callable, List, NamedTuple, NoReturn, Optional, Sequence, Tuple, TypeVar

from ..judge import classes
from ..judge.crowd import THRESHOLD
from ..judge.report import Report
from ..judge.verdicts import ALWAYS, AUTO, NEVER, Settings, Verdict
from ..read.threads import ALIVE, BLOCKED, RUNNING, STATES
from ..show.cases import Case
from ..target.base import TargetError

DOCUMENTS = (
    "json",
    "junit",
    "tap",
    "sarif",
    "html",
)  # formats of `run` not to be mixed with what the program writes
ALONE = ("pprof", "html")  # formats of one target
USAGE = 64  # exit status: unknown option, class, subcommand (EX_USAGE of sysexits.h)


T = TypeVar("T")


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
        """All options, for completion."""
        return sorted(word for word in self._option_string_actions if word.startswith("--"))

    def option(self, word: str) -> Optional[argparse.Action]:
        return self._option_string_actions.get(word)

    def values(self, option: str) -> List[str]:
        """What may follow an option, for completion."""
        action = self._option_string_actions.get(option)
        choices = getattr(action, "completions", None) or (action.choices if action else None)
        return [str(choice) for choice in choices or []]


def _classes(text: str) -> List[str]:
    names = text.split(",")
    for name in names:
        if name not in classes.ALL:
            known = ", ".join(classes.ALL)
            raise argparse.ArgumentTypeError(f"unknown class {name!r} (there are {known})")
    return names


def count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no number")
    return int(text)


_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def length_of_time(text: str) -> float:
    """Seconds: 500ms, 30s, 10m, 2h, 1d; a number without a unit is of seconds."""
    found = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ms|[smhd])?", text)
    if found is None or not float(found[1]):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no length of time, such as 500ms, 30s or 10m"
        )
    return float(found[1]) * _UNITS[found[2] or "s"]


def address(text: str) -> int:
    if not re.fullmatch(r"0x[0-9a-fA-F]{1,16}|\d{1,19}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no address")
    return int(text, 0) if text.startswith("0x") else int(text)


def class_option(group: Any, name: str, help: str) -> None:
    action = group.add_argument(name, type=_classes, metavar="CLASS[,CLASS]", help=help)
    action.completions = classes.ALL


SORT_KEYS = ("group", "id", "tid", "name", "state", "class", "scope", "age")


def add_selection(parser: Parser, sort: bool = True) -> None:
    group = parser.add_argument_group("which threads")
    class_option(group, "--class", "only of these classes: " + ", ".join(classes.ALL))
    group.add_argument("--scope", metavar="GLOB", help="only in scopes with such a name")
    group.add_argument("--name", metavar="GLOB", help="only threads with such a name")
    group.add_argument("--site", metavar="GLOB", help="only made through such a function")
    group.add_argument("--state", choices=STATES, metavar="STATE", help=", ".join(STATES))
    if sort:
        help = "by " + ", ".join(SORT_KEYS) + " (group: leaked and many first)"
        group.add_argument("--sort", choices=SORT_KEYS, default="group", metavar="KEY", help=help)


def add_ids(parser: Parser, shell: bool) -> None:
    parser.set_defaults(ids=[])
    group = parser.add_argument_group("which threads")
    help = "as the first column of `list` shows"
    if not shell:
        group.add_argument("ids", nargs="*", metavar="ID", help=help)
        help = "the same"
    group.add_argument("--id", nargs="+", default=[], dest="more", metavar="ID", help=help)


def asked_ids(command: str, options: argparse.Namespace) -> List[str]:
    """Those of add_ids. A UsageError if there are none."""
    ids: List[str] = options.ids + options.more
    if not ids:
        raise UsageError(
            f"threadleak {command}: which thread? Give an ID, as `threadleak list` shows"
        )
    return ids


def each(ids: Sequence[str], act: Callable[[str], T]) -> Tuple[List[T], Optional[str]]:
    """What `act` gives for those that this target has, and the error of an outcome if there are others."""
    results, errors = [], []
    for name in ids:
        try:
            results.append(act(name))
        except TargetError as error:
            errors.append(str(error))
    return results, "cannot tell: " + "; ".join(errors) if errors else None


def add_judging(parser: Parser) -> None:
    group = parser.add_argument_group("how to judge")
    group.add_argument(
        "--at-end",
        action="store_true",
        help="as at the end of the process: what is alive and not expected has outlived",
    )
    group.add_argument(
        "--allow", choices=("detached",), metavar="detached", help="detached threads may outlive"
    )
    group.add_argument(
        "--settle-ms",
        type=count,
        default=500,
        metavar="N",
        help="a thread that finished less than N ms ago may still be joined (default 500)",
    )
    group.add_argument(
        "--waits",
        choices=(AUTO, ALWAYS, NEVER),
        default=AUTO,
        metavar="WHEN",
        help="look for deadlocks: always, never or auto, which leaves out processes with more than 1,000"
        " threads that run on",
    )
    group.add_argument(
        "--crowd",
        type=count,
        metavar="N",
        help="N threads of one site blocked at one place are a crowd (0: none are): looked for if this is said,"
        f" or this class is asked for, or stacks, or all threads, are shown; {THRESHOLD} unless told",
    )
    group.add_argument(
        "--rules",
        action="append",
        default=[],
        metavar="FILE",
        help="rules that say which threads are expected; may be repeated",
    )
    add_no_builtin(group)
    group.add_argument("--baseline", metavar="FILE", help="leaks that are known, and expected")


def add_no_builtin(group: Any) -> None:
    help = "without the rules for well-known libraries"
    group.add_argument("--no-builtin", action="store_true", help=help)


def add_output(parser: Parser, formats: Sequence[str] = ("text", "json")) -> Any:
    """The group of options."""
    group = parser.add_argument_group("input and output")
    if formats:
        group.add_argument("--format", choices=formats, default="text", metavar="|".join(formats))
    add_file(group, "-o", "--output")
    group.add_argument(
        "--registry",
        type=address,
        metavar="ADDR",
        help="where the registry is, if it is not found",
    )
    return group


def add_file(group: Any, *names: str) -> None:
    """Where output goes that else goes to standard output, which is None."""
    help = "write to FILE instead; - is standard output"
    group.add_argument(*names, type=_file, metavar="FILE", help=help)


def _file(word: str) -> Optional[str]:
    return None if word == STDOUT else word


def add_source_root(group: Any, formats: str) -> None:
    help = f"folder of the sources, for --format {formats} (default: the CI server's checkout)"
    group.add_argument("--source-root", metavar="DIR", help=help)


def page(report: Report, verdicts: Sequence[Verdict], opened: Sequence[Verdict] = ()) -> str:
    """The report as HTML: all threads, those of the command first in view."""
    from ..show import html  # by those alone who ask for it

    return html.document(report, verdicts, opened)


def settings(options: argparse.Namespace) -> Settings:
    strict = getattr(options, "strict", False)
    asked = [*(getattr(options, "class", None) or ()), *(getattr(options, "fail_on", None) or ())]
    is_page = getattr(options, "format", "") == "html"
    shown = getattr(options, "stacks", False) or getattr(options, "all", False) or is_page
    return Settings(
        *(options.at_end, options.allow == "detached", options.settle_ms),
        strict=strict,
        crowd=THRESHOLD if options.crowd is None else options.crowd,
        seek_crowds=options.crowd is not None or shown or classes.CROWD in asked,
        waits=options.waits,
    )


def select(report: Report, options: argparse.Namespace) -> List[Verdict]:
    """Those that the options of add_selection pick; the report then says how many of them leaked."""
    tests: List[Callable[[Verdict], bool]] = []
    wanted = getattr(options, "class")
    if wanted:
        tests.append(lambda verdict: verdict.class_ in wanted)
    if options.name is not None:
        tests.append(
            lambda verdict: fnmatchcase(report.name_of(verdict.thread) or "", options.name)
        )
    if options.scope is not None:
        tests.append(lambda verdict: _matches(report, verdict, "scope", options.scope))
    if options.site is not None:
        tests.append(lambda verdict: _matches(report, verdict, "site", options.site))
    verdicts = report.verdicts
    for test in tests:
        verdicts = [verdict for verdict in verdicts if test(verdict)]
    if options.state is not None:
        if options.state in (RUNNING, BLOCKED, ALIVE):
            report.read_states(verdicts, len(verdicts))
        verdicts = [verdict for verdict in verdicts if verdict.thread.state == options.state]
    if tests or options.state is not None:
        report.selected = verdicts
    return verdicts


def _matches(report: Report, verdict: Verdict, field: str, glob: str) -> bool:
    values = report.judge.values.value(verdict.thread, field)
    return any(fnmatchcase(value, glob) for value in values)
