# SPDX-License-Identifier: MIT
"""The subcommands, one module each, the same in GDB and in the shell.

A module has NAME, parser() and run(session, options).
"""

import gc
import importlib
from contextlib import contextmanager
from types import ModuleType
from typing import Dict, Iterator, List

from ..judge.report import BLIND
from ..judge.rules import RuleError
from ..show import json
from ..target.base import TargetError
from .options import USAGE, Outcome, UsageError
from .session import Session

NAMES = ("list", "explain", "groups", "filter", "check", "info")


def modules() -> Dict[str, ModuleType]:
    return {name: importlib.import_module(f"{__name__}.{name}") for name in NAMES}


def invoke(command: ModuleType, session: Session, argv: List[str]) -> Outcome:
    """Runs a subcommand; whatever is wrong with the target or the command line becomes an Outcome."""
    try:
        options = command.parser().parse_args(argv)
        try:
            with _collector_paused():
                outcome: Outcome = command.run(session, options)
        except TargetError as error:
            text = json.failure(str(error)) if getattr(options, "format", "") == "json" else ""
            outcome = Outcome(text, BLIND, f"cannot tell: {error}")
        return _deliver(outcome, getattr(options, "output", None))
    except (UsageError, RuleError) as error:
        return Outcome("", USAGE, str(error))


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Records are made by the ten thousand and hold no cycles: looking for some would double the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _deliver(outcome: Outcome, path: "str | None") -> Outcome:
    """The output, or where it went."""
    if path is None or not outcome.text:
        return outcome
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(outcome.text)
    except OSError as failure:
        raise UsageError(f"{path} cannot be written: {failure.strerror}") from None
    return outcome._replace(text=f"threadleak: written to {path}\n")
