# SPDX-License-Identifier: MIT
"""What is to be said of the process as a whole, beside the verdicts on its threads."""

from errno import errorcode
from typing import TYPE_CHECKING, Dict, Iterable

from ..libraries import preload
from ..read import abi
from ..read.look import Look
from ..read.model import Registry
from ..read.threads import Threads
from .classes import UNTRACKED
from .crowd import perhaps, sites_of
from .groups import merge_alike
from .rule_use import rule_notices
from .rules import Rule
from .unseen import Notice, lost, no_creation, plural

ENDED_UNSEEN = "ended_unseen"

if TYPE_CHECKING:
    from .report import Report


def no_registry() -> str:
    return (
        "no registry: this is what glibc's own lists of threads tell; start the program with"
        f" {preload()} to know who created a thread, when, and in which scope"
    )


def notices(report: "Report") -> Iterable[Notice]:
    registry, threads = report.registry, report.look.threads
    yield from _of_lists(registry, threads)
    untracked = sum(
        count
        for each, count in report.decisions.items()
        if each.class_ == UNTRACKED and not each.expected_by
    )
    if untracked:
        where = "the registry" if registry.copies else "glibc's lists of threads"
        text = plural(untracked, "untracked thread") + f", not in {where}"
        yield Notice(UNTRACKED, text, untracked)
    unseen = untracked or (report.look.left_out if report.target.blurred else 0)
    yield from no_creation(registry, unseen)
    if report.sought.why_not:
        kind = "deadlocks_untold" if report.sought.blind else "deadlocks_not_sought"
        yield Notice(kind, report.sought.why_not, 1, report.sought.blind)
    yield from _crowds(report)
    waiting = sum(count for each, count in report.decisions.items() if each.waiting)
    if waiting:
        text = plural(waiting, "unjoined thread")
        text += " not counted yet: just finished, or being joined"
        yield Notice("waiting", text, waiting)
    yield from _left_out(report.look, report.settings.strict)
    yield from _untold(report)
    for limit in report.target.limits():
        yield Notice("limit", limit, 1, blind=True)
    yield from lost(registry)
    failed = sum(copy.header.failed_creates for copy in registry.copies)
    if failed:
        yield Notice("failed_creates", _failed(registry, failed), failed)
    yield from _history(registry, threads)
    yield from _names(report)
    judge = report.judge
    for kind, text, number in rule_notices(
        report.rules, judge.declared, report.decisions, report.leaked, judge.values
    ):
        yield Notice(kind, text, number)
    if report.baseline is not None and report.baseline.unused:
        unused = len(report.baseline.unused)
        text = f"{plural(unused, 'leak')} of the baseline no longer there, or with fewer threads"
        yield Notice("unused_baseline", text + ": --update-baseline removes them", unused)


def _crowds(report: "Report") -> Iterable[Notice]:
    crowds = report.crowds
    sites = sites_of(report.judge, (crowd.verdicts for crowd in crowds))
    for crowd, made_at in zip(crowds, sites):
        text = crowd.text(made_at if len(crowds) > 1 else ())
        yield Notice("crowd", f"a suspicion: {text}", len(crowd.verdicts))
    perhaps_crowds = merge_alike(report.perhaps_crowds, report.alike)
    sites = sites_of(report.judge, (site.verdicts for site in perhaps_crowds))
    for site, made_at in zip(perhaps_crowds, sites):
        text = perhaps(site, made_at, report.settings.crowd)
        yield Notice("crowds_not_sought", text, len(site.verdicts))


def _untold(report: "Report") -> Iterable[Notice]:
    counts: Dict[Rule, int] = {}
    for each, count in report.decisions.items():
        if each.untold is not None:
            counts[each.untold] = counts.get(each.untold, 0) + count
    for rule, count in counts.items():
        text = f"{plural(count, 'thread')} may or may not be idle, as the rule {rule.pattern} asks: without a"
        text += " stop a thread that runs has no stack to be read; a rule of yours without idle=yes expects such threads"
        yield Notice("idle_untold", text, count, blind=True)


def _left_out(look: Look, strict: bool) -> Iterable[Notice]:
    if look.untold:
        text = "this core was made while the process ran on: whether"
        text += f" {plural(look.untold, 'finished thread is', 'finished threads are')} unjoined"
        text += " cannot be told; look at the process itself, or make the core with snapshot --stop"
        yield Notice("unjoined_untold", text, look.untold, blind=True)
    others = look.left_out - look.untold
    if others:
        came = "may have come or gone" if look.target.blurred else "came or went"
        text = plural(others, "thread") + f" that {came} while the process was read: left out"
        yield Notice("left_out", text, others, blind=strict and look.target.blurred)


def _of_lists(registry: Registry, threads: Threads) -> Iterable[Notice]:
    """What glibc's lists tell of the whole."""
    if registry.unusable:
        yield Notice("unusable_registry", registry.why_none, 1, blind=True)
    if not registry.copies:
        yield Notice("no_registry", no_registry(), 1)
    if threads.breaks_off:
        text = f"glibc's list of threads cannot be followed beyond {threads.breaks_off:#x}:"
        text += " there may be more threads"
        yield Notice("cut_list", text, 1, blind=True)
    if threads.joined_unseen:
        text = plural(len(threads.joined_unseen), "finished thread")
        text += " joined or detached by a path that the library does not see: not counted"
        yield Notice("joined_unseen", text, len(threads.joined_unseen))


def _names(report: "Report") -> Iterable[Notice]:
    """Why places cannot be named."""
    if report.target.exe is None:
        yield Notice("no_program", "no program to take names from: name it before its core file", 1)
    others = report.stacks.other_files()
    if others:
        text = f"not the file that the process used, so it names nothing: {', '.join(others)}"
        yield Notice("other_files", text, len(others))


def _failed(registry: Registry, failed: int) -> str:
    headers = [copy.header for copy in registry.copies]
    eagain = sum(header.failed_eagain for header in headers)
    last = max(headers, key=lambda header: header.failed_at_ns).failed_errno
    name = errorcode.get(last, str(last))
    return f"{plural(failed, 'thread')} could not be created, {eagain:,} with EAGAIN; last: {name}"


def _history(registry: Registry, threads: Threads) -> Iterable[Notice]:
    headers = [copy.header for copy in registry.copies]
    inherited = sum(header.threads_inherited for header in headers)
    if any(header.flags & abi.FORK_CHILD for header in headers):
        parent = headers[0].parent_pid
        text = f"a fork child of process {parent}"
        if inherited:
            are = "is" if inherited == 1 else "are"
            text += f": {plural(inherited, 'other thread')} of its parent {are} not here"
        yield Notice("forked", text, inherited)
    if len(headers) > 1 or any(header.flags & abi.SECOND_COPY for header in headers):
        text = "two copies of the library are in this process: link it, or preload it, not both"
        yield Notice("second_copy", text, len(headers))
    gone = len(threads.detached_gone)
    if gone:
        text = plural(gone, "detached thread") + " ended unseen"
        yield Notice(ENDED_UNSEEN, text, gone)
    for note in registry.notes:
        yield Notice("search", note, 1)
