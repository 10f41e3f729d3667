# SPDX-License-Identifier: MIT
"""One look of GDB at a program, and how it is taken apart."""

import json
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

from run_gdb import Run, run_gdb
from workshop import Program, Workshop

SETTLED = "--settle-ms 0"  # so that nothing depends on how long ago a thread finished


class Look(NamedTuple):
    """How GDB comes to see a program."""

    core: bool
    with_program: bool = True
    preload: Optional[str] = None  # see Workshop.start

    def arguments(self, workshop: Workshop, program: Program, **how: Any) -> List[str]:
        if self.preload is not None:
            how["preload"] = self.preload
        if not self.core:
            return ["-p", str(workshop.live(program, **how).pid)]
        core = workshop.core(program, **how)
        return [program.path, core] if self.with_program else ["-c", core]


LIVE = Look(core=False)
CORE = Look(core=True)
CORE_ALONE = Look(core=True, with_program=False)


def run_checked(arguments: Sequence[str], *commands: str, **how: Any) -> Run:
    """Commands, and `check --exit` at the end, whose status is the run's."""
    return run_gdb(*arguments, commands=[*commands, f"threadleak check --exit {SETTLED}"], **how)


def read_json(arguments: Sequence[str], options: str = "--all", **how: Any) -> Dict[str, Any]:
    """What `list --format json` says."""
    command = f"threadleak list --format json {SETTLED} {options}"
    return document(run_gdb(*arguments, commands=[command], **how).outputs[0])


def document(text: str) -> Dict[str, Any]:
    shown = json.loads(text)
    assert shown["schema"] == "threadleak/1"
    return shown  # type: ignore[no-any-return]


def by_name(shown: Dict[str, Any]) -> Dict[str, Dict[str, Any]]:
    """The threads; of several with one name, a list is needed, so there must be but one."""
    threads = {thread["name"]: thread for thread in shown["threads"]}
    assert len(threads) == len(shown["threads"]), [thread["name"] for thread in shown["threads"]]
    return threads


def own_frame(thread: Dict[str, Any]) -> Dict[str, Any]:
    """The frame of the user's own code."""
    return thread["creation_stack"][thread["own_frame"]]  # type: ignore[no-any-return]


def functions(thread: Dict[str, Any]) -> List[Optional[str]]:
    return [frame["function"] for frame in thread["creation_stack"]]
