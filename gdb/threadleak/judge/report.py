# SPDX-License-Identifier: MIT
"""All that is known after one look: the verdicts, what concerns the process as a whole, and the sum."""

from collections import Counter
from errno import errorcode
from operator import attrgetter
from typing import TYPE_CHECKING, Dict, Iterable, List, NamedTuple, Optional, Tuple

from ..read import abi
from ..read.exiting import runs_exit_handlers
from ..read.look import Look
from ..read.model import Registry, text_of
from ..read.stacks import Stacks
from ..read.threads import ALIVE, ThreadInfo, Threads
from ..target.base import TargetError, base_name
from . import ids
from .baseline import Baseline
from .classes import ALL, UNTRACKED
from .crowd import crowds
from .evidence import Evidence
from .finding import Finding
from .rule_set import RuleSet
from .rule_use import rule_notices
from .stuck import Sought, Stuck, seek
from .verdicts import Judge, Settings, Verdict, moment

if TYPE_CHECKING:
    from .cost import Costs
    from .explained import Explained

CLEAN, BLIND, LEAKS = 0, 2, 3  # exit status
NO_REGISTRY = (
    "no registry: this is what glibc's own lists of threads tell; start the program with"
    " LD_PRELOAD=libthreadleak.so to know who created a thread, when, and in which scope"
)
STATES_MAX = 64  # threads whose registers are read unasked


class Notice(NamedTuple):
    """Something about the process as a whole."""

    kind: str
    text: str
    number: int
    blind: bool = False  # so that no leak found does not mean that there is none


class Report:
    """`earlier`: of a look at the same process shortly before. `sought`: what was found while it stood still."""

    def __init__(
        self,
        look: Look,
        settings: Settings,
        rules: RuleSet,
        baseline: Optional[Baseline] = None,
        earlier: Optional[Stacks] = None,
        sought: Optional[Sought] = None,
    ):
        self.look = look
        self.target = target = look.target
        self.registry = registry = look.registry
        self.settings = settings
        self.rules = rules
        self.stacks = Stacks(target, registry.copies)
        if earlier is not None:
            self.stacks.take_names(earlier)
        rules.begin()
        threads = look.threads
        main = [info for info in threads.infos if info.is_main]
        exiting = any(runs_exit_handlers(target, info) for info in main)
        self.at = moment(registry, target.now_ns(), settings, exiting, threads.main_finished)
        self.judge = Judge(self.at, self.stacks, rules)
        self.sought = sought or seek(look, self.stacks, settings.waits)
        self.stuck = Stuck(look, self.sought.found, self.name_of)
        self.verdicts = self.judge.judge_all(threads.infos, self.stuck.tids)
        self.baseline = baseline
        if baseline is not None:
            baseline.apply(self.verdicts, self.judge.values)
        self.crowds = crowds(self.judge, self.verdicts, settings.crowd)
        self.evidence = Evidence(self.judge, self.crowds, self.stuck)
        self.findings = self._findings()
        self.leaked = [verdict for verdict in self.verdicts if verdict.decision.leaked]
        self._decisions = Counter(map(attrgetter("decision"), self.verdicts))
        self.notices = list(self._notices(threads))
        self._explained: "Optional[Explained]" = None
        self._costs: "Optional[Costs]" = None
        self.selected: Optional[List[Verdict]] = None  # by the options of a command; None: all

    @property
    def explained(self) -> "Explained":
        """What all threads wait for: read when it is first asked for, since that takes registers and stacks."""
        if self._explained is None:
            from .explained import Explained

            self._explained = Explained(self)
        return self._explained

    @property
    def costs(self) -> "Costs":
        if self._costs is None:
            from .cost import Costs

            self._costs = Costs(self.target)
        return self._costs

    @property
    def threads(self) -> int:
        """Alive, the main thread too, and unjoined, and untracked."""
        return len(self.verdicts)

    @property
    def program(self) -> str:
        """The name of its file; empty if that is not known."""
        return base_name(self.target.exe)

    def _findings(self) -> List[Finding]:
        """Those that concern threads of this report."""
        mine = {info.kernel.tid for info in self.look.threads.infos if info.kernel is not None}
        return [
            each
            for each in self.stuck.findings
            if any(info.kernel is not None and info.kernel.tid in mine for info in each.threads)
        ]

    def by_class(self, leaked_only: bool = False) -> Dict[str, int]:
        counts = dict.fromkeys(ALL, 0)
        for decision, count in self._decisions.items():
            if decision.leaked or not leaked_only:
                counts[decision.class_] += count
        return {class_: count for class_, count in counts.items() if count}

    def name_of(self, thread: ThreadInfo) -> Optional[str]:
        """The registry's, which a core has too; else the kernel's."""
        if thread.copy is not None:
            return text_of(thread.copy.records.name(thread.index))
        return self.target.thread_name(thread.kernel) if thread.kernel is not None else None

    def read_states(self, verdicts: Iterable[Verdict], most: int = STATES_MAX) -> None:
        """Running or blocked, instead of alive, which costs registers; not for more than `most` threads."""
        alive = [verdict.thread for verdict in verdicts if verdict.thread.state == ALIVE]
        for thread in alive if len(alive) <= most else []:
            if thread.kernel is not None:
                thread.state = self.target.state_of(thread.kernel)

    def sort_value(self, verdict: Verdict, key: str) -> Tuple[object, ...]:
        thread, record = verdict.thread, verdict.thread.record
        if key == "name":
            return (self.name_of(thread) or "",)
        if key == "class":
            return (ALL.index(verdict.class_),)
        if key == "scope":
            return tuple(self.judge.values.value(thread, "scope")[:1])
        if key == "state":
            return (thread.state,)
        if key == "tid":
            return (thread.tid or 0,)
        if record is None or thread.copy is None:
            return (float("inf"), 0 if key == "age" else thread.pthread or 0)
        if key == "age":
            return (record.created_ns, record.id)
        return (thread.copy.number, record.id)

    def find(self, name: str) -> Verdict:
        """By the id that people give, or by pthread_t or tid."""
        copy_text, _, id_text = name.rpartition(".")
        if ids.is_handle(name):
            return self._find_handle(name)
        if not ids.is_of_record(name):
            raise TargetError(f"{name} is no id: {ids.KINDS}")
        for verdict in self.verdicts:
            if verdict.thread.id == name:
                return verdict
        if not self.registry.copies:
            raise TargetError(f"there is no thread {name}: without a registry threads have no ids")
        last = max(copy.header.next_id for copy in self.registry.copies) - 1
        if 1 <= int(id_text) <= last and not copy_text:
            why = "it was joined, or was detached and has finished"
            raise TargetError(f"there is no thread {name} any more: {why}, so its record is gone")
        raise TargetError(f"there is no thread {name} in this target; ids go up to {last}")

    def _find_handle(self, name: str) -> Verdict:
        is_tid = name.startswith(ids.TID)
        number = int(name[len(ids.TID) :]) if is_tid else int(name, 16)
        for verdict in self.verdicts:
            if number == (verdict.thread.tid if is_tid else verdict.thread.pthread):
                return verdict
        for verdict in self.verdicts:
            # one that neither the registry nor glibc has
            kernel = verdict.thread.kernel if verdict.thread.pthread is None else None
            if not is_tid and kernel is not None and self.target.pthread_of(kernel) == number:
                return verdict
        raise TargetError(f"there is no thread {name} in this target")

    def status(self, failing: Iterable[Verdict], strict: bool = False) -> int:
        if any(True for _ in failing):
            return LEAKS
        if strict and any(notice.kind == UNTRACKED for notice in self.notices):
            return LEAKS
        return BLIND if any(notice.blind for notice in self.notices) else CLEAN

    def _notices(self, threads: Threads) -> Iterable[Notice]:
        registry = self.registry
        yield from self._of_lists(threads)
        untracked = sum(
            count
            for each, count in self._decisions.items()
            if each.class_ == UNTRACKED and not each.expected_by
        )
        if untracked:
            where = "the registry" if registry.copies else "glibc's lists of threads"
            text = _plural(untracked, "untracked thread") + f", not in {where}"
            yield Notice(UNTRACKED, text, untracked)
            if registry.copies and all(copy.header.next_id in (1, 2) for copy in registry.copies):
                text = (
                    "the registry has no creation at all: the calls go past the library (an archive"
                    " does not see those inside libstdc++.so), so preload it"
                )
                yield Notice("no_creations", text, untracked, blind=True)
        if self.sought.why_not:
            yield Notice("deadlocks_not_sought", self.sought.why_not, 1)
        for crowd in self.crowds:
            yield Notice("crowd", f"a suspicion: {crowd.text()}", len(crowd.verdicts))
        waiting = sum(count for each, count in self._decisions.items() if each.waiting)
        if waiting:
            text = _plural(waiting, "unjoined thread")
            text += " not counted yet: just finished, or being joined"
            yield Notice("waiting", text, waiting)
        if self.look.left_out:
            text = _plural(self.look.left_out, "thread")
            text += " that came or went while the process was read: left out"
            yield Notice("left_out", text, self.look.left_out)
        for limit in self.target.limits():
            yield Notice("limit", limit, 1, blind=True)
        yield from _lost(registry)
        failed = sum(copy.header.failed_creates for copy in registry.copies)
        if failed:
            yield Notice("failed_creates", _failed(registry, failed), failed)
        yield from _history(registry, threads)
        yield from self._names()
        for kind, text, number in rule_notices(self.rules, self.judge.declared, self._decisions):
            yield Notice(kind, text, number)
        if self.baseline is not None and self.baseline.unused:
            unused = len(self.baseline.unused)
            text = (
                f"{_plural(unused, 'leak')} of the baseline no longer there, or with fewer threads"
            )
            yield Notice("unused_baseline", text + ": --update-baseline removes them", unused)

    def _of_lists(self, threads: Threads) -> Iterable[Notice]:
        """What glibc's lists tell of the whole."""
        registry = self.registry
        if registry.unusable:
            yield Notice("unusable_registry", registry.why_none, 1, blind=True)
        if not registry.copies:
            yield Notice("no_registry", NO_REGISTRY, 1)
        if threads.breaks_off:
            text = f"glibc's list of threads cannot be followed beyond {threads.breaks_off:#x}:"
            text += " there may be more threads"
            yield Notice("cut_list", text, 1, blind=True)
        if threads.joined_unseen:
            text = _plural(threads.joined_unseen, "finished thread")
            text += " joined or detached by a path that the library does not see: not counted"
            yield Notice("joined_unseen", text, threads.joined_unseen)

    def _names(self) -> Iterable[Notice]:
        """Why places cannot be named."""
        if self.target.exe is None:
            yield Notice(
                "no_program", "no program to take names from: name it before its core file", 1
            )
        others = self.stacks.other_files()
        if others:
            text = f"not the file that the process used, so it names nothing: {', '.join(others)}"
            yield Notice("other_files", text, len(others))


def _plural(count: int, one: str, more: Optional[str] = None) -> str:
    return f"{count:,} {one if count == 1 else more or one + 's'}"


def _lost(registry: Registry) -> Iterable[Notice]:
    """What should be known and is not."""
    for name, what in (
        ("records", "nothing is known of them"),
        ("sites", "their stacks are not known"),
    ):
        dropped = sum(copy.dropped.get(name, 0) for copy in registry.copies)
        if dropped:
            text = f"{_plural(dropped, 'thread')} dropped for lack of room: {what}"
            yield Notice(f"dropped_{name}", text, dropped, blind=name == "records")
    dropped = sum(copy.dropped.get("scopes", 0) for copy in registry.copies)
    if dropped:
        text = f"{_plural(dropped, 'scope')} dropped for lack of room: their threads belong to the one around"
        yield Notice("dropped_scopes", text, dropped, blind=True)
    facts = sum(copy.header.lost_facts for copy in registry.copies)
    if facts:
        text = (
            f"{_plural(facts, 'detach or join', 'detaches or joins')} could not be matched with a"
        )
        text += " record: a thread that looks unjoined may be none"
        yield Notice("lost_facts", text, facts)
    for kind, count, example in registry.anomalies:
        yield Notice("anomaly", f"damaged: {kind}: {count:,} ({example})", count, blind=True)


def _failed(registry: Registry, failed: int) -> str:
    headers = [copy.header for copy in registry.copies]
    eagain = sum(header.failed_eagain for header in headers)
    last = max(headers, key=lambda header: header.failed_at_ns).failed_errno
    name = errorcode.get(last, str(last))
    return f"{_plural(failed, 'thread')} could not be created, {eagain:,} with EAGAIN; last: {name}"


def _history(registry: Registry, threads: Threads) -> Iterable[Notice]:
    headers = [copy.header for copy in registry.copies]
    inherited = sum(header.threads_inherited for header in headers)
    if any(header.flags & abi.FORK_CHILD for header in headers):
        parent = headers[0].parent_pid
        text = f"a fork child of process {parent}"
        if inherited:
            are = "is" if inherited == 1 else "are"
            text += f": {_plural(inherited, 'other thread')} of its parent {are} not here"
        yield Notice("forked", text, inherited)
    if len(headers) > 1 or any(header.flags & abi.SECOND_COPY for header in headers):
        text = "two copies of the library are in this process: link it, or preload it, not both"
        yield Notice("second_copy", text, len(headers))
    gone = len(threads.detached_gone)
    if gone:
        text = _plural(gone, "detached thread") + " ended unseen"
        yield Notice("ended_unseen", text, gone)
    for note in registry.notes:
        yield Notice("search", note, 1)
