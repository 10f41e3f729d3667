# SPDX-License-Identifier: MIT
"""The subcommands as GDB commands, a convenience function and an MI command.

Output is made whole and written once. Nothing but GdbError leaves a command, so that no traceback is shown;
KeyboardInterrupt passes, as GDB wants it.
"""

import os
import textwrap
from types import ModuleType
from typing import Any, Dict, List, Optional

import gdb

from . import commands
from .commands import execution
from .commands.filter import RULE_WORDS
from .commands.filter import WORDS as FILTER_WORDS
from .commands.command_line import Outcome
from .commands.selection import known_ids
from .commands.session import Session
from .judge.report import BLIND
from .libraries import preload
from .show import json_text
from .show.style import PLAIN, Style
from .target.base import TargetError
from .target.debugger import DebuggerTarget
from .target.debugger_events import generation, watch_events

COLOURS = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")


class _Prefix(gdb.Command):  # type: ignore[misc]
    def __init__(self, name: str, kind: int, doc: str):
        self.__doc__ = doc
        super().__init__(name, kind, prefix=True)


class _Color(gdb.Parameter):  # type: ignore[misc]
    """Whether the output of threadleak is coloured: auto, on or off.
    auto: as GDB's own is (`set style enabled`), unless NO_COLOR is set."""

    __doc__ = textwrap.dedent(__doc__ or "")
    set_doc = "Set whether the output of threadleak is coloured: auto, on or off."
    show_doc = "Show whether the output of threadleak is coloured."

    def __init__(self) -> None:
        super().__init__(
            "threadleak color", gdb.COMMAND_STATUS, gdb.PARAM_ENUM, ["auto", "on", "off"]
        )
        self.value = "auto"

    def get_set_string(self) -> str:
        return ""

    def get_show_string(self, value: str) -> str:
        return f"Whether the output of threadleak is coloured is {value}."


class _Probe(gdb.Parameter):  # type: ignore[misc]
    """Whether stacks are read by libthreadleak-probe.so, where it is there and can: on or off.
    It takes a hundredth of the time of GDB's own frames, which are used for a few threads.
    `threadleak info` says who reads them."""

    __doc__ = textwrap.dedent(__doc__ or "")
    set_doc = "Set whether stacks are read by libthreadleak-probe.so: on or off."
    show_doc = "Show whether stacks are read by libthreadleak-probe.so."

    def __init__(self) -> None:
        super().__init__("threadleak probe", gdb.COMMAND_STATUS, gdb.PARAM_BOOLEAN)
        self.value = True

    def get_set_string(self) -> str:
        return ""

    def get_show_string(self, value: str) -> str:
        return f"Whether stacks are read by libthreadleak-probe.so is {value}."


class _GdbStyle(Style):
    """GDB's own styles."""

    def paint(self, kind: str, text: str) -> str:
        codes = []
        try:
            for part, first in (("foreground", 30), ("background", 40)):
                colour = gdb.parameter(f"style {kind} {part}")
                if colour in COLOURS:
                    codes.append(first + COLOURS.index(colour))
            intensity = gdb.parameter(f"style {kind} intensity")
            codes += {"bold": [1], "dim": [2]}.get(intensity, [])
        except RuntimeError:
            return text  # a kind that this GDB does not have
        return f"\033[{';'.join(map(str, codes))}m{text}\033[m" if codes else text


def _style() -> Style:
    wanted = color.value
    if wanted == "auto":
        styled = (
            gdb.parameter("style enabled")
            and not os.environ.get("NO_COLOR")
            and os.isatty(1)  # as GDB itself decides; sys.stdout is GDB's own object
        )
        return _GdbStyle() if styled else PLAIN
    return _GdbStyle() if wanted == "on" else PLAIN


def _run(command: ModuleType, argv: List[str]) -> Outcome:
    try:
        return execution.invoke(command, session, argv)
    except RuntimeError as error:  # gdb.error too: the target changed or died under GDB's hands
        return Outcome("", BLIND, f"cannot tell: GDB says: {error}")


class _Subcommand(gdb.Command):  # type: ignore[misc]
    def __init__(self, command: ModuleType):
        self.command = command
        self.parser = command.parser()
        self.__doc__ = self.parser.help()
        super().__init__(f"threadleak {command.NAME}", gdb.COMMAND_STATUS)

    def invoke(self, argument: str, from_tty: bool) -> None:
        argv = gdb.string_to_argv(argument)
        outcome = _run(self.command, argv)
        gdb.write(outcome.text)
        if outcome.note is not None:
            gdb.write(f"{_signed(outcome.note)}\n", gdb.STDERR)
        if self.command.NAME == "check":
            self.dont_repeat()
            gdb.set_convenience_variable("_threadleak_leaks", outcome.leaks)
            if "--exit" in argv:
                _end(outcome)
        if outcome.error is not None:
            raise gdb.GdbError(_signed(outcome.error))

    def complete(self, text: str, word: Optional[str]) -> Any:
        """Candidates without what GDB regards as typed already: it breaks words at `-` too."""
        if word is None:
            return None
        words = text.split(" ")
        typed, before = words[-1], words[-2] if len(words) > 1 else ""
        known = self.parser.values(before)
        if not known and typed.startswith("-"):
            known = self.parser.words()
        elif not known:
            known = self._positional(words)
        taken = len(typed) - len(word)
        return [each[taken:] for each in known if each.startswith(typed)]

    def _positional(self, words: List[str]) -> List[str]:
        if self.command.NAME == "filter" and len(words) == 1:
            return list(FILTER_WORDS)
        if self.command.NAME == "filter" and words[0] == "add":
            return list(RULE_WORDS)
        if self.command.NAME in ("explain", "suggest"):
            try:
                return known_ids(session)
            except (TargetError, RuntimeError):
                return []
        return []


def _signed(sentence: str) -> str:
    """Errors about a command line name the command themselves."""
    return sentence if sentence.startswith("threadleak") else f"threadleak: {sentence}"


def _end(outcome: Outcome) -> None:
    """Ends GDB with the status; GDB itself ends with that of its last command."""
    if outcome.error is not None:
        gdb.write(f"{_signed(outcome.error)}\n", gdb.STDERR)
    gdb.execute("set confirm off")
    gdb.execute(f"quit {outcome.status}")


class _Count(gdb.Function):  # type: ignore[misc]
    """Return how many threads leaked.

    Usage: $threadleak_count ([SCOPE])

    With SCOPE, a glob: of those in scopes with such a name."""

    __doc__ = textwrap.dedent("    " + (__doc__ or ""))

    def __init__(self) -> None:
        super().__init__("threadleak_count")

    def invoke(self, *arguments: Any) -> int:
        if len(arguments) > 1:
            raise gdb.GdbError("$threadleak_count takes one argument, the scope, or none")
        argv = ["--scope", arguments[0].string()] if arguments else []
        outcome = _run(commands.modules()["check"], argv)
        if outcome.error is not None and not outcome.leaks:
            raise gdb.GdbError(_signed(outcome.error))
        return outcome.leaks


def _for_mi(value: Any) -> Any:
    """MI knows strings and integers; what is not known is left out."""
    if isinstance(value, dict):
        return {key: _for_mi(each) for key, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_for_mi(each) for each in value if each is not None]
    if isinstance(value, bool):
        return int(value)
    return value if isinstance(value, (int, str)) else str(value)


def _register_mi() -> None:
    if not hasattr(gdb, "MICommand"):
        return

    class _ListMI(gdb.MICommand):  # type: ignore[misc]
        """What `threadleak list --format json` gives, with the same options."""

        def __init__(self) -> None:
            super().__init__("-threadleak-list")

        def invoke(self, argv: List[str]) -> Dict[str, Any]:
            outcome = _run(commands.modules()["list"], [*argv, "--format", "json"])
            if outcome.error is not None:
                raise gdb.GdbError(outcome.error)
            return _for_mi(json_text.parse(outcome.text))  # type: ignore[no-any-return]

    _ListMI()


PREFIX_DOC = f"""Tell which threads leaked, who created them, and what to fix.

It reads what libthreadleak.so recorded in the process or core file that GDB looks at: start the program
with {preload()}, or link it with the library."""

_Prefix("threadleak", gdb.COMMAND_STATUS, PREFIX_DOC)
_Prefix("set threadleak", gdb.COMMAND_STATUS, "Set how threadleak shows things.")
_Prefix("show threadleak", gdb.COMMAND_STATUS, "Show how threadleak shows things.")
color = _Color()
probe = _Probe()
session = Session(lambda: DebuggerTarget(probe.value), lambda: (generation(), probe.value), _style)
for _command in commands.modules().values():
    _Subcommand(_command)
_Count()
_register_mi()
watch_events()
