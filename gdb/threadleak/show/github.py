# SPDX-License-Identifier: MIT
"""Annotations of GitHub Actions (docs.github.com, workflow commands), and the report below them."""

from typing import Iterable, List, Optional

from .cases import BLIND, FAILED, PASSED, Case
from .sanitize import clean
from .source_root import below, source_root

SPOTS = 10  # of one step GitHub shows no more


def document(cases: List[Case], root: Optional[str] = None) -> str:
    root = source_root(root)
    lines = [line for case in cases if case.outcome != PASSED for line in _case(case, root)]
    return "".join(line + "\n" for line in lines)


def _case(case: Case, root: Optional[str]) -> Iterable[str]:
    title = f"threadleak: {case.name}"
    if case.outcome == BLIND:
        yield _command("error", f"cannot tell: {case.message}", title=title)
    spots = case.spots[:SPOTS] if case.outcome == FAILED else ()
    for spot in spots:
        file = below(root, spot.file) or spot.file  # only what the repository has is annotated
        yield _command("error", spot.text, file=file, line=str(spot.line), title=title)
    if case.outcome == FAILED and not spots:
        yield _command("error", case.message, title=title)
    yield from (_no_command(clean(line)) for line in case.body.split("\n") if line)


def _no_command(line: str) -> str:
    return _harmless("| " + line if line.lstrip().startswith("::") else line)


def _command(name: str, text: str, **properties: str) -> str:
    given = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return _harmless(f"::{name} {given}::{_data(text)}")


def _data(text: str) -> str:
    return clean(text).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _harmless(line: str) -> str:
    """The older form of a command counts wherever in a line it stands (actions/runner, ActionCommand.cs)."""
    return line.replace("##[", "# #[")
