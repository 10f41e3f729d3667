# SPDX-License-Identifier: MIT
"""`threadleak check`"""

import argparse
from typing import List, Optional, Tuple

from ..judge import classes
from ..judge.report import BLIND, CLEAN, LEAKS, Report
from ..judge.verdicts import ALWAYS, Verdict
from ..show import cases, failure, text
from ..show.sanitize import clean
from . import known
from .command_line import MANY, Outcome, Parser
from .list import ordered
from .options import add_judging, add_output, add_source_root, page
from .selection import add_selection, class_option, select
from .session import Session

NAME = "check"
_OUTCOMES = {CLEAN: cases.PASSED, LEAKS: cases.FAILED, BLIND: cases.BLIND}


def parser(shell: bool = False) -> Parser:
    parser = Parser(
        NAME,
        "Fail if threads leaked: 0 none did, 3 some did, 2 it cannot be told.",
        "[OPTION]...",
        "threadleak check --at-end --allow detached"
        + ("" if shell else "\ngdb -batch PROGRAM CORE -ex 'threadleak check --exit'"),
        MANY if shell else "",
    )
    add_selection(parser, sort=False)
    group = parser.add_argument_group("what fails")
    class_option(group, "--fail-on", "threads of these classes, instead of whatever leaked")
    group.add_argument("--proof-only", action="store_true", help="leave suspicions out")
    group.add_argument("--strict", action="store_true", help="untracked threads fail as well")
    known.add_updating(group)
    if not shell:
        group.add_argument("--exit", action="store_true", help="end GDB with the exit status")
    add_judging(parser)
    group = add_output(parser, ("text", "json", "html", *cases.FORMATS))
    add_source_root(group, "sarif and github")
    group.add_argument(
        "--with-expected",
        action="store_true",
        help="--format sarif: also what is expected, as suppressed results",
    )
    return parser


def run(session: Session, options: argparse.Namespace) -> Outcome:
    known.check_words(NAME, options)
    said = ""
    if options.update_baseline:
        said = known.updated(session.report(options, with_baseline=False), options)
    report, failing, status = _judged(session, options)
    failing = ordered(report, failing, "group", options.format == "text")
    report.read_states(failing)
    sentence = _sentence(report, failing, status)
    if options.format in cases.FORMATS:
        case = _case(report, failing, status, sentence or "", options)
        shown = cases.document(options.format, [case], source_root=options.source_root)
        return Outcome(shown, status, sentence, len(failing), case)
    if options.format == "json":
        from ..show import json

        shown = json.document(report, failing, False)
    elif options.format == "html":
        shown = page(report, failing)
    else:
        how = session.style(options)
        lines = text.listing(report, failing, style=how, explain=options.explain)
        shown = "\n".join(lines + ([clean(said)] if said else [])) + "\n"
    return Outcome(shown, status, sentence, len(failing), unsought=report.sought.why_not)


def _judged(session: Session, options: argparse.Namespace) -> Tuple[Report, List[Verdict], int]:
    """Green only of what was looked at: deadlocks that `auto` leaves out for their price are looked for where nothing
    else fails."""
    report = session.report(options)
    failing = [verdict for verdict in select(report, options) if _fails(verdict, options)]
    status = report.status(failing, options.strict)
    matters = options.fail_on is None or classes.STUCK in options.fail_on
    if status == CLEAN and report.sought.too_dear and matters:
        return _judged(session, argparse.Namespace(**{**vars(options), "waits": ALWAYS}))
    return report, failing, status


def _case(
    report: Report, failing: List[Verdict], status: int, sentence: str, options: argparse.Namespace
) -> cases.Case:
    name = " ".join(filter(None, (report.program, options.target))) or "check"
    if options.format == "sarif":
        return _sarif_case(report, failing, status, cases.Case(name, "", sentence), options)
    if failing:
        shown = failure.failure(report, failing, name, f"in {name}")
        return failure.case(shown, "\n".join(failure.lines(shown)) + "\n")
    return cases.Case(name, _OUTCOMES[status], sentence, ran_s=report.ran_s)


def _sarif_case(
    report: Report,
    failing: List[Verdict],
    status: int,
    case: cases.Case,
    options: argparse.Namespace,
) -> cases.Case:
    expected = [
        each
        for each in (report.verdicts if options.with_expected else ())
        if each.expected_by and each.class_ in classes.LEAKED
    ]
    from ..show import sarif

    return case._replace(
        outcome=_OUTCOMES[status],
        shown=sarif.of_verdicts(report, failing + expected),
        has_baseline=report.baseline is not None,
    )


def _fails(verdict: Verdict, options: argparse.Namespace) -> bool:
    if options.proof_only and verdict.confidence != classes.PROOF:
        return False
    if options.fail_on is None:
        return verdict.leaked
    if verdict.class_ not in options.fail_on or verdict.expected_by:
        return False
    if verdict.thread.is_main and not verdict.leaked:
        return False
    return verdict.leaked or verdict.class_ not in classes.LEAKED


def _sentence(report: Report, failing: List[Verdict], status: int) -> Optional[str]:
    if status == LEAKS and failing:
        return f"check failed: {len(failing):,} of {report.threads:,} threads"
    if status == LEAKS:
        return "check failed: there are untracked threads (--strict)"
    if status == BLIND:
        why = "; ".join(notice.text for notice in report.notices if notice.blind)
        return f"cannot tell whether threads leaked: {why}"
    return None
