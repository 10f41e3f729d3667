# SPDX-License-Identifier: MIT
"""The report of a check that failed: a line to act on, then a block for each group of leaks.

It is printed into the output of tests, where it competes with all else: each thing is said once, ten thousand
equal leaks take no more room than one, and whatever is long is cut.
"""

from typing import Dict, Iterable, List, NamedTuple, Optional, Sequence

from ..judge.blame import body, first_own, own_frame
from ..judge.classes import ALL, UNJOINED
from ..judge.groups import Group, group, id_ranges, merge_alike
from ..judge.names import brief, without_arguments
from ..judge.report import Report
from ..judge.verdicts import Verdict
from ..read import abi
from ..read.stacks import Stack
from ..read.threads import BLOCKED, RUNNING
from ..target.base import Frame, TargetError, base_name
from . import text
from .ancestry import ancestry
from .cases import FAILED, Case, Spot
from .places import function, in_module, place
from .reported_before import is_reported, reported_before
from .sanitize import clean, shorten
from .started import start_place
from .style import PLAIN, Style

GROUPS = 8  # that have blocks; of the others only the places are told
PLACES = 3  # in the first line
FRAMES, FEW_FRAMES = 12, 4  # of a stack, and where a block would be longer than BLOCK_MAX
BLOCK_MAX = 2800  # bytes
IDS_WIDTH = 60
NAMES, NAMES_READ = (
    3,
    1000,
)  # of the threads of a group: how many differing ones are shown, of how many
NAME_WIDTH = 80
PATH_WIDTH = 100
TITLE_WIDTH = 100
QUIET_NOTICES = (
    "unused_rules",
    "waiting",
    "search",
    "deadlocks_not_sought",
    "unused_baseline",
)  # nothing that this failure has to do with; a file of rules serves many programs (docs/rules.md)


class Failure(NamedTuple):
    """`where`: what was checked, as the first line has it: "in test Pool.Restart". `expected`: the number of
    leaks that the program itself announced. `before`: those of `leaked` that were reported before, and are in no
    group."""

    report: Report
    leaked: List[Verdict]
    groups: List[Group]
    name: str
    where: str
    expected: Optional[int] = None
    before: Sequence[Verdict] = ()


def failure(
    report: Report,
    leaked: List[Verdict],
    name: str,
    where: str,
    expected: Optional[int] = None,
    with_reported: bool = True,
) -> Failure:
    """`with_reported`: also those that were reported before are shown."""
    before = [] if with_reported else list(filter(is_reported, leaked))
    new = [each for each in leaked if not is_reported(each)] if before else leaked
    groups = merge_alike(group(new), report.alike)
    return Failure(report, leaked, groups, clean(name), clean(where), expected, before)


def headline(shown: Failure, claims: bool = True) -> str:
    """threadleak: 3 leaked threads (2 unjoined, 1 outlived) in test Pool.Restart: 2 made by start at pool.cc:41"""
    count = len(shown.leaked)
    classes = [verdict.class_ for verdict in shown.leaked]
    counts = ((classes.count(class_), class_) for class_ in ALL)
    detail = ", ".join(f"{number:,} {class_}" for number, class_ in counts if number)
    noun = "thread" if count == 1 else "threads"
    if claims and all(verdict.leaked for verdict in shown.leaked):
        noun = f"leaked {noun}"
    said = f"{count:,} {noun} ({detail})" if count else "0 leaked threads"
    if shown.expected is not None:
        wanted = "thread" if shown.expected == 1 else "threads"
        said = f"expected {shown.expected:,} leaked {wanted}, found {count:,}"
        said += f" ({detail})" if count else ""
    places = _places(shown)
    return f"threadleak: {said} {shown.where}" + (f": {places}" if places else "")


def _places(shown: Failure) -> str:
    """Who made them."""
    makers: Dict[str, int] = {}
    for each in shown.groups:
        maker = _maker(shown.report, each)
        makers[maker] = makers.get(maker, 0) + len(each.verdicts)
    parts: List[str] = []
    for maker, count in list(makers.items())[:PLACES]:
        lead = "" if count == len(shown.leaked) else f"{count:,} "
        parts.append(f"{lead}by {maker}" if parts else f"{lead}made by {maker}")
    rest = sum(list(makers.values())[PLACES:])
    parts += [f"{rest:,} elsewhere"] if rest else []
    if shown.before:
        lead = f"{len(shown.before):,} " if parts else ""
        parts.append(lead + reported_before(shown.before))
    return ", ".join(parts)


def _maker(report: Report, each: Group) -> str:
    """start_workers at pool.cc:41"""
    frame = _own_frame(report, each)
    if frame is None:
        return "an unknown function"
    name = brief(without_arguments(function(frame)), NAME_WIDTH)
    if frame.file and frame.line:
        return f"{name} at {clean(base_name(frame.file))}:{frame.line}"
    module = in_module(frame)
    return f"{name} in {module}" if frame.function and module else name


def _own_frame(report: Report, each: Group) -> Optional[Frame]:
    thread = each.verdicts[0].thread
    if thread.kind is None:
        return None
    return first_own(report.stacks.walk(thread.copy, thread.kind.site))


def lines(shown: Failure, style: Style = PLAIN) -> List[str]:
    report = shown.report
    found = [style.paint("highlight", headline(shown))]
    found += [
        f"note: {shorten(clean(notice.text), 300)}"
        for notice in report.notices
        if notice.kind not in QUIET_NOTICES
    ]
    for each in shown.groups[:GROUPS]:
        block = _block(report, each, FRAMES, style)
        if sum(len(line.encode()) + 1 for line in block) > BLOCK_MAX:
            block = _block(report, each, FEW_FRAMES, style)
        found += ["", *block]
    rest = shown.groups[GROUPS:]
    if rest:
        count = sum(len(each.verdicts) for each in rest)
        found += ["", f"{count:,} more, made by:"]
        found += [f"  {len(each.verdicts):,}  {_maker(report, each)}" for each in rest[:GROUPS]]
        found += [f"  and at {len(rest) - GROUPS:,} more places"] if len(rest) > GROUPS else []
    fixes = text.fixes(report, [verdict for each in shown.groups for verdict in each.verdicts])
    return found + (["", *fixes] if fixes else [])


def _block(report: Report, each: Group, frames: int, style: Style) -> List[str]:
    """The first thread of each class speaks for the others."""
    firsts: Dict[str, Verdict] = {}
    for verdict in each.verdicts:
        firsts.setdefault(verdict.class_, verdict)
    found = [style.paint("title", _title(report, each))]
    alone = len(each.verdicts) == 1
    for verdict in firsts.values():
        why = " ".join(map(clean, report.evidence.why(verdict)))
        found.append("  " + (why if alone else f"thread {verdict.thread.handle}: {why}"))
        found += _now(report, verdict, frames, style)
    found += _creation(report, each.verdicts[0], frames, style)
    return found


def _title(report: Report, each: Group) -> str:
    """2 unjoined threads, ids 4-5, `worker`, started in pool_main (pool.cc:20)"""
    size, classes = len(each.verdicts), each.by_class()
    noun = "thread" if size == 1 else "threads"
    counts = ", ".join(f"{count:,} {class_}" for class_, count in classes.items())
    parts = [f"{counts} {noun}" if len(classes) == 1 else f"{size:,} leaked {noun} ({counts})"]
    ids = id_ranges(each.verdicts, IDS_WIDTH)
    if ids:
        parts.append(f"id {ids}" if size == 1 else f"ids {ids}")
    names = list(dict.fromkeys(text.name_of(report, one) for one in each.verdicts[:NAMES_READ]))
    parts += [f"`{name}`" for name in names[:NAMES]] + ["..."] * (len(names) > NAMES)
    return ", ".join([*parts, *_started(report, each.verdicts[0])])


def _started(report: Report, verdict: Verdict) -> List[str]:
    start = start_place(report, verdict)
    return [f"started in {start}"] if start else []


def _now(report: Report, verdict: Verdict, frames: int, style: Style) -> List[str]:
    """What a thread that is alive does, as far as it can be had."""
    thread = verdict.thread
    if verdict.class_ == UNJOINED:
        return _unjoined(report, verdict)
    if thread.kernel is None:
        return []
    try:
        report.read_states([verdict])
        explained = report.explained.of(verdict)
        (stack,) = report.stacks.current([thread.kernel], text.STACK_FRAMES)
    except TargetError as error:
        return [f"  What it does cannot be told: {clean(str(error))}"]
    found = []
    if explained is not None and explained.waits:
        found += [f"  {clean(line)}" for line in explained.all()]
    elif thread.state in (BLOCKED, RUNNING):
        found.append(f"  It is {thread.state}.")
    if not stack.frames:
        runs = thread.state == RUNNING
        return found + ([] if runs else [f"  Its stack cannot be told: {clean(stack.end)}."])
    return found + ["  its stack now:", *_frames(stack, frames, style, mark_own=False)]


def _unjoined(report: Report, verdict: Verdict) -> List[str]:
    """Whether who made it may yet join it, and who waits for what it held when it ended."""
    try:
        explained = report.explained.of(verdict)
    except TargetError:
        return []
    return [f"  {clean(line)}" for line in explained.all()] if explained is not None else []


def _creation(report: Report, verdict: Verdict, frames: int, style: Style) -> List[str]:
    thread = verdict.thread
    if thread.copy is None or thread.record is None:
        return []
    stack = report.stacks.creation(thread.copy, thread.record.site)
    found = ["  created at:", *_frames(stack, frames, style)]
    creator = thread.copy.record(thread.record.creator)
    if creator is not None and creator.state & abi.MAIN:
        return found  # as its stack says
    return found + [f"  {line}" for line in ancestry(report, verdict, style)]


def _frames(stack: Stack, most: int, style: Style, mark_own: bool = True) -> Iterable[str]:
    """Without what stands outside the user's own code: what calls main, starts threads, or runs tests."""
    own = own_frame(stack.frames) if mark_own else None
    own_code = body(stack.frames)
    found = []
    for index, frame in enumerate(stack.frames[: own_code.end]):
        if index >= most and index != own:
            continue
        mark = "=>" if index == own else "  "
        found.append(f"  {mark} #{index:<2} {place(_short(frame), style, full=True)}")
    more = own_code.end - len(found)
    if more > 0:
        found.append(f"        ({more} more)")
    if own_code.framework:
        found.append(f"        ({own_code.outside} more: {own_code.framework})")
    return found + ([f"        ({clean(stack.end)})"] if stack.end else [])


def _short(frame: Frame) -> Frame:
    name, path = frame.function, frame.file
    return frame._replace(
        function=brief(name, NAME_WIDTH) if name else None,
        file=path if path is None or len(path) <= PATH_WIDTH else "..." + path[3 - PATH_WIDTH :],
    )


def case(shown: Failure, body: str) -> Case:
    """For formats that tests have."""
    spots = []
    for each in shown.groups:
        frame = _own_frame(shown.report, each)
        if frame is not None and frame.file and frame.line:
            spots.append(Spot(frame.file, frame.line, f"{_title(shown.report, each)} made here"))
    return Case(shown.name, FAILED, headline(shown), body, tuple(spots), ran_s=shown.report.ran_s)
