# SPDX-License-Identifier: MIT
"""The narrowest rule for a leak: one that speaks of the threads of that creation and class, and, of all threads of
the look, of no other.
"""

from typing import Iterator

from ..read.threads import ThreadInfo
from ..target.base import TargetError
from . import classes
from .blame import first_own, is_wrapper
from .globs import escaped
from .names import without_arguments
from .report import Report
from .rules import PLACEHOLDER, Rule, parse_rule
from .verdicts import Verdict


def suggest(report: Report, verdict: Verdict) -> Rule:
    """TargetError for a thread that no rule can name."""
    if verdict.thread.is_main:
        raise TargetError("the main thread needs no rule: it never counts as a leak")
    named = verdict.class_ in (
        classes.UNJOINED,
        classes.STUCK,
    )  # of which no rule speaks unless it names them
    class_ = [f"class={verdict.class_}"] if named else []
    prints = report.judge.values.value(verdict.thread, "fingerprint")
    readable, exact = list(_readable(report, verdict.thread)), [
        f"fingerprint:{each}" for each in prints
    ]
    both = [*exact, *readable]
    for words in (readable if _is_own(report, verdict.thread) else both, both, exact):
        if words:
            rule = parse_rule(" ".join([*class_, *words, "suggested"]))
            rule.reason = PLACEHOLDER  # which nobody takes for one, so that a person has to
            if _is_narrow(report, rule, verdict):
                return rule
    raise TargetError(f"no rule can tell thread {verdict.thread.handle or '-'} from all others")


def _readable(report: Report, thread: ThreadInfo) -> Iterator[str]:
    """Conditions that tell people something: the start routine, and who made the thread."""
    kind, copy = thread.kind, thread.copy
    if kind is None:
        for name in report.judge.values.value(thread, "name"):
            yield f"name:{escaped(name)}"
        return
    for file in report.judge.values.value(thread, "module")[-1:]:
        yield f"module:{escaped(file)}"
    start = report.stacks.start(copy, kind)
    if start.function:
        yield f"start:{escaped(without_arguments(start.function))}"
    frames = report.stacks.creation(copy, kind.site).frames
    site = first_own(frame for frame in frames if frame.function)
    if site is not None:
        yield f"site:{escaped(without_arguments(site.function or ''))}"


def _is_own(report: Report, thread: ThreadInfo) -> bool:
    """Whether these name code of the user's own: a wrapper makes threads for places that are yet to be written too."""
    kind, copy = thread.kind, thread.copy
    if kind is None:
        return True  # there is no creation to be named
    own = first_own(report.stacks.creation(copy, kind.site).frames)
    own = own or report.stacks.start(copy, kind)
    return bool(own.function) and not is_wrapper(own)


def _is_narrow(report: Report, rule: Rule, verdict: Verdict) -> bool:
    """Whether it speaks of the thread, and of none of another creation."""
    values = report.judge.values
    own = values.value(verdict.thread, "fingerprint")

    def applies(each: Verdict) -> bool:
        return not each.thread.is_main and rule.applies(each.class_, values.of(each.thread))

    def is_other(each: Verdict) -> bool:
        return values.value(each.thread, "fingerprint") != own

    return applies(verdict) and not any(
        is_other(each) and applies(each) for each in report.verdicts
    )
