# SPDX-License-Identifier: MIT
"""One document on all programs that a run checked, for machines: JSON (schema threadleak-run/1), or a test case for
each program that created threads."""

import re
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Tuple

from ..judge.programs import Program, Programs
from . import cases
from .cases import BLIND, FAILED, PASSED, Case
from .json_text import dump, parse
from .programs import headline, message, name

if TYPE_CHECKING:
    from typing import Callable, Match

SCHEMA = "threadleak-run/1"
_DOCUMENT = re.compile(r"^\{\n.*?^\}\n", re.M | re.S)


class Written(NamedTuple):
    """By one process, through the library in it: documents of its checks as show/json.py makes them, among notes."""

    text: str = ""  # all of it, as people read it
    brief: str = ""  # the same without what they have read before
    notes: str = ""
    reports: Tuple[Any, ...] = ()
    pages: Tuple[str, ...] = ()  # the same for a browser, where they were asked for

    def claims(self) -> List[Any]:
        """Those that say that threads leaked, in the way that show/json.py does."""
        from .sarif import is_readable

        return [each for each in self.reports if is_readable(each) and each["error"] is None]


def written(raw: str) -> Written:
    reports = tuple(_documents(raw))
    pages = tuple(filter(None, map(_page_of, reports)))
    text, brief = (_DOCUMENT.sub(_as_text(*keys), raw) for keys in (("text",), ("brief", "text")))
    return Written(text, brief, _DOCUMENT.sub("", raw), reports, pages)


def _page_of(report: Any) -> Optional[str]:
    """It is taken out of the report. Of one that claims nothing after all, as its end was not seen, made anew."""
    page: Optional[str] = report.pop("page", None) if isinstance(report, dict) else None
    if page is None or not report.get("error"):
        return page
    from . import html

    return html.failure(report["error"], report.get("title") or "", report.get("text") or "")


def document(
    format: str,
    programs: Programs,
    bodies: Mapping[int, Written],
    has_baseline: bool = False,
    root: Optional[str] = None,
) -> str:
    """`bodies`: by pid. `has_baseline`: leaks were compared with known ones. `root`: of the sources."""
    if format == "json":
        return _json(programs, bodies)
    if format == "sarif":
        return cases.document("sarif", _checks(programs, bodies, has_baseline), source_root=root)
    return cases.document(format, _cases(programs, bodies))


def _checks(
    programs: Programs, bodies: Mapping[int, Written], has_baseline: bool
) -> Iterator[Case]:
    """Each that failed, of which a process may have had several."""
    if programs.nothing:
        yield _nothing(programs)
    for program, case in _cases_of(programs, {}):
        reports = bodies.get(program.pid, Written()).claims()
        for shown in reports:
            title = str(shown.get("title") or case.name)
            yield Case(title, FAILED, shown=shown, has_baseline=has_baseline)
        if case.outcome == BLIND or not reports:
            yield case


def annotations(programs: Programs) -> str:
    """For GitHub, on what no program said itself: of which it cannot be told, or which hung."""
    found = [_nothing(programs)] if programs.nothing else []
    found += [case for each, case in _cases_of(programs, {}) if each.blind or each.hung]
    return cases.document("github", found)


def told(programs: Programs) -> List[Program]:
    """Those that had threads; where none had, the command itself."""
    return [each for each in programs.all if each.counts] or programs.all[:1]


def _nothing(programs: Programs) -> Case:
    return Case("threadleak run", BLIND, programs.nothing)


def _cases(programs: Programs, bodies: Mapping[int, Written]) -> Iterator[Case]:
    if programs.nothing:
        yield _nothing(programs)
    yield from (case for _, case in _cases_of(programs, bodies))


def _cases_of(programs: Programs, bodies: Mapping[int, Written]) -> Iterator[Tuple[Program, Case]]:
    for each in told(programs):
        case = Case(name(each), PASSED, ran_s=each.ran_s)
        if each.leaked or each.blind:
            outcome = FAILED if each.leaked else BLIND
            case = case._replace(outcome=outcome, message=message(each), body=_body(each, bodies))
        yield each, case


def _body(program: Program, bodies: Mapping[int, Written]) -> str:
    """Without the headline, which is the message."""
    body = bodies.get(program.pid, Written()).text
    first = program.checked.reason if program.checked is not None else ""
    return body[len(first) :].lstrip("\n") if first and body.startswith(first + "\n") else body


def _json(programs: Programs, bodies: Mapping[int, Written]) -> str:
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
        "programs": [_program(each, bodies.get(each.pid, Written())) for each in told(programs)],
        "error": programs.nothing or None,
    }
    return dump(shown)


def _program(program: Program, wrote: Written) -> Dict[str, Any]:
    checked = program.checked
    return {
        "pid": program.pid,
        "program": program.path or None,
        "command": program.command or None,
        "status": checked.status if checked is not None else None,
        "leaked": None if program.blind else program.leaked,
        "blind": program.blind or None,
        "message": message(program) or None,
        "reports": list(wrote.reports),
    }


def _documents(raw: str) -> Iterator[Any]:
    """Objects as json_text.dump writes them."""
    for found in _DOCUMENT.findall(raw):
        try:
            yield parse(found)
        except ValueError:  # cut short, say
            pass


def _as_text(*keys: str) -> "Callable[[Match[str]], str]":
    """By the first of them that a document has."""

    def texts(found: "Match[str]") -> str:
        for shown in _documents(found[0]):
            texts = (shown.get(key) for key in keys)
            return next((text for text in texts if isinstance(text, str)), "")
        return found[0]

    return texts
