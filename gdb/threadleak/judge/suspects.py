# SPDX-License-Identifier: MIT
"""Which threads could be stuck, from their system calls and the words of memory around their futexes alone.

To say what a thread waits for takes its stack and names of functions. Nearly all threads of a healthy process can be
told to be none that cannot go on without that: whatever their object is, nobody owns it, or its owner runs. So
this errs on one side only: whoever is left out is not stuck, or what it waits for would not be known for sure.
"""

from typing import Dict, Iterable, List, Optional, Sequence, Set, Union

from ..read.descriptor import TID_MAX
from ..read.futexes import COMMAND, FUTEX_TID_MASK, LOCK_PI, LOCK_PI2, WAIT, WAIT_BITSET
from ..read.glibc import Glibc
from ..target.base import SystemCall, Target, TargetError
from ..target.system_calls import number_of
from .graph import GONE
from .owners import Owners, Tids

_WAITS = (WAIT, LOCK_PI, WAIT_BITSET, LOCK_PI2)
_ONCE_RUNS = 1  # __PTHREAD_ONCE_INPROGRESS of nptl/internaltypes.h; the two bits above it aside
# From the futex word to an owner's tid: a mutex (its word is its first; with priority inheritance, or robust, the
# owner is in the word itself), and an rwlock, whose futexes are its words 0, 2 and 3 (struct_mutex.h, struct_rwlock.h).
_TIDS = (8, 24, 16, 12)
_AROUND = 28  # bytes, from the word on
# libc lets a thread to which the kernel refuses a mutex with priority inheritance wait for a word of its own stack.
_PARKED = 1024  # bytes from the stack pointer on
ANYBODY = -2  # an owner that memory does not tell


def words_of(machine: int, calls: Iterable[Optional[SystemCall]]) -> Dict[int, int]:
    """Number of a thread -> the futex word on which it waits, without a timeout."""
    futex = number_of(machine, "futex")
    words = {}
    for number, call in enumerate(calls):
        if call is not None and call.number == futex:
            word, operation, _, timeout, _, _ = call.arguments
            if not timeout and operation & COMMAND in _WAITS:
                words[number] = word
    return words


class Suspects:
    def __init__(self, target: Target, glibc: Glibc, owners: Union[Owners, Tids]):
        self._target = target
        self._glibc = glibc
        self._owners = owners

    def find(self, calls: Sequence[Optional[SystemCall]]) -> Dict[int, int]:
        """Thread -> its futex word, of those that could be stuck. `calls`: one for each of owners.threads."""
        words = words_of(self._target.machine, calls)
        owners = {word: self._possible(word) for word in set(words.values())}
        for number, word in words.items():
            call = calls[number]
            if call is not None and call.sp <= word < call.sp + _PARKED:
                owners[word] = {ANYBODY}
        return reaching(words, owners)

    def _possible(self, word: int) -> Set[int]:
        """Numbers of threads, GONE, or ANYBODY."""
        joined = self._glibc.joined_at(word)
        if joined is not None:
            number = self._owners.of_pthread(joined)
            return set() if number is None else {number}
        try:
            data = self._target.read(word, _AROUND)
        except TargetError:
            try:
                data = self._target.read(word, 4)
            except TargetError:
                return {ANYBODY}
        first = int.from_bytes(data[:4], "little")
        found = {ANYBODY} if first & 3 == _ONCE_RUNS else set()
        tids = [first & FUTEX_TID_MASK] + [
            int.from_bytes(data[at : at + 4], "little") for at in _TIDS
        ]
        for tid in tids:
            if 0 < tid <= TID_MAX:
                found.add(self._owners.by_tid.get(tid, GONE))
        pthread = int.from_bytes(data[8:16], "little")  # of _IO_lock_t, libio/stdio-lock.h
        if pthread > TID_MAX:
            number = self._owners.of_pthread(pthread)
            found.add(GONE if number is None else number)
        return found


def may_be_any(target: Target, glibc: Glibc) -> bool:
    """Whether a search is worth its price: of nearly all processes this says no, at a third of it."""
    calls = target.system_calls(target.threads())
    if not Tids.are_told(target):
        return bool(words_of(target.machine, calls))
    return bool(Suspects(target, glibc, Tids(target, glibc, calls)).find(calls))


def reaching(words: Dict[int, int], owners: Dict[int, Set[int]]) -> Dict[int, int]:
    """Of the threads those from which a way leads to a cycle, to GONE or to ANYBODY: without those all of whose
    possible owners may go on. Linear."""
    left: Dict[int, int] = {}  # word -> how many of its possible owners may wait for ever
    behind: Dict[int, List[int]] = {}  # word -> words that threads which wait there may own
    for word, possible in owners.items():
        left[word] = sum(each < 0 or each in words for each in possible)
        for each in possible:
            if each in words:
                behind.setdefault(words[each], []).append(word)
    free = [word for word, count in left.items() if not count]
    for word in free:  # which grows
        for each in behind.get(word, ()):
            left[each] -= 1
            if not left[each]:
                free.append(each)
    return {number: word for number, word in words.items() if left[word]}


def one_a_word(words: Dict[int, int]) -> Iterable[int]:
    """Threads, one for each word."""
    return {word: number for number, word in words.items()}.values()
