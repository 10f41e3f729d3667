# SPDX-License-Identifier: MIT
"""The text report: the summary line, what concerns the process, then a table."""

from typing import Dict, Iterable, List, NamedTuple, Sequence, Tuple

from ..judge.classes import STUCK, SUSPICION
from ..judge.groups import id_ranges
from ..judge.report import Report
from ..judge.verdicts import Verdict
from ..read import abi
from .counts import by_class
from .places import own_place, stack_lines
from .sanitize import clean, shorten
from .started import started_in
from .stuck_places import stuck_places
from .style import PLAIN, Style

EQUAL_ROWS = 8  # of threads that differ in nothing but number, name and scope
SUSPECTED = "?: a suspicion, a proof once its scope or the process has ended."
SUSPECTED_IN_CORE = (
    "?: a suspicion: a core does not tell whether somebody was about to join it; --at-end judges as"
    " at the end of the process."
)
SCOPE_WIDTH = 40
IDS_WIDTH = 120
STACK_FRAMES = 64
FINDINGS = 8


def summary(report: Report) -> str:
    """threadleak: 5 leaked threads (4 unjoined, 1 outlived) of 27"""
    leaked = report.leaked
    detail = f" ({by_class(report.by_class(leaked_only=True))})" if leaked else ""
    noun = "thread" if len(leaked) == 1 else "threads"
    return f"threadleak: {len(leaked):,} leaked {noun}{detail} of {report.threads:,}"


def head(report: Report, style: Style = PLAIN) -> List[str]:
    """The summary line, and a line for each thing that concerns the process as a whole."""
    lines = [style.paint("highlight" if report.leaked else "title", summary(report))]
    if report.selected is not None:
        leaked = sum(verdict.leaked for verdict in report.selected)
        lines.append(f"selected: {leaked:,} leaked of {len(report.selected):,}")
    return lines + [f"note: {clean(notice.text)}" for notice in report.notices]


class Row(NamedTuple):
    id: str
    tid: str
    name: str
    state: str
    class_: str
    scope: str
    start: str
    created: str


TITLES = Row("ID", "TID", "NAME", "STATE", "CLASS", "SCOPE", "STARTED IN", "CREATED AT")


def name_of(report: Report, verdict: Verdict) -> str:
    return clean(report.name_of(verdict.thread) or "-")


def class_of(verdict: Verdict) -> str:
    """The class, and what it is qualified by."""
    if verdict.expected_by:
        return f"{verdict.class_}, expected"
    if verdict.waiting:
        return f"{verdict.class_}, {verdict.waiting}"
    if verdict.leaked and verdict.confidence == SUSPICION:
        return f"{verdict.class_}?"
    return verdict.class_


def scope_of(verdict: Verdict) -> str:
    thread = verdict.thread
    if thread.record is None or thread.copy is None:
        return "-"
    chain = thread.copy.scope_chain(thread.record.scope)
    return shorten(clean(chain[0].name), SCOPE_WIDTH) if chain else "-"


def _row(report: Report, verdict: Verdict, style: Style) -> Row:
    thread = verdict.thread
    start = created = "-"
    if thread.is_main:
        start = "main"
    elif thread.kind is not None:
        start = started_in(report, verdict)
        if thread.copy is not None:
            created = own_place(report.stacks.walk(thread.copy, thread.kind.site), style)
    return Row(
        thread.handle or "-",
        str(thread.tid or "-"),
        name_of(report, verdict),
        thread.state,
        class_of(verdict),
        scope_of(verdict),
        start,
        created,
    )


def table(rows: Sequence[Sequence[str]], style: Style = PLAIN) -> List[str]:
    """Columns as wide as they need be; the last one is free, so a row of one cell is a line."""
    full = [row for row in rows if len(row) > 1]
    widths = [max(len(cell) for cell in column) for column in zip(*full)][:-1]
    lines = []
    for number, row in enumerate(rows):
        cells = [cell.ljust(width) for cell, width in zip(row, widths)] + [row[-1]]
        line = row[0] if len(row) == 1 else "  ".join(cells).rstrip()
        lines.append(style.paint("title", line) if number == 0 else line)
    return lines


def right_aligned(rows: Sequence[Sequence[str]]) -> List[Sequence[str]]:
    """All cells but the last."""
    widths = [max(map(len, column)) for column in zip(*rows)][:-1]
    return [[*(cell.rjust(width) for cell, width in zip(row, widths)), row[-1]] for row in rows]


def thread_table(
    report: Report, verdicts: Iterable[Verdict], equal_rows: int = EQUAL_ROWS, style: Style = PLAIN
) -> List[str]:
    """One line a thread; of equal ones that follow each other, the first `equal_rows` (0: all)."""
    rows: List[Sequence[str]] = [TITLES]
    for run in _runs(report, verdicts):
        shown = run[: equal_rows or None]
        rows += [_row(report, verdict, style) for verdict in shown]
        rest = run[len(shown) :]
        if rest:
            ids = id_ranges(rest, IDS_WIDTH)
            of = _in_scopes(run, rest) + (f": ids {ids}" if ids else "")
            rows.append((f"... and {len(rest):,} more like these{of}",))
    return table(rows, style) if len(rows) > 1 else []


def _in_scopes(run: List[Verdict], rest: List[Verdict]) -> str:
    """Nothing where all are of one."""
    inside, left = ({_scope_id(verdict) for verdict in each} for each in (run, rest))
    if len(inside) < 2:
        return ""
    return f", in {len(left):,} scope{'s' if len(left) > 1 else ''}"


def _scope_id(verdict: Verdict) -> int:
    return verdict.thread.kind.scope if verdict.thread.kind is not None else 0


def _runs(report: Report, verdicts: Iterable[Verdict]) -> List[List[Verdict]]:
    runs: List[List[Verdict]] = []
    known: Dict[Tuple[object, ...], Tuple[object, ...]] = {}
    last: Tuple[object, ...] = ()
    for verdict in verdicts:
        thread = verdict.thread
        key = (thread.kind, verdict.decision, thread.state, thread.is_main)
        what = known.get(key)
        if what is None:
            what = known[key] = _likeness(report, verdict)
        if what != last:
            runs.append([])
        runs[-1].append(verdict)
        last = what
    return runs


def _likeness(report: Report, verdict: Verdict) -> Tuple[object, ...]:
    """What is equal for threads that differ in nothing that the table shows but number, name and scope, of which each
    request has its own."""
    thread, kind, copy = verdict.thread, verdict.thread.kind, verdict.thread.copy
    place: Tuple[object, ...] = ()
    if kind is not None:
        place = (report.alike.first(copy, kind.site), kind.start)
    return (copy, place, class_of(verdict), thread.state, thread.is_main)


def listing(
    report: Report,
    verdicts: List[Verdict],
    equal_rows: int = EQUAL_ROWS,
    style: Style = PLAIN,
    explain: str = "threadleak explain {}",
) -> List[str]:
    """The whole of `list` and `check`: head, table, what to do next. `explain`: the command that explains {},
    if there is one."""
    lines = head(report, style)
    if not verdicts:
        return lines
    lines += ["", *thread_table(report, verdicts, equal_rows, style), ""]
    if any(verdict.leaked and verdict.confidence == SUSPICION for verdict in verdicts):
        lines.append(SUSPECTED if report.at.live else SUSPECTED_IN_CORE)
    first = next((verdict for verdict in verdicts if verdict.thread.handle), None)
    if first is not None and explain:
        lines.append(f"`{explain.replace('{}', first.thread.handle or '')}` says more.")
    return lines + findings(report, verdicts, style) + fixes(report, verdicts)


def findings(report: Report, verdicts: Iterable[Verdict], style: Style = PLAIN) -> List[str]:
    """Those about threads that are shown."""
    if not report.findings:
        return []
    tids = {each.thread.kernel.tid for each in verdicts if each.thread.kernel is not None}
    found = [
        each
        for each in report.findings
        if any(info.kernel is not None and info.kernel.tid in tids for info in each.threads)
    ]
    lines = []
    for each in found[:FINDINGS]:
        lines += [f"{each.kind}: {clean(each.text)}", *stuck_places(report, each, style)]
    more = [f"... and {len(found) - FINDINGS:,} more such findings"] * (len(found) > FINDINGS)
    return lines + more


def fixes(report: Report, verdicts: Iterable[Verdict]) -> List[str]:
    """What to change, once for each class and way of creation that is shown."""
    firsts: Dict[Tuple[object, ...], Verdict] = {}
    for verdict in verdicts:
        kind = verdict.thread.kind
        if verdict.class_ == STUCK:
            firsts.setdefault((STUCK, report.evidence.fix(verdict)), verdict)
        elif verdict.leaked and kind is not None:
            firsts.setdefault((verdict.class_, kind.state), verdict)
    labels: Dict[str, str] = {}
    for verdict in firsts.values():
        detached = verdict.thread.kind is not None and verdict.thread.kind.state & abi.DETACHED
        label = f"{verdict.class_}, detached" if detached else verdict.class_
        labels.setdefault(report.evidence.fix(verdict) or "", label)
    labels.pop("", None)
    if len(labels) == 1:
        return [f"fix: {fix}" for fix in labels]
    return [f"fix ({label}): {fix}" for fix, label in labels.items()]


def stacks(
    report: Report, verdicts: Iterable[Verdict], equal_rows: int = EQUAL_ROWS, style: Style = PLAIN
) -> List[str]:
    """The current stack of each thread that is alive and has a line in the table."""
    shown = [each for run in _runs(report, verdicts) for each in run[: equal_rows or None]]
    alive = [(each, each.thread.kernel) for each in shown if each.thread.kernel is not None]
    found = report.stacks.current([kernel for _, kernel in alive], STACK_FRAMES)
    lines: List[str] = []
    for (verdict, kernel), stack in zip(alive, found):
        lines += ["", f"thread {verdict.thread.handle or '-'}, tid {kernel.tid}:"]
        lines += stack_lines(stack.frames, stack.end, style, mark_own=False)
    return lines
