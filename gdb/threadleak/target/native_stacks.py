# SPDX-License-Identifier: MIT
"""The stacks that threads have now, as the probe reads them: each distinct one once."""

from typing import Dict, List, Sequence, Tuple

from . import probe_abi as abi
from .base import EXACT, RETURN, CurrentStack
from .probe import Probe

MANY = 8  # threads that are unwound one by one; for more, all of them cost hardly more
_ENDS = {
    abi.COMPLETE: "",
    abi.CUT: "no unwind rule for the last frame, or its memory cannot be read",
    abi.RUNS: "it runs: only a stop (--stop) would show where",
    abi.MOVED: "it ran on each time that its stack was read: only a stop (--stop) would show it",
    abi.GONE: "it has ended meanwhile",
}
_UNTOLD = "the kernel does not tell what it does: /proc/PID/task/TID/syscall cannot be read"


class NativeStacks:
    def __init__(self, probe: Probe):
        self._probe = probe
        self._distinct: List[CurrentStack] = []
        self._states: Sequence[int] = probe.thread_column("state")  # these two as they are now
        self._known: Sequence[int] = probe.thread_column("stack")
        self._cut: Dict[
            int, int
        ] = {}  # number from 1 of a stack that has more frames -> those it has

    def close(self) -> None:
        """Before the probe is, whose memory the columns are."""
        self._states = self._known = ()

    def of(self, indices: Sequence[int], limit: int) -> List[CurrentStack]:
        """Of threads by their numbers."""
        limit = max(1, min(limit, abi.FRAMES_MAX))
        known, short = self._known, {0}  # numbers of stacks; 0: none yet
        short.update(number for number, size in self._cut.items() if size < limit)
        wanted = [index for index in indices if known[index] in short]
        if wanted:
            self._unwind(wanted if len(wanted) <= MANY else [abi.ALL], limit)
        gone = CurrentStack((), _ENDS[abi.GONE])
        shown = {0: gone}
        for number in set(known[index] for index in indices) - {0}:
            shown[number] = _shortened(self._distinct[number - 1], limit)
        still = {number for number, stack in shown.items() if stack.end == _ENDS[abi.RUNS]}
        if not still:
            return [shown[known[index]] for index in indices]
        untold = CurrentStack((), _UNTOLD)
        return [
            untold
            if known[index] in still and self._states[index] == abi.ALIVE
            else shown[known[index]]
            for index in indices
        ]

    def read(self, limit: int) -> None:
        """Of all threads."""
        self._unwind([abi.ALL], max(1, min(limit, abi.FRAMES_MAX)))

    def _unwind(self, indices: Sequence[int], limit: int) -> None:
        for index in indices:
            self._probe.unwind(index, limit)
        for frames, end in self._probe.stacks(len(self._distinct)):
            self._distinct.append(self._stack(frames, end))
            if end == abi.LIMIT:
                self._cut[len(self._distinct)] = len(frames)

    def _stack(self, frames: Tuple[int, ...], end: int) -> CurrentStack:
        exact = abi.EXACT
        pairs = tuple((pc & ~exact, EXACT if pc & exact else RETURN) for pc in frames)
        sentence = _only_first(len(pairs)) if end == abi.LIMIT else _ENDS.get(end, "unknown")
        return CurrentStack(pairs, sentence)


def _only_first(count: int) -> str:
    return f"only the first {count} frames"


def _shortened(stack: CurrentStack, limit: int) -> CurrentStack:
    if len(stack.frames) <= limit:
        return stack
    return CurrentStack(stack.frames[:limit], _only_first(limit))
