# SPDX-License-Identifier: MIT
"""The threads that nothing can wake, as findings and sentences."""

from functools import partial
from typing import Callable, Collection, Dict, List, NamedTuple, Optional, Sequence

from ..read.glibc import glibc_of
from ..read.look import Look
from ..read.stacks import Stacks
from ..read.threads import ThreadInfo
from ..read.wait import JOIN
from ..read.waits import Waits
from ..target.base import TargetError
from .classes import PROOF, STUCK
from .deadlocks import Deadlocks, Search
from .doubts import Program
from .finding import Finding
from .graph import GONE, Graph, graph
from .owners import Owners
from .suspects import may_be_any, words_of
from .stuck_words import SHOWN, Words, fix
from .verdicts import ALWAYS, NEVER
from .waiting import MOST


class Sought(NamedTuple):
    """What a search gave, or why there was none."""

    found: Deadlocks
    why_not: str = ""  # for people, where they may have expected one
    too_dear: bool = False  # the reason: with ALWAYS there will be one
    blind: bool = False  # there may be one all the same


NOTHING = Deadlocks([], graph([]))


def search_of(look: Look, stacks: Stacks, owners: Optional[Owners] = None) -> Search:
    """TargetError if there is no glibc whose layout is known. `owners`: of an earlier search of this look."""
    target, glibc = look.target, glibc_of(look.target)
    waits = partial(Waits, target, stacks, glibc)
    return Search(target, glibc, waits, look.whole, look.registry, owners)


def seek(look: Look, stacks: Stacks, when: str) -> Sought:
    """`when`: ALWAYS, AUTO or NEVER. Of what is never a proof nothing is found; nothing is raised either."""
    if when == NEVER:
        return Sought(NOTHING)
    target = look.target
    count = len(target.threads())
    if target.moves and count > MOST and when != ALWAYS:
        why = f"deadlocks were not looked for: {count:,} threads, and the process runs on (--waits always)"
        return Sought(NOTHING, why, too_dear=True)
    try:
        glibc = glibc_of(target)
    except TargetError as error:
        calls = target.system_calls(target.threads())
        if not words_of(target.machine, calls):
            return Sought(NOTHING)  # whatever libc that is: nobody waits for good
        return Sought(NOTHING, f"deadlocks cannot be told: {error}")
    if not may_be_any(target, glibc):
        return Sought(NOTHING)
    search = search_of(look, stacks)
    found = search.run()
    seen = found.proven.stuck
    if target.blurred and seen:
        found = _of_steady(found, target.steady())
    if seen and not found.proven.stuck:
        why = "what looks like a deadlock is no proof in a core that was made while the process ran on"
        return Sought(NOTHING, why)
    why = _why_blind(found.proven, search.program) if found.proven.stuck else ""
    return Sought(NOTHING, why, blind=True) if why else Sought(found)


def _why_blind(proven: Graph, program: Program) -> str:
    if program.untold:
        why = "what looks like a deadlock is none if the program cancels its threads, which cannot be told"
        return f"{why}: {program.untold}"
    if program.is_shared and any(proven.edges[each].wait.kind != JOIN for each in proven.stuck):
        return (
            "what looks like a deadlock is none if another process that has the memory of this one (clone with"
            " CLONE_VM) holds the lock, which cannot be told"
        )
    return ""


def _of_steady(found: Deadlocks, steady: Collection[int]) -> Deadlocks:
    """By those threads alone that held and waited for the same all the while: what deadlocks.py demands of a process that
    runs on. Who is gone may have come after the threads were listed."""

    def is_steady(number: int) -> bool:
        kernel = found.threads[number].kernel if number != GONE else None
        return kernel is not None and kernel.tid in steady

    edges = found.proven.edges.values()
    kept = [each for each in edges if is_steady(each.waiter) and is_steady(each.owner)]
    return found._replace(proven=graph(kept))


class Stuck:
    """`name`: of a thread."""

    def __init__(
        self,
        look: Look,
        found: Deadlocks,
        name: Callable[[ThreadInfo], Optional[str]],
    ):
        self._found = found
        self.tids = found.tids
        self.words = Words(look.target, look.registry.copies, found.threads, name)
        self._places = {  # thread -> the cycle that it is of, and where it stands there
            each: (cycle, at) for cycle in found.proven.cycles for at, each in enumerate(cycle)
        }
        # by the first of the cycle, or who waits for one that is gone
        self._fixes: Dict[int, str] = {}
        self.findings = self._findings()

    def _findings(self) -> List[Finding]:
        proven, words = self._found.proven, self.words
        hanging: Dict[int, List[int]] = {}  # first thread of what they hang on -> those that do
        for number, end in proven.chains.items():
            hanging.setdefault(self._members(end)[0], []).append(number)
        found = []
        for cycle in proven.cycles:
            text = words.cycle(cycle, proven.edges)
            found.append(self._finding(text, cycle, hanging.get(cycle[0], ())))
        for number in proven.gone:
            text = words.gone(proven.edges[number])
            found.append(self._finding(text, [number], hanging.get(number, ())))
        return found

    def _finding(self, text: str, members: Sequence[int], hanging: Sequence[int]) -> Finding:
        text += f" On that hang: {self.words.waiters(hanging)}." if hanging else ""
        threads = tuple(self._found.threads[each] for each in (*members, *hanging))
        return Finding(STUCK, PROOF, text, threads, len(members), self._fix(members))

    def why(self, thread: ThreadInfo) -> List[str]:
        """As the thread itself sees it."""
        number = self._number(thread)
        if number is None:
            return []
        proven, words = self._found.proven, self.words
        if number in self._places:
            cycle, at = self._places[number]
            if len(cycle) <= SHOWN:
                return [_sentence(words.cycle(cycle[at:] + cycle[:at], proven.edges))]
            said = words.chain(number, proven), words.cycle(cycle, proven.edges)
            return list(map(_sentence, said))
        if number not in proven.chains:
            return [_sentence(words.gone(proven.edges[number]))]
        end = proven.chains[number]
        return [_sentence(words.chain(number, proven)), *self._of_end(end)]

    def _of_end(self, end: int) -> List[str]:
        """What a chain hangs on."""
        return self.why(self._found.threads[end])

    def fix(self, thread: ThreadInfo) -> Optional[str]:
        number = self._number(thread)
        if number is None:
            return None
        return self._fix(self._members(self._found.proven.chains.get(number, number)))

    def _members(self, end: int) -> Sequence[int]:
        """Of the cycle of `end`, or itself if it waits for one that is gone."""
        return self._places[end][0] if end in self._places else [end]

    def _fix(self, members: Sequence[int]) -> str:
        first = members[0]
        if first not in self._fixes:
            self._fixes[first] = fix([self._found.proven.edges[each] for each in members])
        return self._fixes[first]

    def _number(self, thread: ThreadInfo) -> Optional[int]:
        return self.tids.get(thread.kernel.tid) if thread.kernel is not None else None


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]
