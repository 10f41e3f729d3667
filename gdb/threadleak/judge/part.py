# SPDX-License-Identifier: MIT
"""The part of a process that a check of its own is about: `threadleak verify`."""

from typing import NamedTuple, Optional, Set

from ..read.model import Copy
from ..read.threads import FINISHED, ThreadInfo, Threads
from ..target.base import TargetError


class Part(NamedTuple):
    scope: int = (
        0  # serial number: its threads, and those of scopes inside it; 0: whatever the scope
    )
    since: int = 1  # id of the first record
    checker: int = (
        0  # id of the thread that checks, which does not count; 0: the registry has it not
    )

    def of(self, threads: Threads, copy: Copy) -> Threads:
        """Without the main thread; untracked threads stay while they live, as belonging to nobody. TargetError if nothing is
        known of the scope."""
        scopes = self._scopes(copy)
        ids = copy.records.ids

        def counts(info: ThreadInfo) -> bool:
            if info.is_main or info.kind is None or info.copy is None:
                return not info.is_main and info.state != FINISHED
            is_inside = scopes is None or info.kind.scope in scopes
            id = ids[info.index]
            return is_inside and id >= self.since and id != self.checker

        return threads._replace(infos=list(filter(counts, threads.infos)))

    def begun_ns(self, copy: Copy) -> int:
        """0: when the process began."""
        found = (each for each in copy.scopes if each is not None and each.id == self.scope)
        scope = next(found, None) if self.scope else None
        return scope.begun_ns if scope is not None else 0

    def _scopes(self, copy: Copy) -> Optional[Set[int]]:
        """Indices of the scope and of those inside it; None: all."""
        if not self.scope:
            return None
        chains = {index: copy.scope_chain(index) for index in range(1, len(copy.scopes))}
        found = {
            index
            for index, chain in chains.items()
            if any(scope.id == self.scope for scope in chain)
        }
        if not found:
            raise TargetError(f"the registry has no scope {self.scope}")
        return found
