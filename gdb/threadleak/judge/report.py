# SPDX-License-Identifier: MIT
"""All that is known after one look: the verdicts, what concerns the process as a whole, and the sum."""

from collections import Counter
from operator import attrgetter
from typing import TYPE_CHECKING, Dict, Iterable, List, Optional, Tuple

from ..read.exiting import runs_exit_handlers
from ..read.look import Look
from ..read.model import text_of
from ..read.stacks import Stacks
from ..read.threads import ALIVE, ThreadInfo
from ..target.base import TargetError, base_name
from . import ids
from .alike import Alike
from .baseline import Baseline
from .classes import ALL, UNTRACKED
from .crowd import crowds, large_sites
from .evidence import Evidence
from .finding import Finding
from .notices import notices
from .rule_set import RuleSet
from .stuck import Sought, Stuck, seek
from .verdicts import Judge, Settings, Verdict, moment

if TYPE_CHECKING:
    from .cost import Costs
    from .explained import Explained

CLEAN, BLIND, LEAKS = 0, 2, 3  # exit status
STATES_MAX = 64  # threads whose registers are read unasked


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
        threads = look.threads
        self.alike = Alike(self.stacks, threads.infos)
        rules.begin()
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
        large = large_sites(self.verdicts, settings.crowd)
        self.crowds = crowds(self.judge, large, settings.crowd) if settings.seek_crowds else []
        self.perhaps_crowds = [] if settings.seek_crowds else large
        self.evidence = Evidence(self.judge, self.crowds, self.stuck)
        self.findings = self._findings()
        self.leaked = [verdict for verdict in self.verdicts if verdict.decision.leaked]
        self.decisions = Counter(map(attrgetter("decision"), self.verdicts))
        self.notices = list(notices(self))
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
    def ran_s(self) -> Optional[float]:
        """Since the library came into the process; of a core, as long as it is known to have run."""
        copies = self.registry.copies
        if not copies:
            return None
        return max(0, self.at.now_ns - copies[0].header.start_monotonic_ns) / 1e9

    @property
    def program(self) -> str:
        """The name of its file; empty if that is not known."""
        return base_name(self.target.exe)

    def _findings(self) -> List[Finding]:
        """Those that concern threads of this report."""
        if not self.stuck.findings:
            return []
        mine = {info.kernel.tid for info in self.look.threads.infos if info.kernel is not None}
        return [
            each
            for each in self.stuck.findings
            if any(info.kernel is not None and info.kernel.tid in mine for info in each.threads)
        ]

    def by_class(self, leaked_only: bool = False) -> Dict[str, int]:
        counts = dict.fromkeys(ALL, 0)
        for decision, count in self.decisions.items():
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
