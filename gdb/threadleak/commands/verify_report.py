# SPDX-License-Identifier: MIT
"""The second half of `threadleak verify`: what is left leaked, as the library and whoever reads are told it."""

import _signal  # type: ignore[import]  # signal loads enum
from typing import List, NamedTuple, Optional

from ..escapes import encoded
from ..judge.classes import PROOF, UNTRACKED
from ..judge.report import Report
from ..judge.verdicts import Verdict
from ..show import cases, failure
from ..show.sanitize import clean, shorten
from .verify import TITLE_WIDTH
from .verify_lines import PROCESS, QUIET, STRICT, Answer, Request, escaped, write

STDOUT = 1
MESSAGE_MAX = 2048  # bytes


class Found(NamedTuple):
    """Of a check: proofs count. Where there are only suspicions, or data is missing, so that more may have leaked
    than were announced, it cannot be told: `why`."""

    request: Request
    report: Report
    leaked: List[Verdict]
    why: Optional[str]

    def is_announced(self, leaked: List[Verdict]) -> bool:
        return len(leaked) == (self.request.expect or 0)

    @property
    def leaks(self) -> bool:
        return self.why is None and not self.is_announced(self.leaked)


def found(request: Request, report: Report) -> Found:
    leaked = [verdict for verdict in report.leaked if verdict.confidence == PROOF]
    why = _why_blind(request, report, leaked)
    return Found(request, report, leaked, why if len(leaked) <= (request.expect or 0) else None)


def tell(request: Request, to: Answer, report: Report) -> None:
    all = found(request, report)
    if all.leaks:
        show(request, text(all, all.leaked))
    answer(to, all, all.leaked)


def answer(to: Answer, all: Found, leaked: List[Verdict]) -> None:
    if all.why is not None:
        to.blind(all.why)
    elif all.is_announced(leaked):
        to.send(["leaked 0"])
    else:
        lines = failure.lines(_shown(all, leaked))
        to.send([*_messages(lines), f"leaked {abs(len(leaked) - (all.request.expect or 0))}"])


def text(all: Found, leaked: List[Verdict], but: str = "", made: str = "") -> str:
    """`but`: what is unusual about the end of the process, where nothing is claimed about the threads but that they
    are there; the body is that of the report `made`."""
    shown = _shown(all, leaked)
    if but:
        head = failure.headline(shown._replace(where=shown.where + but), claims=False)
        return "\n".join(
            [head, *(made.split("\n")[1:] if made else [*failure.lines(shown)[1:], ""])]
        )
    return _text(all.request, shown, failure.lines(shown))


def show(request: Request, text: str) -> None:
    if not request.flags & QUIET:
        _print(text)


def _shown(all: Found, leaked: List[Verdict]) -> failure.Failure:
    request, report = all.request, all.report
    name = shorten(clean(request.title), TITLE_WIDTH)
    where = _where(request, report, name)
    if name == PROCESS:
        name = clean(report.program) or name
    return failure.failure(report, leaked, name, where, request.expect)


def _print(text: str) -> None:
    """Where nobody reads, the answer still counts."""
    before = _signal.signal(_signal.SIGPIPE, _signal.SIG_IGN)
    try:
        write(STDOUT, text)
    except OSError:
        pass
    _signal.signal(_signal.SIGPIPE, before)


def _why_blind(request: Request, report: Report, leaked: List[Verdict]) -> Optional[str]:
    is_strict = bool(request.flags & STRICT)
    reasons = [
        notice.text
        for notice in report.notices
        if notice.blind or (is_strict and notice.kind == UNTRACKED)
    ]
    if len(leaked) < len(report.leaked):
        reasons += [notice.text for notice in report.notices if notice.kind == "lost_facts"]
    return "; ".join(reasons) if reasons else None


def _where(request: Request, report: Report, name: str) -> str:
    if request.what == "exit":
        return f"at the exit of {clean(report.program) or 'the process'} (pid {request.pid})"
    return "in the process" if name == PROCESS else f"in test {name}"


def _text(request: Request, shown: failure.Failure, lines: List[str]) -> str:
    text = "\n".join(lines) + "\n"
    if request.format == "json":
        from ..show import json

        return json.document(shown.report, shown.leaked, True, title=shown.name)
    if request.format in cases.FORMATS:
        return cases.document(request.format, [failure.case(shown, text)], is_part=True)
    return text


def _messages(lines: List[str]) -> List[str]:
    """As many of the lines as there is room for, the first at any rate."""
    room = MESSAGE_MAX
    found: List[str] = []
    for line in lines:
        room -= len(encoded(line)) + 1
        if room < 0 and found:
            break
        found.append(f"message {escaped(line)}")
    return found
