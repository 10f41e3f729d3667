# SPDX-License-Identifier: MIT
"""The command that `watch --exec` runs on an alarm.

The shell gets the user's own text and nothing else: whatever comes from the process goes by the environment.
"""

import os
import resource
import subprocess
import sys
from typing import Dict, List, Optional, Set, Tuple

from ..judge.alarms import Alarm
from ..show.sanitize import clean
from ..show.watch import sentence, where_of

SHELL = "/bin/sh"


class AlarmCommand:
    """Nobody waits for it until the end, so that looks stay regular. Of one place in one process it is run once."""

    def __init__(self, text: Optional[str], files: Tuple[int, int]):
        """`files`: its limits of open ones; ours are for many processes."""
        self._text = text
        self._files = files
        self._told: Set[Tuple[int, str]] = set()
        self._running: List["subprocess.Popen[bytes]"] = []

    def run(self, alarm: Alarm) -> None:
        key = (alarm.pid, where_of(alarm) or alarm.what)
        if self._text is None or key in self._told:
            return
        self._told.add(key)
        environment = {**os.environb, **variables(alarm)}
        # What it writes is no part of our output, which may be JSON.
        self._running.append(
            subprocess.Popen(
                [SHELL, "-c", self._text],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=sys.stderr,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, self._files),
            )
        )

    def finish(self) -> List[str]:
        """Waits for all; a sentence on each that failed."""
        statuses = [process.wait() for process in self._running]
        return [f"the command of --exec ended with status {each}" for each in statuses if each]


def variables(alarm: Alarm) -> Dict[bytes, bytes]:
    frame = alarm.frame
    values = {
        "ALARM": alarm.kind,
        "PID": str(alarm.pid),
        "PROCESS": alarm.process,
        "SITE": where_of(alarm) or alarm.what,
        "FUNCTION": (frame.function if frame is not None else None) or "",
        "FILE": (frame.file if frame is not None else None) or "",
        "LINE": str((frame.line if frame is not None else None) or ""),
        "THREADS": str(alarm.threads),
        "BEFORE": "" if alarm.before is None else str(alarm.before),
        "LOOKS": str(alarm.looks),
        "TEXT": sentence(alarm),
    }
    return {os.fsencode(f"THREADLEAK_{key}"): os.fsencode(clean(values[key])) for key in values}
