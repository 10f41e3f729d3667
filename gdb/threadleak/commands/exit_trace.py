# SPDX-License-Identifier: MIT
"""`threadleak exit-trace KEY=VALUE...`: what the library starts at the exit of a process that has the option trace=FILE.

Not for people, as `threadleak verify` is not. The process waits meanwhile, and is not stopped. On the command line:

    protocol=1  pid=PID  registry=0xADDR
    rules=FILE...  no_builtin=1
    output=FILE     as the option says it: %p is the pid, %% a percent sign; where FILE exists, another one is made
    answer=FD       this end of a pipe, on which one line is answered, \\ and newline in it as \\\\ and \\n:
        written FILE [: NOTE]
        blind REASON
"""

import gc
import os
from typing import Dict, List, NamedTuple, Tuple

from ..escapes import readable
from ..judge.rule_set import load_all
from ..judge.rules import RuleError
from ..judge.verdicts import AUTO, Settings
from ..target.base import TargetError
from .new_file import new_file
from .options import USAGE
from .session import Session
from .targets import Named, Opened
from .verify_lines import PROTOCOL, Answer, escaped

NAME = "exit-trace"


class Request(NamedTuple):
    pid: int
    registry: int
    output: str
    rules: List[str]
    no_builtin: bool


def main(words: List[str]) -> int:
    gc.disable()
    try:
        answer, request = _parse(words)
    except (KeyError, ValueError) as error:
        os.write(2, f"threadleak {NAME}: is started by the library alone ({error})\n".encode())
        return USAGE
    try:
        answer.send([f"written {escaped(write(request))}"])
    except OSError as error:
        answer.blind(f"{readable(request.output)} cannot be written: {error.strerror}")
    except (RuleError, TargetError) as error:
        answer.blind(str(error))
    except Exception as error:  # whatever it is, the program has to hear of it
        answer.blind(f"the engine failed: {type(error).__name__}: {error}")
    return 0


def _parse(words: List[str]) -> Tuple[Answer, Request]:
    """ValueError, or KeyError, if this is no request."""
    given = dict(word.partition("=")[::2] for word in words)
    if given["protocol"] != PROTOCOL:
        raise ValueError(f"version {given['protocol']} of the protocol")
    pid, rules = int(given["pid"]), [word[6:] for word in words if word.startswith("rules=")]
    return Answer(int(given["answer"])), Request(
        pid,
        int(given["registry"], 16),
        named(given["output"], pid),
        list(filter(None, rules)),
        given.get("no_builtin") == "1",
    )


def named(path: str, pid: int) -> str:
    found: Dict[str, str] = {"%p": str(pid), "%%": "%"}
    parts, at = [], 0
    while at < len(path):
        part = found.get(path[at : at + 2])
        parts.append(path[at] if part is None else part)
        at += 1 if part is None else 2
    return "".join(parts)


def write(request: Request) -> str:
    """The file that was made."""
    from ..show.trace import Trace
    from .trace import BUFFER, notes, record

    with Opened(Named(str(request.pid), pid=request.pid)) as opened:
        session = Session(opened.again, lambda: None)
        rules = load_all(request.rules, with_builtin=not request.no_builtin)
        how = Settings(at_end=True, waits=AUTO)
        report = session.judge(request.registry, how, rules)
        found = record(report)
        fd, made = new_file(request.output)
        with open(fd, "w", encoding="ascii", buffering=BUFFER) as file:
            file.writelines(Trace(report, found).chunks())
    return ": ".join([readable(made), *notes(report, found)])
