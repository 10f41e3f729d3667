# SPDX-License-Identifier: MIT
"""`threadleak stacks`"""

import argparse
from fnmatch import fnmatchcase
from typing import Dict, List, Optional, Tuple

from ..judge.report import BLIND, CLEAN, Report
from ..judge.same_stack import Group, Seen, group
from ..judge.verdicts import Verdict
from ..read.stacks import Stacks
from ..read.threads import ALIVE, BLOCKED, RUNNING
from ..show import json_stacks, stacks, text
from ..show.sanitize import clean
from ..target.base import CurrentStack, Target, TargetError, Thread
from . import profile
from .command_line import MANY, Outcome, Parser
from .options import add_judging, add_limit, add_output
from .session import Session
from .words import count

NAME = "stacks"
SHOWN = 20
FRAMES = 64


def parser(shell: bool = False) -> Parser:
    parser = Parser(
        NAME,
        "Show what all threads do now, those with equal stacks as one, the most first.",
        "[OPTION]...",
        "threadleak stacks --state running",
        MANY if shell else "",
    )
    group = parser.add_argument_group("which threads")
    group.add_argument("--name", metavar="GLOB", help="only threads with such a name")
    states = (RUNNING, BLOCKED, ALIVE)
    group.add_argument("--state", choices=states, metavar="STATE", help=", ".join(states))
    group = parser.add_argument_group("what is shown of them")
    add_limit(group, SHOWN, "stacks")
    group.add_argument(
        "--frames",
        type=count,
        default=FRAMES,
        metavar="N",
        help="of each stack the innermost N frames (default %(default)s)",
    )
    group.add_argument("--full", action="store_true", help="all library frames, nothing shortened")
    if shell:
        group.add_argument("--lines", action="store_true", help="lines of system libraries too")
    add_judging(parser)
    add_output(parser, ("text", "json", profile.FORMAT))
    parser.set_defaults(stacks=True)
    return parser


def run(session: Session, options: argparse.Namespace) -> Outcome:
    profile.check(NAME, options)
    report, why = _report(session, options)
    target = report.target if report is not None else session.target()
    seen, raw = _read(target, report, options)
    if options.format == profile.FORMAT:
        return profile.of_stacks(target, report, why, seen, raw)
    found = group(seen, (report.stacks if report is not None else Stacks(target, [])).named(raw))
    status = BLIND if target.limits() or not any(each.stack.frames for each in found) else CLEAN
    if options.format == "json":
        return Outcome(json_stacks.document(target, report, why, found), status)
    return Outcome(_text(session, target, report, why, found, options), status)


def _report(session: Session, options: argparse.Namespace) -> Tuple[Optional[Report], str]:
    """The verdicts, or why there are none: stacks need no registry."""
    try:
        return session.report(options), ""
    except TargetError as error:
        return None, str(error)


def _read(
    target: Target, report: Optional[Report], options: argparse.Namespace
) -> Tuple[List[Seen], List[CurrentStack]]:
    verdicts: Dict[int, Verdict] = {}
    for verdict in report.verdicts if report is not None else ():
        if verdict.thread.kernel is not None:
            verdicts[verdict.thread.kernel.tid] = verdict
    threads = target.threads()
    if options.name is not None:
        threads = [
            thread
            for thread in threads
            if fnmatchcase(_name(target, report, thread, verdicts), options.name)
        ]
    raw = target.current_stacks(threads, options.frames)
    seen = [Seen(each, target.state_of(each), verdicts.get(each.tid)) for each in threads]
    if options.state is not None:
        kept = [(one, at) for one, at in zip(seen, raw) if one.state == options.state]
        return [one for one, _ in kept], [at for _, at in kept]
    return seen, raw


def _name(
    target: Target, report: Optional[Report], thread: Thread, verdicts: Dict[int, Verdict]
) -> str:
    verdict = verdicts.get(thread.tid)
    if report is not None and verdict is not None:
        return report.name_of(verdict.thread) or ""
    return target.thread_name(thread) or ""


def _text(
    session: Session,
    target: Target,
    report: Optional[Report],
    why: str,
    found: List[Group],
    options: argparse.Namespace,
) -> str:
    style = session.style(options)
    lines = [style.paint("title", stacks.title(found))]
    lines += text.head(report, style) if report is not None else [f"note: {clean(why)}"]
    for each in found[: options.limit or None]:
        lines += ["", *stacks.block(target, report, each, options.full, style)]
    if options.limit and len(found) > options.limit:
        rest = sum(len(each.seen) for each in found[options.limit :])
        more = stacks.counted(len(found) - options.limit, "more stack")
        lines += ["", f"... and {more}, {stacks.counted(rest, 'thread')}"]
    return "\n".join(lines) + "\n"
