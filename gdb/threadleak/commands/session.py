# SPDX-License-Identifier: MIT
"""What lasts from one subcommand to the next: the rules, and the look at a target that has not changed."""

import argparse
from contextlib import suppress
from typing import Any, Callable, Collection, List, Optional, Tuple

from ..judge import baseline
from ..judge.report import Report
from ..judge.rule_set import RuleSet, load_all
from ..judge.rules import Rule
from ..judge.stuck import Sought, seek
from ..judge.verdicts import Settings
from ..read.descriptor import Descriptor
from ..read.look import Look, compared, look, look_at
from ..read.stacks import Stacks
from ..show.style import PLAIN, Style
from ..target.base import Target, TargetError
from .options import settings


class Session:
    """`open_target` gives the target as it is now, `generation` a value that differs once it has changed. `before`: what
    settled() told of the process before it was stopped for this."""

    def __init__(
        self,
        open_target: Callable[[], Target],
        generation: Callable[[], Any] = object,
        style: Callable[[], Style] = lambda: PLAIN,
        before: Optional[Collection[Descriptor]] = None,
    ):
        self.rules: List[Rule] = []
        self._open = open_target
        self._generation = generation
        self._style = style
        self._before = before
        self._seen: Any = None
        self._target: Optional[Target] = None
        self._look: Optional[Tuple[Optional[int], Look]] = None
        self._taken: Optional[Look] = None  # at a process that went on afterwards
        self._sought: Optional[Sought] = None  # in that

    def style(self, options: argparse.Namespace) -> Style:
        """Files are not styled."""
        return self._style() if options.output is None else PLAIN

    def target(self) -> Target:
        now = self._generation()
        if self._target is None or now != self._seen:
            self._target, self._look, self._seen = self._open(), None, now
        return self._target

    def look(self, address: Optional[int] = None) -> Look:
        """With the registry that lies at `address`, or that is found."""
        self.target()
        if self._look is not None and self._look[0] == address:
            return compared(self._look[1])
        taken, self._taken = self._taken, None
        if taken is None:
            taken = look(self._opened_once(), address)
        self._target, self._look = taken.target, (address, taken)
        return taken

    def read_at_once(self, address: Optional[int], frames: int, waits: str) -> None:
        """Registry, threads, those that are stuck and, unless `frames` is 0, stacks of a process that was stopped for
        this, which then goes on. Whatever takes time, and no memory that changes, comes after that.
        """
        target = self.target()
        with suppress(TargetError):
            self._taken = look_at(target, address, self._before)
            self._sought = seek(self._taken, Stacks(target, self._taken.registry.copies), waits)
        if frames:
            target.read_stacks(frames)
        target.release()

    def _opened_once(self) -> Callable[[], Target]:
        """Gives the target that is open already, and then new ones, which close the one before."""
        first = [self.target()]
        return lambda: first.pop() if first else self._anew()

    def _anew(self) -> Target:
        self._target = None
        self._target = self._open()
        return self._target

    def report(self, options: argparse.Namespace, with_baseline: bool = True) -> Report:
        rules = load_all(options.rules, session=self.rules, with_builtin=not options.no_builtin)
        known = baseline.load(options.baseline) if options.baseline and with_baseline else None
        return self.judge(options.registry, settings(options), rules, known)

    def judge(
        self,
        address: Optional[int],
        how: Settings,
        rules: RuleSet,
        known: Optional[baseline.Baseline] = None,
    ) -> Report:
        return Report(self.look(address), how, rules, known, sought=self._sought)
