# SPDX-License-Identifier: MIT
"""The words and lines of the verify protocol, which verify.py tells."""

import os
import select
from contextlib import suppress
from typing import Dict, List, NamedTuple, Optional

from ..escapes import encoded
from ..judge.part import Part

PROTOCOL = "1"
PROCESS = "process"  # the title of what is no test
EXIT = "exit"  # what is checked: a process that is exiting
ALLOW_DETACHED, QUIET, STRICT = 0x1, 0x2, 0x4


class Request(NamedTuple):
    pid: int
    registry: int
    what: str  # "scope", "since" or EXIT
    part: Part
    title: str
    ask: int
    answer: int
    flags: int
    format: str
    output: Optional[str]  # the report is a document, in a file of its own
    rules: List[str]
    rule_texts: List[str]
    no_builtin: bool
    baseline: Optional[str]
    expect: Optional[int]
    patience_s: int  # for whoever reads the report; 0: it is an older library's, which says none


def parse(words: List[str]) -> Request:
    """ValueError, or KeyError, if this is no request. Keys that are not known are of a later library."""
    given: Dict[str, List[str]] = {}
    for word in words:
        key, _, value = word.partition("=")
        given.setdefault(key, []).append(value)
    last = {key: values[-1] for key, values in given.items()}
    if last["protocol"] != PROTOCOL:
        raise ValueError(f"version {last['protocol']} of the protocol")
    what, _, id = last["what"].partition(":")
    if what not in ("scope", "since", EXIT):
        raise ValueError(f"what={what}")
    part = Part(
        scope=int(id) if what == "scope" else 0,
        since=int(id) if what != "scope" and id else 1,
        checker=int(last["self"]),
    )
    return Request(
        pid=int(last["pid"]),
        registry=int(last["registry"], 16),
        what=what,
        part=part,
        title=last.get("title", "") or PROCESS,
        ask=int(last["ask"]),
        answer=int(last["answer"]),
        flags=int(last.get("flags", "0"), 0),
        format=last.get("format", "") or "text",
        output=last.get("output") or None,
        rules=list(filter(None, given.get("rules", []))),
        rule_texts=given.get("ruletext", []),
        no_builtin=last.get("no_builtin") == "1",
        baseline=last.get("baseline") or None,
        expect=int(last["expect"]) if last.get("expect") else None,
        patience_s=int(last.get("patience", "0")),
    )


class Answer:
    """Lines to the library; one that has gone away ends this process by SIGPIPE."""

    def __init__(self, file: int):
        self._file = file

    def send(self, lines: List[str]) -> None:
        write(self._file, "".join(line + "\n" for line in lines))

    def blind(self, reason: str) -> None:
        self.send([f"blind {escaped(reason)}"])

    def unread(self, reason: str) -> None:
        self.send([f"unread {escaped(reason)}"])


def escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def write(file: int, text: str, patience_s: int = 0) -> None:
    """All of it, also where the file does not block: whoever we are started by may have made it so. TimeoutError:
    nobody took anything for so long, and what was taken by then is written; 0: there is no limit.
    """
    data = memoryview(encoded(text))
    while data:
        if not select.select([], [file], [], patience_s or None)[1]:
            raise TimeoutError
        with suppress(BlockingIOError):  # another writer was faster
            # what is ready takes so much without blocking, if it is a pipe (pipe(7))
            data = data[os.write(file, data[: select.PIPE_BUF]) :]
