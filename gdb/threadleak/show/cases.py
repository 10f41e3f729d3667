# SPDX-License-Identifier: MIT
"""What was checked, as test cases: for formats that tests have."""

from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Tuple

from .sanitize import clean

FORMATS = ("junit", "tap", "github", "sarif")

PASSED, FAILED, BLIND = "passed", "failed", "blind"


class Spot(NamedTuple):
    """A line of source code, and what is to be said there."""

    file: str
    line: int
    text: str


class Case(NamedTuple):
    """Any text in it may come from the target."""

    name: str  # of the test, or of what was checked
    outcome: str  # PASSED, FAILED or BLIND: it cannot be told
    message: str = ""  # one line: how it failed, or why it cannot be told
    body: str = ""  # the report
    spots: Tuple[Spot, ...] = ()
    shown: Optional[
        Dict[str, Any]
    ] = None  # the report as show/json.py has it, where a format needs that
    has_baseline: bool = False  # it was compared with leaks that are known
    ran_s: Optional[float] = None  # how long what was checked had run then; None: not known


def document(
    format: str, cases: Iterable[Case], is_part: bool = False, source_root: Optional[str] = None
) -> str:
    """One of FORMATS; newline at its end. `is_part`: of the output of a program that may have more to say in this
    format, where the format can be continued. `source_root`: where the sources lie, if the user said so.
    """
    if format == "sarif":
        from . import sarif

        return sarif.document(list(cases), source_root)
    found = _told_apart(cases)
    if format == "junit":
        from . import junit

        return junit.document(found)
    if format == "tap":
        from . import tap

        return tap.document(found, is_part)
    from . import github

    return github.document(found, source_root)


def _told_apart(cases: Iterable[Case]) -> List[Case]:
    """From the second of a name on they are numbered: GitLab, for one, takes the first alone of those that are called
    the same."""
    found: List[Case] = []
    last: Dict[str, int] = {}  # number of each name
    for case in cases:
        name = called = clean(case.name.replace("\n", " "))
        number = last.get(name, 0)
        while called in last:
            number += 1
            called = f"{name} #{number}"
        last[name] = max(number, 1)
        last.setdefault(called, 1)
        found.append(case._replace(name=called))
    return found
