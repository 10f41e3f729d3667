# SPDX-License-Identifier: MIT
"""`--update-baseline` of `check`: the file of known leaks follows what leaks now."""

import argparse
import os

from ..judge.baseline import Baseline, found_in, load
from ..judge.report import Report
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
    new = old.updated(found_in(report.leaked, report.judge.values), options.force or is_new)
    if new.entries != old.entries or is_new:
        new.save()
    threads = sum(entry.threads for entry in new.entries.values())
    before = sum(entry.threads for entry in old.entries.values())
    return f"baseline {path}: {threads:,} leaked threads are known ({threads - before:+,})"
