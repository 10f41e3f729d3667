# SPDX-License-Identifier: MIT
"""Many threads that are alive, made at one site, blocked at one place: where nobody is told to end, they pile up like
that. A pool that has nothing to do looks the same, so a crowd is a suspicion, and never counts as leaked.
"""

from collections import Counter
from operator import attrgetter
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from ..read.threads import ALIVE as STATE_ALIVE
from ..read.threads import BLOCKED
from ..target.base import Frame, TargetError, base_name
from .blame import first_own
from .classes import ALIVE, CROWD
from .groups import Group, Key, group
from .told_apart import Chain, told_apart
from .verdicts import Decision, Judge, Verdict

# LeakProf takes 10,000 goroutines, which cost 2 KiB each; where threads do so much, a thousand of them are as odd.
THRESHOLD = 1000
_FRAMES = 64


class Crowd(NamedTuple):
    verdicts: List[Verdict]
    place: Frame  # the innermost one of the user's own code

    def text(self, made_at: Chain = ()) -> str:
        """1,200 threads of one site are blocked at one place, handle (server.c:30)"""
        site = f", {_names(made_at)}," if made_at else ""
        many = f"{len(self.verdicts):,} threads of one site{site}"
        return f"{many} are blocked at one place, {_name(self.place)}"


def _name(frame: Frame) -> str:
    name = frame.function or f"{frame.pc:#x}"
    if frame.file and frame.line:
        name += f" ({base_name(frame.file)}:{frame.line})"
    elif frame.module and frame.offset is not None:
        name += f" ({base_name(frame.module)}+{frame.offset:#x})"
    return name


def _names(chain: Chain) -> str:
    return " < ".join(map(_name, chain))


def sites_of(judge: Judge, several: Iterable[Sequence[Verdict]]) -> List[Chain]:
    """What the sites are called of which each has threads."""
    threads = [verdicts[0].thread for verdicts in several]
    return told_apart(
        judge.stacks.walk(each.copy, each.kind.site) if each.kind is not None else ()
        for each in threads
    )


def perhaps(site: Group, made_at: Chain, threshold: int) -> str:
    """A sentence on a site whose threads were not looked at."""
    where = f", {_names(made_at)}" if made_at else ""
    return (
        f"{len(site.verdicts):,} threads that are alive were made at one site{where}:"
        f" --crowd {threshold} says whether they are blocked at one place"
    )


def large_sites(verdicts: Sequence[Verdict], threshold: int) -> List[Group]:
    """Those whose threads are a crowd, if they are blocked at one place."""
    decisions = Counter(map(attrgetter("decision"), verdicts))
    free = {each for each in decisions if each.class_ == ALIVE and not each.expected_by}
    if not threshold or sum(decisions[each] for each in free) < threshold:
        return []
    sites = group(each for each in verdicts if each.decision in free and not each.thread.is_main)
    return [each for each in sites if each.key.copy and len(each.verdicts) >= threshold]


def blocked(judge: Judge, verdicts: Iterable[Verdict], threshold: int) -> List[Crowd]:
    """The same, whoever made the threads, so without a registry too. Those that a rule expects do not count."""
    alive = _unexpected(verdicts)
    if not threshold or len(alive) < threshold:
        return []
    found = crowds(judge, [Group(Key(0, 0, 0, False), alive)], threshold)
    left = [Crowd(_unexpected(each.verdicts, CROWD), each.place) for each in found]
    return [each for each in left if len(each.verdicts) >= threshold]


def _unexpected(verdicts: Iterable[Verdict], class_: str = ALIVE) -> List[Verdict]:
    mine = [each for each in verdicts if each.class_ == class_ and not each.thread.is_main]
    return [each for each in mine if not each.expected_by]


def crowds(judge: Judge, sites: Iterable[Group], threshold: int) -> List[Crowd]:
    """Gives those in one their class. Reads the stacks of all threads of these sites."""
    found = []
    for site in sites:
        found += [each for each in _places(judge, site.verdicts) if len(each.verdicts) >= threshold]
    for each in found:
        _decide(judge, each)
    return found


def _places(judge: Judge, verdicts: List[Verdict]) -> Iterator[Crowd]:
    """Blocked ones, by where they are."""
    target = judge.stacks.target
    kernels = [each.thread.kernel for each in verdicts if each.thread.kernel is not None]
    try:
        stacks = judge.stacks.current(kernels, _FRAMES)
    except TargetError:
        return
    frames: Dict[int, Optional[Frame]] = {}  # by stack, of which many threads share one
    members: Dict[Tuple[int, Optional[str]], List[Verdict]] = {}
    for verdict, stack in zip((each for each in verdicts if each.thread.kernel), stacks):
        if id(stack) not in frames:
            frames[id(stack)] = first_own(stack.frames)
        frame, thread = frames[id(stack)], verdict.thread
        if frame is None or thread.kernel is None:
            continue
        if thread.state == STATE_ALIVE:
            thread.state = target.state_of(thread.kernel)
        if thread.state == BLOCKED:
            members.setdefault((frame.pc, frame.function), []).append(verdict)
    places = {(frame.pc, frame.function): frame for frame in frames.values() if frame is not None}
    for place, found in members.items():
        yield Crowd(found, places[place])


def _decide(judge: Judge, crowd: Crowd) -> None:
    """Rules may expect some of them: those for this class, and the built-in ones, which know pools."""
    common = Decision(CROWD)
    known: Dict[object, Decision] = {None: common}
    for verdict in crowd.verdicts:
        rule = judge.rule_for(verdict.thread, CROWD)
        if rule not in known:
            known[rule] = Decision(CROWD)
            known[rule].expect(rule.told if rule is not None else "", rule)
        verdict.decision = known[rule]
