# SPDX-License-Identifier: MIT
"""CMD as our child, checked at its exit by the library in it, as is whatever it starts: what is said of all of
them in the end, and the exit status."""

import argparse
import os
import shlex
import signal
import sys
from typing import TYPE_CHECKING, Container, List, Optional

from ..judge.programs import HANGS, STILL_RUNS, Program, Programs
from ..target import elf
from ..target.base import TargetError
from ..target.family import have_in_environment
from .command_line import Outcome
from .kernel_core import kernel_core
from .preload import NOT_EXECUTABLE, Environment, execute, option, with_options
from .results import Results
from .run_report import RunReport
from .supervise import Deadline, Ended, Listener, allow_core_files, end_as, supervise

if TYPE_CHECKING:
    from ..judge.rule_set import RuleSet
    from .exit_look import CoreOfLeaky
    from .exits import Exits

UNNAMED = "CORE"
HUNG = 124  # exit status, as timeout(1) has it
UNHEARD = "told nothing: it is without the library (is LD_PRELOAD kept?), or in another network namespace with another /tmp"


class CheckedRun:
    def __init__(
        self, path: str, command: List[str], why: Optional[str], options: argparse.Namespace
    ):
        self._path = path
        self._command = command
        self._why = why  # it cannot be preloaded
        self._options = options
        self._baseline = None if options.update_baseline else options.baseline
        self._programs = Programs(options.only, self._baseline)
        self._results = Results(self._programs)
        self._report = RunReport(self._programs, options)
        self._cores: "Optional[CoreOfLeaky]" = None
        self._written: Container[int] = ()  # of which processes there is a core file of their exit
        self._exits = self._exits_looked_at() if options.core_on_leak else None

    def run(self, environment: Environment) -> Outcome:
        options = self._options
        listeners: List[Listener] = [each for each in (self._exits, self._results) if each]
        deadline = None
        if options.timeout is not None:
            deadline = Deadline(options.timeout, self._hangs)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # what is ours in TMPDIR is to be removed
        with self._report, self._results:
            environment = with_options(environment, options.options)
            environment = with_options(environment, ":".join(self._library_options()))
            ended = supervise(lambda: self._begin(environment), listeners, deadline)
            is_hung = deadline is not None and deadline.has_passed
            if self._cores is not None:
                self._cores.end()
            if options.core_on_leak and not is_hung:
                self._tell_of_core(ended.pid, ended.status)
            if not options.no_check:
                self._settle_accounts(ended)
                self._report.end()
        if is_hung:
            return Outcome("", HUNG)
        own = end_as(ended.status)
        if options.update_baseline:
            return self._update_baseline(own)
        return Outcome(
            "", own or (0 if options.no_check else self._programs.status(options.exitcode))
        )

    def _update_baseline(self, own: int) -> Outcome:
        from .known import updated_by_run

        try:
            said, status = updated_by_run(self._programs, self._report.reports, own, self._options)
        except TargetError as error:
            if own == 0:
                raise
            said, status = str(error), own
        self._report.say(said)
        return Outcome("", status)

    def _begin(self, environment: Environment) -> int:
        """In the child."""
        if self._options.core_on_leak:
            allow_core_files()
        outcome = execute(self._path, self._command, environment)
        sys.stderr.write(f"threadleak: {outcome.error}\n")
        sys.stderr.flush()
        return outcome.status

    def _library_options(self) -> List[str]:
        options = self._options
        given = [f"exit_socket={self._exits.name}"] if self._exits is not None else []
        if options.no_check:
            return given
        given += ["at_exit=check", option("result_socket", self._results.address)]
        given += self._report.library_options()
        if options.only:
            given.append(option("only", ",".join(options.only)))
        exitcode = 0 if options.update_baseline else options.exitcode  # the command goes on
        if exitcode != 3:
            given.append(f"exitcode={exitcode}")
        if options.allow is not None:
            given.append(f"allow={options.allow}")
        if options.settle_ms is not None:
            given.append(f"settle_ms={options.settle_ms}")
        if options.strict:
            given.append("strict=1")
        if options.no_builtin:
            given.append("no_builtin=1")
        files = [("rules", path) for path in options.rules]
        if self._baseline is not None:
            files.append(("baseline", self._baseline))
        for name, path in files:
            given.append(option(name, os.path.abspath(path)))  # whoever reads it may be elsewhere
        return given

    def _exits_looked_at(self) -> "Exits":
        from .exit_look import CoreOfLeaky, ExitLook
        from .exits import Exits

        if not self._options.no_check:
            self._cores = CoreOfLeaky(self._leaked, self._report.say)
            self._written = self._cores.written
            return Exits(self._cores.look)
        return Exits(ExitLook(self._rules(), self._report.say).look)

    def _rules(self) -> "RuleSet":
        from ..judge.rule_set import load_all

        return load_all(self._options.rules, with_builtin=not self._options.no_builtin)

    def _leaked(self, pid: int) -> Optional[int]:
        """None: it found some when its exit began, which is not over."""
        self._results.take()  # it told before it was held
        program = self._programs.latest(pid)
        if program is None or (program.checked is None and not program.why):
            return 0
        return None if program.checked is None else program.checked.leaked

    def _hangs(self, pid: int) -> None:
        from . import hang

        name, seconds = self._results.name, self._options.timeout
        mark = name if self._exits is None else self._exits.name
        self._report.say(f"{self._command[0]} still runs after {seconds:g} s")
        why, judging = HANGS.format(seconds), self._judging()
        try:
            for each in hang.look(hang.still_there(pid, mark), self._written, judging):
                self._report.hangs(each)
                is_judged = not self._options.only or self._programs.latest(each.pid) is not None
                if is_judged and not self._options.no_check:
                    program = self._programs.hangs(each.pid, each.path, why, each.leaked)
                    program.command = each.command
        finally:
            hang.end(pid, mark)

    def _judging(self) -> List[str]:
        """Options of other subcommands that say which threads are expected."""
        found = [f"--rules={path}" for path in self._options.rules]
        found += ["--no-builtin"] if self._options.no_builtin else []
        return found + ([f"--baseline={self._baseline}"] if self._baseline is not None else [])

    def _tell_of_core(self, pid: int, status: int) -> None:
        core = kernel_core(pid, status)
        if core is not None:
            self._report.say(
                f"{self._command[0]} died, and left {core}; `threadleak list {_word(core, pid)}` opens it"
            )

    def _settle_accounts(self, ended: Ended) -> None:
        """Why nothing more was heard of those that were to be checked."""
        programs = self._programs
        left = [each for each in programs.unchecked() if not each.why and each.pid != ended.pid]
        running = set(have_in_environment(self._results.name.encode())) if left else set()
        for each in left:
            each.why = STILL_RUNS if each.pid in running else ""
        program = programs.latest(ended.pid)
        if program is None and not programs.only:
            why = self._why or _why_unheard(ended.status)
            if why:
                programs.blind(ended.pid, self._path, why)
        elif program is not None and program.checked is None and not program.why:
            program.why = _why_unchecked(program, ended)


def _why_unheard(status: int) -> str:
    """Nothing where nobody takes it for clean: it could not be run, or was ended, be it before it could tell."""
    if os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == NOT_EXECUTABLE:
        return ""
    return f"it {UNHEARD}"


def _why_unchecked(program: Program, ended: Ended) -> str:
    """One that told that it began; "": it does not matter."""
    if os.WIFSIGNALED(ended.status):
        return _why_died(ended) if program.creates else ""
    if program.comm and ended.comm not in ("", program.comm):
        return f"it became {ended.comm} by exec, which {UNHEARD}"
    return "it ended by _exit, without a check" if program.creates else ""


def _why_died(ended: Ended) -> str:
    """Of an abort with what is behind it most often where there are threads, and how to know."""
    number = os.WTERMSIG(ended.status)
    if number != signal.SIGABRT:
        return f"it died of {_name(number)}"
    core = kernel_core(ended.pid, ended.status)
    word = UNNAMED if core is None else _word(core, ended.pid)
    tells = f"`threadleak check --at-end {word}` names it"
    if core is None:
        tells = f"`ulimit -c unlimited`, then {tells}"
    elif word == UNNAMED:
        tells += f", {word} is {core}"
    return (
        "it died of SIGABRT, as a std::thread that is neither joined nor detached ends its program:"
        f" {tells}"
    )


def _word(core: str, pid: int) -> str:
    """What the shell is given for a core, where that is known: a program may have died in another folder, and an older
    core have such a name here."""
    try:
        if elf.is_core(core) and elf.Core(core).pid() == pid:
            return shlex.quote(core)
    except TargetError:
        pass
    return UNNAMED


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # of the real-time ones two have names
        return f"signal {number}"
