# SPDX-License-Identifier: MIT
"""How a subcommand is run: whatever is wrong becomes an Outcome, and output goes where it was asked for."""

import argparse
import gc
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Callable, Iterator, List

from ..escapes import ESCAPED
from ..judge.report import BLIND
from ..judge.rules import RuleError
from ..show import cases
from ..target.base import TargetError
from .command_line import USAGE, Outcome, UsageError
from .session import Session


NO_TEXT = "this format is no text, so that it goes into a file:"


def invoke(command: ModuleType, session: Session, argv: List[str]) -> Outcome:
    """Runs a subcommand on its words; whatever is wrong becomes an Outcome."""
    try:
        options = command.parser().parse_args(argv)
        outcome = deliver(attempt(lambda: command.run(session, options), options), options)
        if outcome.data is not None:
            raise UsageError(f"threadleak {command.NAME}: {NO_TEXT} --output FILE")
        return outcome
    except (UsageError, RuleError) as error:
        return Outcome("", USAGE, str(error))


def attempt(work: Callable[[], Any], options: argparse.Namespace) -> Outcome:
    """The outcome of a subcommand; what is wrong with the target becomes one too."""
    try:
        with _collector_paused():
            outcome: Outcome = work()
            return outcome
    except TargetError as error:
        format, case = getattr(options, "format", ""), None
        text = ""
        if format == "json":
            from ..show import json

            text = json.failure(str(error))
        if format == "html":
            from ..show import html

            text = html.failure(str(error), getattr(options, "target", ""))
        if format in cases.FORMATS:
            case = cases.Case(options.target or "check", cases.BLIND, str(error))
            root = getattr(options, "source_root", None)
            text = cases.document(format, [case], source_root=root)
        return Outcome(text, BLIND, f"cannot tell: {error}", case=case)


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
    if path is None or not (outcome.text or outcome.data):
        return outcome
    text = outcome.text.encode("utf-8", ESCAPED)
    try:
        with open(path, "wb") as file:
            file.write(text if outcome.data is None else outcome.data)
    except OSError as failure:
        raise UsageError(f"{path} cannot be written: {failure.strerror}") from None
    return outcome._replace(data=None, text=f"threadleak: written to {path}\n")
