# SPDX-License-Identifier: MIT
"""One document on all programs that a run checked, for machines: JSON (schema threadleak-run/1), or a test case for
each program that created threads."""

import re
from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple

from ..judge.programs import Program, Programs
from . import json
from .programs import headline, message, name
from .cases import BLIND, FAILED, PASSED, Case
from . import cases

SCHEMA = "threadleak-run/1"
_DOCUMENT = re.compile(r"^\{\n.*?^\}\n", re.M | re.S)


def document(format: str, programs: Programs, bodies: Mapping[int, str]) -> str:
    """`bodies`: what each process wrote, in the format that it was told to use."""
    if format == "json":
        return _json(programs, bodies)
    return cases.document(format, list(_cases(programs, bodies)))


def sarif(
    programs: Programs, bodies: Mapping[int, str], has_baseline: bool, root: Optional[str]
) -> str:
    """Of each failing check, of which a process may have had several. `root`: of the sources."""
    found = [_nothing(programs)] if programs.nothing else []
    for program, case in _cases_of(programs, {}):
        reports = list(filter(_is_report, _documents(bodies.get(program.pid, ""))))
        for shown in reports:
            title = str(shown.get("title") or case.name)
            found.append(Case(title, FAILED, shown=shown, has_baseline=has_baseline))
        if case.outcome == BLIND or not reports:
            found.append(case)
    return cases.document("sarif", found, source_root=root)


def _is_report(shown: Any) -> bool:
    """One that claims something."""
    from .sarif import is_readable

    return is_readable(shown) and shown["error"] is None


def annotations(programs: Programs) -> str:
    """For GitHub, on what no program said itself: of which it cannot be told."""
    found = [case for case in _cases(programs, {}) if case.outcome == BLIND]
    return cases.document("github", found)


def left_out(format: str, programs: Programs, bodies: Mapping[int, str]) -> str:
    """What was written and is not in the document: notes of the library, say."""
    if format in ("json", "sarif"):
        return "".join(_DOCUMENT.sub("", written) for written in bodies.values())
    shown = {each.pid for each in programs.all if each.leaked or each.blind}
    return "".join(written for pid, written in bodies.items() if pid not in shown)


def told(programs: Programs) -> List[Program]:
    """Those that had threads; where none had, the command itself."""
    return [each for each in programs.all if each.counts] or programs.all[:1]


def _nothing(programs: Programs) -> Case:
    return Case("threadleak run", BLIND, programs.nothing)


def _cases(programs: Programs, bodies: Mapping[int, str]) -> Iterator[Case]:
    if programs.nothing:
        yield _nothing(programs)
    yield from (case for _, case in _cases_of(programs, bodies))


def _cases_of(programs: Programs, bodies: Mapping[int, str]) -> Iterator[Tuple[Program, Case]]:
    for each in told(programs):
        title = name(each)
        if each.leaked:
            yield each, Case(title, FAILED, message(each), _body(each, bodies))
        elif each.blind:
            yield each, Case(title, BLIND, message(each), _body(each, bodies))
        else:
            yield each, Case(title, PASSED)


def _body(program: Program, bodies: Mapping[int, str]) -> str:
    """Without the headline, which is the message."""
    body = bodies.get(program.pid, "")
    first = program.checked.reason if program.checked is not None else ""
    return body[len(first) :].lstrip("\n") if first and body.startswith(first + "\n") else body


def _json(programs: Programs, bodies: Mapping[int, str]) -> str:
    every = programs.all
    found = [each for each in every if each.counts]
    shown = {
        "schema": SCHEMA,
        "summary": {
            "text": headline(programs),
            "programs": len(every),
            "with_threads": len(found),
            "leaked": sum(bool(each.leaked) for each in found),
            "blind": sum(bool(each.blind) for each in found),
        },
        "programs": [_program(each, bodies.get(each.pid, "")) for each in told(programs)],
        "error": programs.nothing or None,
    }
    return json.dump(shown)


def _program(program: Program, written: str) -> Dict[str, Any]:
    checked = program.checked
    return {
        "pid": program.pid,
        "program": program.path or None,
        "command": program.command or None,
        "status": checked.status if checked is not None else None,
        "leaked": None if program.blind else program.leaked,
        "blind": program.blind or None,
        "message": message(program) or None,
        "reports": list(_documents(written)),
    }


def _documents(written: str) -> Iterator[Any]:
    """Objects as json.dump writes them, among notes of the library."""
    for found in _DOCUMENT.findall(written):
        try:
            yield json.parse(found)
        except ValueError:  # cut short, say
            pass
