# SPDX-License-Identifier: MIT
"""`--update-baseline` of `check` and `run`: the file of known leaks follows what leaks now."""

import argparse
import os
from typing import Any, Mapping, Sequence, Tuple

from ..judge.baseline import Baseline, Entry, Key, found_in, load
from ..judge.classes import ALIVE
from ..judge.programs import Programs
from ..judge.report import CLEAN, LEAKS, Report
from ..judge.verdicts import Verdict
from ..target.base import TargetError
from .command_line import UsageError


LEFT = "the baseline is left as it is, since leaks may be missing: "


def check_words(command: str, options: argparse.Namespace) -> None:
    if options.update_baseline and options.baseline is None:
        raise UsageError(f"threadleak {command}: --update-baseline needs --baseline FILE")
    if options.force and not options.update_baseline:
        raise UsageError(f"threadleak {command}: --force belongs to --update-baseline")


def add_updating(group: Any) -> None:
    group.add_argument(
        "--update-baseline",
        action="store_true",
        help="write the leaks into the file of --baseline, which only shrinks unless it is new",
    )
    group.add_argument("--force", action="store_true", help="it grows, too")


def updated(report: Report, options: argparse.Namespace) -> str:
    """Writes the file, and says so. `report`: without a baseline. What cannot be told changes nothing."""
    why = [notice.text for notice in report.notices if notice.blind]
    if why:
        raise TargetError(LEFT + "; ".join(why))
    is_new = not os.path.exists(options.baseline)
    found = found_in(report.leaked, report.judge.values)
    said = _written(found, is_new, options)[0]
    return said + _why_empty(report, options) if is_new and not found else said


def updated_by_run(
    programs: Programs,
    reports: Sequence[Mapping[str, Any]],
    status: int,
    options: argparse.Namespace,
) -> Tuple[str, int]:
    """The same for all that a run checked, whose own status this is; `reports`: as show/json.py has them. Which
    status the run has then."""
    blind = [f"{each.path}: {each.blind}" for each in programs.all if each.blind]
    why = [programs.nothing] if programs.nothing else blind
    why += [f"the command ended with status {status}"] if status else []
    if why:
        raise TargetError(LEFT + "; ".join(why))
    from ..judge.baseline_of_run import found_in_reports

    is_new = not os.path.exists(options.baseline)
    said, refused = _written(found_in_reports(reports), is_new, options)
    nameless = sum(
        bool(shown["leaked"] and not shown.get("fingerprint"))
        for report in reports
        for shown in report["threads"]
    )
    if nameless:
        said += f"; {nameless:,} whose creation was not seen cannot be in it"
    return said, LEAKS if refused or nameless else CLEAN


def _written(
    found: Mapping[Key, Entry], is_new: bool, options: argparse.Namespace
) -> Tuple[str, int]:
    """What is said, and how many leaks were not taken in."""
    path = options.baseline
    old = Baseline(path, {}) if is_new else load(path)
    new = old.updated(found, options.force or is_new)
    if new.entries != old.entries or is_new:
        new.save()
    threads, before = _threads(new.entries), _threads(old.entries)
    number = "1 leaked thread is" if threads == 1 else f"{threads:,} leaked threads are"
    said = f"baseline {path}: {number} known ({threads - before:+,})"
    refused = _threads(found) - threads
    if refused:
        new_ones = "1 new one is" if refused == 1 else f"{refused:,} new ones are"
        said += f"; {new_ones} not: --force takes new leaks in"
    elif not threads and is_new:
        said += "; it is empty"
    return said, refused


def _threads(entries: Mapping[Key, Entry]) -> int:
    return sum(entry.threads for entry in entries.values())


def _why_empty(report: Report, options: argparse.Namespace) -> str:
    alive = sum(_may_outlive(each) for each in report.verdicts)
    if options.at_end or not alive:
        return ": nothing leaked"
    count = "1 thread is" if alive == 1 else f"{alive:,} threads are"
    return (
        f", although {count} alive: use --at-end to have them judged as at the end of the process"
    )


def _may_outlive(verdict: Verdict) -> bool:
    """Whether it is no leak only because the process goes on."""
    return verdict.class_ == ALIVE and not verdict.thread.is_main and not verdict.expected_by
