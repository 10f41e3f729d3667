# SPDX-License-Identifier: MIT
"""The second half of `threadleak verify`: what is left leaked, as the library and whoever reads are told it."""

import _signal  # type: ignore[import]  # signal loads enum
from contextlib import suppress
from typing import List, NamedTuple, Optional

from ..escapes import encoded
from ..judge.classes import PROOF, UNTRACKED
from ..judge.report import Report
from ..judge.unseen import plural
from ..judge.verdicts import Verdict
from ..new_file import open_new
from ..read.threads import FINISHED
from ..show import cases, failure
from ..show.sanitize import clean, shorten
from .verify import TITLE_WIDTH
from .verify_lines import EXIT, PROCESS, QUIET, STRICT, Answer, Request, escaped, write

STDOUT = 1
WITH_PAGE = "json+html"  # what `run` makes documents of
JSON = ("json", WITH_PAGE)
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
        told = [*_messages(lines(all, leaked)), *_reported(all, leaked)]
        to.send([*told, f"leaked {abs(len(leaked) - (all.request.expect or 0))}"])


def _reported(all: Found, leaked: List[Verdict]) -> List[str]:
    """Ids that follow one another are told as one."""
    copy = all.report.registry.copies[0]
    if all.request.what == EXIT:
        return []
    ids = sorted(copy.records.ids[each.thread.index] for each in leaked if each.thread.copy is copy)
    firsts = [id for before, id in zip([-1, *ids], ids) if id != before + 1]
    lasts = [id for id, after in zip(ids, [*ids[1:], -1]) if after != id + 1]
    return [f"reported {first}-{last}" for first, last in zip(firsts, lasts)]


def lines(all: Found, leaked: List[Verdict]) -> List[str]:
    """The report, to people. Documents are whole; else what was reported before is told at the exit in one line."""
    return failure.lines(_shown(all, leaked, with_reported=all.request.format != "text"))


def text(all: Found, leaked: List[Verdict], made: Optional[List[str]] = None) -> str:
    """The report in the format that is asked for; `made`: its lines, if they are there already."""
    shown = _shown(all, leaked)
    text = _joined(made or lines(all, leaked))
    if all.request.format == "html":
        return _page(all, shown, leaked)
    if all.request.format in JSON:
        from ..show import json
        from ..show.json_text import dump

        told = json.of_verdicts(shown.report, leaked, True, title=shown.name)
        told["text"] = text
        brief = _shown(all, leaked, with_reported=False)
        if brief.before:
            told["brief"] = _joined(failure.lines(brief))
        if all.request.format == WITH_PAGE:
            told["page"] = _page(all, shown, leaked)
        return dump(told)
    case = failure.case(shown, text)._replace(ran_s=_ran_s(all))
    if all.request.format == "sarif":
        from ..show import sarif

        told = sarif.of_verdicts(shown.report, leaked)
        case = case._replace(shown=told, has_baseline=all.report.baseline is not None)
    return _in_format(all.request, case, text)


def _page(all: Found, shown: failure.Failure, leaked: List[Verdict]) -> str:
    from ..show import html

    title = shown.name if all.request.what != EXIT else None
    return html.document(shown.report, leaked, title=title)


class Unsure(NamedTuple):
    """A report that claims nothing about the threads but that they are there: they may have been joined yet."""

    case: cases.Case

    @property
    def headline(self) -> str:
        return f"threadleak: {self.case.message}"

    def to_people(self) -> str:
        return f"{self.headline}\n{self.case.body}"

    def text(self, request: Request, made: str) -> str:
        """In the format that is asked for. `made`: the report that claims that they leaked."""
        if request.format == "html":
            from ..show import html

            return html.failure(self.case.message, self.case.name, self.case.body)
        if request.format in JSON:
            from ..show import json

            return json.unsure(made, self.case.message, self.to_people())
        return _in_format(request, self.case, self.to_people())


def unsure(all: Found, leaked: List[Verdict], but: str, lines: List[str]) -> Unsure:
    """`but`: what is unusual about the end of the process; `lines`: the report, to people."""
    shown = _shown(all, leaked, with_reported=all.request.format != "text")
    shown = shown._replace(where=shown.where + but)
    message = failure.headline(shown, claims=False).partition(": ")[2]
    case = cases.Case(shown.name, cases.BLIND, message, _joined(lines[1:]), ran_s=_ran_s(all))
    return Unsure(case)


def _ran_s(all: Found) -> Optional[float]:
    """The test, or the process."""
    begun_ns = all.request.part.begun_ns(all.report.registry.copies[0])
    return (all.report.at.now_ns - begun_ns) / 1e9 if begun_ns else all.report.ran_s


def show(request: Request, text: str) -> None:
    if not request.flags & QUIET:
        file = STDOUT if request.output is None else _new_file(request.output)
        _print(text, file, request.patience_s)


def say(request: Request, text: str) -> None:
    """To people, whatever the format is; not where it would come between documents."""
    if not request.flags & QUIET and (request.format == "text" or request.output is not None):
        _print(text, STDOUT, request.patience_s)


def _new_file(path: str) -> int:
    """Where no file can be made, standard output."""
    try:
        return open_new(path)[0]
    except OSError:
        return STDOUT


def _shown(all: Found, leaked: List[Verdict], with_reported: bool = True) -> failure.Failure:
    request, report = all.request, all.report
    with_reported = with_reported or request.what != EXIT
    name = shorten(clean(request.title), TITLE_WIDTH)
    where = _where(request, report, name)
    if name == PROCESS:
        name = clean(report.program) or name
    return failure.failure(report, leaked, name, where, request.expect, with_reported)


def _print(text: str, file: int, patience_s: int) -> None:
    """Where nobody reads, the answer still counts."""
    before = _signal.signal(_signal.SIGPIPE, _signal.SIG_IGN)
    with suppress(OSError):
        write(file, text, patience_s)
    _signal.signal(_signal.SIGPIPE, before)


def _why_blind(request: Request, report: Report, leaked: List[Verdict]) -> Optional[str]:
    is_strict = bool(request.flags & STRICT)
    reasons = [
        notice.text
        for notice in report.notices
        if notice.blind or (is_strict and notice.kind == UNTRACKED)
    ]
    gone = sum(info.untracked and info.state == FINISHED for info in report.look.whole)
    if is_strict and gone:
        text = plural(
            gone, "finished thread that nobody joined", "finished threads that nobody joined"
        )
        reasons.append(text + ", not in the registry")
    if len(leaked) < len(report.leaked):
        reasons += [notice.text for notice in report.notices if notice.kind == "lost_facts"]
    return "; ".join(reasons) if reasons else None


def _where(request: Request, report: Report, name: str) -> str:
    if request.what == EXIT:
        return f"at the exit of {clean(report.program) or 'the process'} (pid {request.pid})"
    return "in the process" if name == PROCESS else f"in test {name}"


def _joined(lines: List[str]) -> str:
    return "".join(line + "\n" for line in lines)


def _in_format(request: Request, case: cases.Case, text: str) -> str:
    if request.format not in cases.FORMATS:
        return text
    return cases.document(request.format, [case], is_part=request.output is None)


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
