# SPDX-License-Identifier: MIT
"""`--update-baseline` of `check`: the file of known leaks follows what leaks now."""

import argparse
import os
from typing import Mapping

from ..judge.baseline import Baseline, Entry, Key, found_in, load
from ..judge.classes import ALIVE
from ..judge.report import Report
from ..judge.verdicts import Verdict
from ..target.base import TargetError
from .options import UsageError


def check_words(options: argparse.Namespace) -> None:
    if options.update_baseline and options.baseline is None:
        raise UsageError("threadleak check: --update-baseline needs --baseline FILE")
    if options.force and not options.update_baseline:
        raise UsageError("threadleak check: --force belongs to --update-baseline")


def updated(report: Report, options: argparse.Namespace) -> str:
    """Writes the file, and says so. `report`: without a baseline. What cannot be told changes nothing."""
    why = [notice.text for notice in report.notices if notice.blind]
    if why:
        raise TargetError(
            f"the baseline is left as it is, since leaks may be missing: {'; '.join(why)}"
        )
    path = options.baseline
    is_new = not os.path.exists(path)
    old = Baseline(path, {}) if is_new else load(path)
    found = found_in(report.leaked, report.judge.values)
    new = old.updated(found, options.force or is_new)
    if new.entries != old.entries or is_new:
        new.save()
    threads, before = _threads(new.entries), _threads(old.entries)
    said = f"baseline {path}: {threads:,} leaked threads are known ({threads - before:+,})"
    refused = _threads(found) - threads
    if refused:
        new_ones = "1 new one is" if refused == 1 else f"{refused:,} new ones are"
        said += f"; {new_ones} not: --force takes new leaks in"
    elif not threads and is_new:
        said += "; it is empty" + _why_empty(report, options)
    return said


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
