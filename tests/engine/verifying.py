# SPDX-License-Identifier: MIT
"""Checks of the engine's side of the verify protocol, without a process."""

import os
from typing import Any, Iterable, List, NamedTuple, Type

import pytest
from image import MAIN, MS, PID, REGISTRY, T0, FakeTarget, FakeThread, image, scope
from threadleak.commands.verify import Check
from threadleak.commands.verify_lines import Answer, parse
from threadleak.read import abi

ENDED = abi.STARTED | abi.FINISHED
DETACHED = abi.STARTED | abi.DETACHED
SCOPES = [
    scope(11, b"Pool.Restart", begun_ns=T0 + 1000 * MS),
    scope(12, b"inner", parent=1),
    scope(13, b"other"),
]
TEST, INNER, OTHER = 1, 2, 3
LATER = T0 + 5000 * MS


class Said(NamedTuple):
    lines: List[str]
    report: str

    @property
    def last(self) -> str:
        return self.lines[-1]

    @property
    def headline(self) -> str:
        return self.lines_of("message")[0]

    def lines_of(self, verb: str) -> List[str]:
        return [line[len(verb) + 1 :] for line in self.lines if line.split(" ", 1)[0] == verb]


class Checks:
    """Checks of a process with these records, until the report is out."""

    def __init__(self, capfd: "pytest.CaptureFixture[str]"):
        self._capfd = capfd

    def __call__(
        self,
        records: Iterable[bytes],
        *words: str,
        more_threads: int = 0,
        wanted: bytes = b"report\n",
        target: Type[FakeTarget] = FakeTarget,
        **header: Any,
    ) -> Said:
        records = [MAIN, *records]
        alive = [abi.RECORD.one(data) for data in records]
        threads = [FakeThread(r.tid, r.pthread) for r in alive if not r.state & abi.FINISHED]
        threads += [FakeThread(9000 + number, 0x1000) for number in range(more_threads)]
        header.setdefault("scopes", SCOPES)
        memory = image(records, **header)
        ask, answer = os.pipe(), os.pipe()
        os.write(ask[1], wanted)
        os.close(ask[1])
        request = parse(
            ["protocol=1", f"pid={PID}", f"registry={REGISTRY:#x}", "self=1", "what=scope:11"]
            + ["title=Pool.Restart", f"ask={ask[0]}", f"answer={answer[1]}", *words]
        )
        try:
            Check(request, Answer(answer[1]), lambda: target(memory, threads, LATER)).run()
        finally:
            os.close(answer[1])
            with os.fdopen(answer[0], encoding="utf-8") as file:
                lines = file.read().splitlines()
            os.close(ask[0])
        return Said(lines, self._capfd.readouterr().out)
