# SPDX-License-Identifier: MIT
"""`threadleak verify KEY=VALUE...`: what the library starts when a check has found threads that may have leaked.

Not for people, so it stands in no help and has no options; the program that is checked waits meanwhile, so
nothing is imported here that is not needed. Version 1 of the protocol (helper/runtime/engine.h), on the command line:

    protocol=1  pid=PID  registry=0xADDR  self=ID       the thread that checks, by the id of its record; 0: none
    what=scope:ID | since:ID | exit:ID                  serial numbers; threads of scopes inside count; since:1: all
    title=TEXT                                          of the scope; or "process"
    ask=FD  answer=FD                                   this end of two pipes
    flags=N                                             ALLOW_DETACHED, QUIET, STRICT, as in threadleak.h
    format=text|json|junit|tap|github|sarif|html|json+html
    output=FILE                                         for a document, in a file of its own; else standard output
    rules=FILE...  ruletext=TEXT  baseline=FILE         of the options; of the call, newlines inside; of the options
    no_builtin=1                                        without the built-in rules
    expect=N                                            so many leaks are announced
    patience=SECONDS                                    that whoever reads the report may let us wait

and then, in lines whose texts have \\ and newline escaped as \\\\ and \\n:

    to the library, after the first look:
        rule NUMBER FLAGS TEXT      numbers from 1; FLAGS: those of threadleak_rule
        expected ID NUMBER          to be marked with that rule; 0: with none any more
        site INDEX NUMBER START     the same for whatever is created there to begin in that routine
        classified LEFT             how many leaked as it looks now
    from the library, once threads had the time to end:
        report                      or the end of the pipe: all is well, and this process exits
        hold                        as `report`, but nothing is printed: verify_held.py tells how it goes on
    to the library:
        message TEXT                the first lines of the report, at most 2 KiB
        reported A-B                the threads with these ids are in the report; not of a process that is exiting
        leaked N | blind REASON | unread REASON     and this process exits

`blind` (it cannot be told) and `unread` (the process cannot be read, so that the library's own plain report has to do)
may come at any time, and are the last line. The process is read without being stopped.
"""

import gc
import os
from typing import TYPE_CHECKING, Callable, Container, Iterable, List, Set

from ..judge.classes import UNJOINED
from ..judge.rule_set import load_all
from ..judge.rules import RuleError
from ..judge.verdicts import ALWAYS, AUTO, Judge, Occasion, Settings, Verdict, moment
from ..read.look import Look, look
from ..read.stacks import Stacks
from ..target.base import Target, TargetError
from ..target.native import NativeTarget
from .verify_lines import ALLOW_DETACHED, EXIT, PROCESS, STRICT, Answer, Request, parse
from .verify_marks import Marks

if TYPE_CHECKING:
    from ..judge.baseline import Baseline
    from ..judge.report import Report

NAME = "verify"
TITLE_WIDTH = 100
USAGE = 64


def main(words: List[str]) -> int:
    gc.disable()
    try:
        request = parse(words)
    except (KeyError, ValueError) as error:
        os.write(2, f"threadleak verify: is started by the library alone ({error})\n".encode())
        return USAGE
    answer = Answer(request.answer)
    try:
        Check(request, answer, lambda: NativeTarget.of_process(request.pid)).run()
    except RuleError as error:
        answer.blind(str(error))
    except TargetError as error:
        answer.unread(str(error))
    except Exception as error:  # whatever it is, it cannot be told, and the program has to hear so
        answer.blind(f"the engine failed: {type(error).__name__}: {error}")
    return 0


class Check:
    """`open_target` gives the process as it is now."""

    def __init__(self, request: Request, answer: Answer, open_target: Callable[[], Target]):
        self.request = request
        self.answer = answer
        self.of_call = load_all(texts=request.rule_texts).given
        self.rules = load_all(
            request.rules, session=self.of_call, with_builtin=not request.no_builtin
        )
        self.baseline = _load(request.baseline) if request.baseline else None
        self._open = open_target
        self._waits = AUTO

    def run(self) -> None:
        stacks = self._classify()
        word = self._next_word()
        if word == b"report\n":
            self._report(stacks)
        elif word == b"hold\n":
            self._hold(stacks)

    def _look(self) -> Look:
        taken = look(self._open, self.request.registry)
        part = self.request.part.of(taken.threads, taken.registry.copies[0])
        return taken._replace(threads=part, others=taken.threads.infos)

    def _settings(self) -> Settings:
        allow_detached = bool(self.request.flags & ALLOW_DETACHED)
        strict = bool(self.request.flags & STRICT)
        return Settings(True, allow_detached, 0, self._occasion(), strict, waits=self._waits)

    def _occasion(self) -> Occasion:
        title = self.request.title[:TITLE_WIDTH]
        if self.request.what == EXIT:
            return Occasion(" although the process is exiting", "before the process ends")
        if title == PROCESS:
            return Occasion(" at the check of the process", "before the check")
        return Occasion(f" although the test `{title}` is over", "before the test ends")

    def _classify(self) -> Stacks:
        taken = self._look()
        now_ns = taken.target.now_ns()
        stacks = Stacks(taken.target, taken.registry.copies)
        at = moment(taken.registry, now_ns, self._settings())
        judge = Judge(at, stacks, self.rules)
        verdicts = judge.judge_all(taken.threads.infos)
        if not any(verdict.leaked for verdict in verdicts):
            self._waits = ALWAYS  # whatever it costs: green only of what was looked at
        stuck = _stuck_among(verdicts, taken, stacks, self._waits)
        if stuck:
            self.rules.begin()
            judge = Judge(at, stacks, self.rules)
            verdicts = judge.judge_all(taken.threads.infos, stuck)
        marks = Marks(taken.registry.copies[0])
        marks.of_rules(verdicts, self.of_call)
        if self.baseline is not None:
            marks.of_baseline(self.baseline, self.baseline.apply(verdicts, judge.values))
        lines = marks.lines()
        left = sum(each.leaked or each.decision.untold is not None for each in verdicts)
        self.answer.send([*lines, f"classified {left}"])
        return stacks

    def _next_word(self) -> bytes:
        line = b""
        while not line.endswith(b"\n"):
            data = os.read(self.request.ask, 64)
            if not data:
                return b""
            line += data
        return line

    def _report(self, earlier: Stacks) -> None:
        from .verify_report import tell

        tell(self.request, self.answer, self._whole(earlier))

    def _hold(self, earlier: Stacks) -> None:
        from .verify_held import Held

        Held(self, self._whole(earlier)).run()

    def _whole(self, earlier: Stacks) -> "Report":
        from ..judge.report import Report

        return Report(self._look(), self._settings(), self.rules, self.baseline, earlier)

    def ids_now(self) -> Set[int]:
        """Of the threads that the registry has, as the process is now."""
        taken = self._look()
        ids = taken.registry.copies[0].records.ids
        return {ids[info.index] for info in taken.threads.infos if info.kind is not None}


def _stuck_among(
    verdicts: Iterable[Verdict], taken: Look, stacks: Stacks, when: str
) -> Container[int]:
    """Their tids, looked for where something but for that expects a thread that is alive."""
    if not any(each.expected_by and each.class_ != UNJOINED for each in verdicts):
        return frozenset()
    from ..judge.stuck import seek

    return seek(taken, stacks, when).found.tids


def _load(path: str) -> "Baseline":
    from ..judge import baseline  # by few

    return baseline.load(path)
