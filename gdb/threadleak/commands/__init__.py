# SPDX-License-Identifier: MIT
"""The subcommands, one module each, the same in GDB and in the shell.

A module has NAME, parser(shell) and run(session, options). `shell`: whether its parser is for the shell's command
line, where targets are named.
"""

import argparse
import gc
import importlib
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Callable, Dict, Iterator, List

from ..judge.report import BLIND
from ..judge.rules import RuleError
from ..show import json
from ..target.base import TargetError
from .options import USAGE, Outcome, UsageError
from .session import Session

NAMES = ("list", "explain", "groups", "filter", "check", "info", "stacks", "diff")


def module(name: str) -> ModuleType:
    return importlib.import_module(f"{__name__}.{name}")


def modules() -> Dict[str, ModuleType]:
    return {name: module(name) for name in NAMES}


def invoke(command: ModuleType, session: Session, argv: List[str]) -> Outcome:
    """Runs a subcommand on its words; whatever is wrong becomes an Outcome."""
    try:
        options = command.parser().parse_args(argv)
        return deliver(attempt(lambda: command.run(session, options), options), options)
    except (UsageError, RuleError) as error:
        return Outcome("", USAGE, str(error))


def attempt(work: Callable[[], Any], options: argparse.Namespace) -> Outcome:
    """The outcome of a subcommand; what is wrong with the target becomes one too."""
    try:
        with _collector_paused():
            outcome: Outcome = work()
            return outcome
    except TargetError as error:
        text = json.failure(str(error)) if getattr(options, "format", "") == "json" else ""
        return Outcome(text, BLIND, f"cannot tell: {error}")


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


def deliver(outcome: Outcome, options: argparse.Namespace) -> Outcome:
    """The output, or where it went."""
    path = getattr(options, "output", None)
    if path is None or not outcome.text:
        return outcome
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(outcome.text)
    except OSError as failure:
        raise UsageError(f"{path} cannot be written: {failure.strerror}") from None
    return outcome._replace(text=f"threadleak: written to {path}\n")
