# SPDX-License-Identifier: MIT
"""The waits of a report's threads, read when they are first asked for, and what is said of them."""

from typing import TYPE_CHECKING, List, Optional

from ..read.glibc import Glibc, glibc_of
from ..read.threads import ThreadInfo
from ..read.waits import Waits
from ..target.base import Target, TargetError
from .classes import OUTLIVED, STUCK, UNJOINED
from .creator import creator_sentence
from .ends import how_to_end
from .explanation import Explainer, Explanation
from .verdicts import Verdict
from .waiting import Waiting

if TYPE_CHECKING:
    from .report import Report


class Explained:
    def __init__(self, report: "Report"):
        self._report = report
        self._evidence = report.evidence
        self.waits = Waits(report.target, report.stacks, known_glibc(report.target))
        infos = [verdict.thread for verdict in report.verdicts]
        self.waiting = Waiting(infos, self.waits, not report.target.moves)
        self.explainer = Explainer(report.target, self.waiting, report.name_of, self._began)

    def of(self, verdict: Verdict) -> Optional[Explanation]:
        """None: there is nothing to say of what it waits for, nor of who waits for it."""
        thread = verdict.thread
        is_proven = verdict.class_ == STUCK
        found = self.explainer.of(thread, is_proven)
        if found is not None:
            return found._replace(sentences=found.sentences + self._ends(verdict))
        waits = self._evidence.wait(verdict) or ""
        hanging: List[str] = list(self.explainer.hanging(thread))
        if verdict.class_ == UNJOINED and not verdict.waiting:
            made = creator_sentence(self._report, verdict)
            hanging = [made, *hanging] if made is not None else hanging
        return Explanation(waits, hanging, is_proven) if waits or hanging else None

    def _ends(self, verdict: Verdict) -> List[str]:
        """How a thread that should have ended can be told to."""
        wait = self.waiting.of(verdict.thread) if verdict.class_ == OUTLIVED else None
        if wait is None:
            return []
        is_alone = self.waiting.is_whole and len(self.waiting.at(wait.object)) == 1
        said = how_to_end(wait, self.explainer.object_name, is_alone)
        return [said] if said is not None else []

    def _began(self, info: ThreadInfo) -> str:
        return self._evidence.join_began(info)


def known_glibc(target: Target) -> Optional[Glibc]:
    try:
        return glibc_of(target)
    except TargetError:
        return None
