# SPDX-License-Identifier: MIT
"""NativeTarget over a probe that is made up: what the engine is told, whatever the probe answers."""

from typing import Any, Dict, List, Optional, Sequence, Tuple

import pytest
from threadleak.target import probe_abi as probe
from threadleak.target.base import EXACT, RETURN, START, CurrentStack, Frame, TargetError, Thread
from threadleak.target.native import NativeTarget

TOP = probe.EXACT
DEEP = (0x100 | TOP, *range(0x200, 0x264))  # 101 frames


class FakeProbe:
    """Threads 10, 11 and so on; `stacks`: (frames, end) of each."""

    def __init__(self, stacks: Sequence[Tuple[Tuple[int, ...], int]], **info: Any):
        count = len(stacks)
        self._info = {"kind": probe.PROCESS, "pid": 10, "own_pid": 0, "program": "/srv/server"}
        self._info.update(info)
        self._wanted = stacks
        self.columns = {"tid": [*range(10, 10 + count)], "own_tid": [*range(1, 1 + count)]}
        self.columns.update(state=[0] * count, stack=[0] * count)
        self.pthreads = [0] * count
        self.looks: Dict[int, Tuple[int, int]] = {}  # index -> state and pthread that a look finds
        self.known: List[Tuple[Tuple[int, ...], int]] = []
        self.calls: List[Tuple[Any, ...]] = []
        self.mapped: List[probe.Module] = []

    def info(self) -> probe.Info:
        fields = {**dict.fromkeys(probe.Info._fields, 0), "command": None, **self._info}
        return probe.Info(**fields)  # type: ignore[arg-type]

    def thread_column(self, name: str) -> List[int]:
        return self.columns[name]

    def look(self, index: int) -> bool:
        self.calls.append(("look", index))
        if index not in self.looks:
            return False
        self.columns["state"][index], self.pthreads[index] = self.looks[index]
        return True

    def pthread(self, index: int) -> int:
        if not self.pthreads[index]:
            self.look(index)
        return self.pthreads[index]

    def unwind(self, index: int, limit: int) -> bool:
        self.calls.append(("unwind", index, limit))
        for each in range(len(self._wanted)) if index == probe.ALL else [index]:
            frames, end = self._wanted[each]
            if len(frames) > limit:
                frames, end = frames[:limit], probe.LIMIT
            if (frames, end) not in self.known:
                self.known.append((frames, end))
            self.columns["stack"][each] = self.known.index((frames, end)) + 1
        return True

    def stacks(self, first: int) -> List[Tuple[Tuple[int, ...], int]]:
        return self.known[first:]

    def read(self, address: int, size: int) -> bytes:
        return b"abcdef"[:size]

    def symbolize(self, pc: int, flags: int) -> List[Tuple[str, Optional[str], Optional[int]]]:
        self.calls.append(("symbolize", pc, flags))
        return [("inner", "a.h", 3), ("outer", None, None)] if pc == 0x200 else []

    def modules(self) -> List[probe.Module]:
        return self.mapped

    def close(self) -> None:
        self.calls.append(("close",))


def target(*stacks: Tuple[Tuple[int, ...], int], **info: Any) -> Tuple[NativeTarget, FakeProbe]:
    made = FakeProbe(stacks, **info)
    seen = NativeTarget(made, None, None)  # type: ignore[arg-type]
    seen._maps = "00000100-00001000 r-xp 00000000 fe:00 7   /srv/server\n"
    return seen, made


def test_threads_and_pids() -> None:
    seen, _ = target(((), 0), ((), 0))
    assert seen.threads() == [Thread(10, 1), Thread(11, 2)]
    assert (seen.kind, seen.pid, seen.own_pid(), seen.exe) == ("process", 10, 10, "/srv/server")
    assert target(own_pid=1)[0].own_pid() == 1
    assert target(pid=0, kind=probe.CORE)[0].pid is None


def test_equal_stacks_are_one_object_and_say_what_their_addresses_are() -> None:
    same = ((0x100 | TOP, 0x200), probe.COMPLETE)
    seen, made = target(same, ((), probe.RUNS), same, ((), probe.RUNS))
    made.columns["state"][1] = probe.RUNNING
    first, running, third, untold = seen.current_stacks(seen.threads(), 64)
    assert first is third
    assert first == CurrentStack(((0x100, EXACT), (0x200, RETURN)), "")
    assert running.frames == () and "it runs" in running.end and "--stop" in running.end
    assert untold.frames == () and "the kernel does not tell" in untold.end


def test_every_end_is_a_sentence() -> None:
    ends = (probe.CUT, probe.RUNS, probe.MOVED, probe.GONE, 99)
    seen, made = target(*(((0x100,), end) for end in ends))
    made.columns["state"][1] = probe.RUNNING
    sentences = [each.end for each in seen.current_stacks(seen.threads(), 64)]
    assert len(set(sentences)) == len(ends) and all(sentences)


def test_a_thread_without_a_stack_is_gone() -> None:
    seen, made = target(((0x100,), 0))
    made.unwind = lambda index, limit: False  # type: ignore[method-assign, assignment]
    assert seen.current_stacks(seen.threads(), 64) == [CurrentStack((), "it has ended meanwhile")]


def test_stacks_are_unwound_once_and_again_only_where_more_is_wanted() -> None:
    seen, made = target((DEEP, probe.COMPLETE), ((0x100 | TOP,), probe.COMPLETE))
    threads = seen.threads()
    deep, flat = seen.current_stacks(threads, 3)
    assert (len(deep.frames), deep.end) == (3, "only the first 3 frames") and flat.end == ""
    assert seen.current_stacks(threads, 3)[0] == deep
    assert made.calls == [("unwind", 0, 3), ("unwind", 1, 3)]
    whole = seen.current_stacks(threads, 200)[0]
    assert (len(whole.frames), whole.end) == (len(DEEP), "")
    assert made.calls[2:] == [("unwind", 0, 200)]
    assert seen.current_stacks(threads, 3)[0] == deep  # the same answer to the same question
    assert made.calls[3:] == []


def test_many_are_unwound_with_one_call() -> None:
    seen, made = target(*[((0x100,), probe.COMPLETE)] * 100)
    assert len(set(map(id, seen.current_stacks(seen.threads(), 0)))) == 1
    assert made.calls == [("unwind", probe.ALL, 1)]


def test_registers_are_read_when_they_are_needed() -> None:
    seen, made = target(((), 0), ((), 0))
    made.looks = {0: (probe.BLOCKED, 0x7F00)}
    first, second = seen.threads()
    assert (seen.pthread_of(first), seen.state_of(first)) == (0x7F00, "blocked")
    assert made.calls == [("look", 0)]
    with pytest.raises(TargetError, match="thread 11 cannot be read"):
        seen.pthread_of(second)
    assert seen.state_of(second) == "alive"


def test_memory_is_read_whole_or_not_at_all() -> None:
    seen, _ = target()
    assert seen.read(0x1000, 6) == b"abcdef"
    with pytest.raises(TargetError, match="memory at 0x1006 cannot be read"):
        seen.read(0x1000, 7)
    for address in -1, 1 << 64:
        with pytest.raises(TargetError, match="is no address"):
            seen.read(address, 1)


def test_names_come_with_the_file_that_is_mapped_there() -> None:
    seen, made = target()
    assert seen.symbolize(0x200, RETURN) == [
        Frame(0x200, "inner", "/srv/server", 0x100, "a.h", 3),
        Frame(0x200, "outer", "/srv/server", 0x100, None, None),
    ]
    assert seen.symbolize(0x5000, EXACT) == [Frame(0x5000)]
    seen.system_lines = True
    seen.symbolize(0x5000, START)
    flags = [call[2] for call in made.calls]
    assert flags == [probe.RETURN, 0, probe.START | probe.LINES]
    assert seen.module_at(0x200) == "/srv/server" and seen.module_at(0x5000) is None


def test_a_file_of_another_build_names_nothing() -> None:
    def module(path: str, file: Optional[str], build_id: str, other: bool) -> probe.Module:
        return probe.Module(0, 1, 0, path, file, build_id, False, other)

    seen, made = target()
    made.mapped = [
        module("/a", "/a", "aa", False),
        module("/b", None, "bb", True),
        module("/c", "/c", "", False),
        module("[vdso]", None, "dd", False),
    ]
    assert seen.files() == {"/a": "aa", "/b": None, "/c": None}


def test_nothing_of_the_probes_memory_is_used_once_it_is_closed() -> None:
    seen, made = target(((), 0))
    thread = seen.threads()[0]
    seen.close()
    assert made.calls == [("close",)]
    with pytest.raises(IndexError):
        seen.state_of(thread)
