# SPDX-License-Identifier: MIT
"""What glibc's synchronization objects say of themselves (sysdeps/nptl/bits/struct_mutex.h, struct_rwlock.h,
thread-shared-types.h; nptl/internaltypes.h, pthread_rwlock_common.c). The same on x86-64 and aarch64.

Each function takes an object as its futex word shows it, and gives what it holds, with `plausible`: whether it can be
such an object at all. Memory may be anything, so nothing is believed of one that cannot.
"""

import struct
from typing import Callable, Dict, NamedTuple, Optional, Sequence

from ..target.base import TargetError
from .descriptor import TID_MAX
from .futexes import FUTEX_TID_MASK, Futex

_OWNER_DIED = 0x40000000
_COUNT_MAX = 1 << 24  # of users and waiters: more than threads that Linux can have

Read = Callable[[int, int], bytes]  # (address, size); TargetError


class Seen(NamedTuple):
    """Of an object. What is not known is None or empty."""

    object: Optional[int]
    plausible: bool
    flavour: str = ""
    owner: Optional[int] = None  # pthread_t
    owner_tid: Optional[int] = None
    mutex: Optional[int] = None
    shared: bool = False
    in_kernel_hands: bool = False
    parked: bool = False
    detail: str = ""


_MUTEX = struct.Struct("<IIIII")  # lock, count, owner, users, kind
_TYPES = ("normal", "recursive", "error-checking", "adaptive")  # kind & 3
_ROBUST, _INHERIT, _PROTECT, _SHARED, _ELISION = 0x10, 0x20, 0x40, 0x80, 0x300
_FLAVOURS = (
    (_ROBUST, "robust"),
    (_INHERIT, "priority inheritance"),
    (_PROTECT, "priority ceiling"),
)
_CEILING = 0xFFF80000  # PTHREAD_MUTEX_PRIO_CEILING_MASK


def mutex(read: Read, address: int) -> Seen:
    try:
        lock, count, owner, users, kind = _MUTEX.unpack(read(address, _MUTEX.size))
    except TargetError:
        return Seen(address, False)
    names = (_TYPES[kind & 3], *(name for bit, name in _FLAVOURS if kind & bit))
    by_word = bool(kind & (_ROBUST | _INHERIT))
    if by_word:
        owner = lock & FUTEX_TID_MASK
    has_state = by_word or lock & ~(_CEILING if kind & _PROTECT else 0) <= 2
    known = _ROBUST | _INHERIT | _PROTECT | _SHARED | _ELISION | 3
    plausible = (
        *(address % 4 == 0, not kind & ~known, owner <= TID_MAX, users <= _COUNT_MAX),
        *(count <= _COUNT_MAX, has_state),
    )
    if not all(plausible):
        return Seen(address, False)
    return Seen(
        address,
        True,
        ", ".join(names),
        owner_tid=owner or None,
        shared=bool(kind & _SHARED),
        in_kernel_hands=owner == 0,
        detail="its owner died" if by_word and lock & _OWNER_DIED else "",
    )


_LIST = 24  # of a mutex: {previous, next} on the list of those that its owner holds
_DESCRIPTOR_MAX = 1 << 12  # bytes of struct pthread, which begins that list
_HELD_MAX = 1 << 10


def is_held_by(read: Read, address: int, pthread: int) -> bool:
    """Whether a robust mutex is on the list of that thread. All robust ones are marked as shared between processes
    (nptl/pthread_mutex_init.c), so this alone tells that the owner is of this process."""
    at = address + _LIST
    for _ in range(_HELD_MAX):
        try:
            at = int.from_bytes(read(at, 8), "little") & ~1
        except TargetError:
            return False
        if pthread <= at < pthread + _DESCRIPTOR_MAX:
            return True
    return False


def parked(read: Read, at: int, stack: bytes) -> Seen:
    """A thread to which the kernel refuses a mutex with priority inheritance, since it would be a deadlock or the owner is
    gone, waits for a word of its own stack, for good (nptl/pthread_mutex_lock.c). The mutex is the only one of that
    kind nearby; else which one it is cannot be told."""
    found = set()
    for (address,) in struct.iter_unpack("<Q", stack[: len(stack) & ~7]):
        if address and address % 8 == 0 and not at <= address < at + len(stack):
            seen = mutex(read, address)
            if seen.plausible and "priority inheritance" in seen.flavour and seen.owner_tid:
                found.add(seen)
    seen = found.pop() if len(found) == 1 else Seen(None, False)
    return seen._replace(parked=True)


class _Condition(NamedTuple):
    """Offsets of a condition variable."""

    signals: int  # two words, each of which a group of waiters waits for
    waiters: int
    size: int


# Up to 2.40, and since 2.41, which has no g_refs (and was ported back in places): whichever the stack tells.
_CONDITIONS = (_Condition(40, 36, 48), _Condition(32, 28, 40))
_PSHARED, _WAITERS_SHIFT = 1, 3  # of wrefs
_GROUP = 1  # of wseq


def condition(read: Read, word: int, stack: bytes) -> Seen:
    """The waiter keeps {wseq, condition, mutex} on its stack (struct _condvar_cleanup_buffer), which tells the mutex,
    and the layout, if all that may be such buffers agree on it. Bit 0 of that wseq is the group that has the word.
    """
    group = word % 8 // 4
    places = {word - group * 4 - layout.signals: layout for layout in _CONDITIONS}
    words = [each for (each,) in struct.iter_unpack("<Q", stack[: len(stack) & ~7])]
    found: Dict[int, int] = {}  # mutexes by condition variable
    for position, at, address in zip(words, words[1:], words[2:]):
        if at not in places or at in found or not address or position & _GROUP != group:
            continue
        if _has_waited(read, at, position) and mutex(read, address).plausible:
            found[at] = address
    if len(found) != 1:
        return Seen(None, False)
    [(at, address)] = found.items()
    return _condition(read, at, places[at])._replace(mutex=address)


def is_taken_again(read: Read, word: int, stack: bytes) -> bool:
    """Whether a thread in pthread_cond_wait that has been woken waits for the mutex there, which its buffer then still
    names; else it is for a lock inside the condition variable, of a few instructions, that nothing tells the owner of.
    """
    words = [each for (each,) in struct.iter_unpack("<Q", stack[: len(stack) & ~7])]
    return any(
        word == mutex and address and _has_waited(read, address, position)
        for position, address, mutex in zip(words, words[1:], words[2:])
    )


def _has_waited(read: Read, address: int, position: int) -> bool:
    """Whether a waiter may have found wseq at `position`: it counts those that have waited from bit 1 on."""
    try:
        return position >> 1 < int.from_bytes(read(address, 8), "little") >> 1
    except TargetError:
        return False


def _condition(read: Read, address: int, layout: _Condition) -> Seen:
    try:
        data = read(address, layout.size)
    except TargetError:
        return Seen(address, False)
    references = int.from_bytes(data[layout.waiters : layout.waiters + 4], "little")
    waiters = references >> _WAITERS_SHIFT
    plausible = 0 < waiters <= _COUNT_MAX
    detail = f"{waiters} waiting" if plausible else ""
    return Seen(address, plausible, shared=bool(references & _PSHARED), detail=detail)


def semaphore(read: Read, address: int) -> Seen:
    try:
        value, waiters, private = struct.unpack("<III", read(address, 12))
    except TargetError:
        return Seen(address, False)
    plausible = address % 8 == 0 and 0 < waiters <= _COUNT_MAX and private in (0, 0x80)
    detail = f"value {value}, {waiters} waiting" if plausible else ""
    return Seen(address, plausible, shared=private != 0, detail=detail)


_WRITER_PHASE, _WRITE_LOCKED, _READERS_SHIFT = 1, 2, 3  # of readers
_READERS_WAIT = 4  # in the value that one waits to change on the word `readers`


def rwlock(read: Read, futex: Futex) -> Seen:
    """The words are readers +0, phase +8 and writers +12, of an object that is aligned to 8 bytes."""
    on_readers = futex.word % 8 == 0 and futex.value >= _READERS_WAIT
    address = futex.word - (12 if futex.word % 8 else 0 if on_readers else 8)
    try:
        readers, _, _, _, _, _, writer, shared = struct.unpack("<8I", read(address, 32))
    except TargetError:
        return Seen(address, False)
    count = readers >> _READERS_SHIFT
    if address % 8 or writer > TID_MAX or count > _COUNT_MAX or shared > 1:
        return Seen(address, False)
    if readers & _WRITER_PHASE and readers & _WRITE_LOCKED:
        return Seen(
            *(address, True),
            owner_tid=writer or None,
            shared=bool(shared),
            in_kernel_hands=writer == 0,
        )
    detail = f"{count} reader{'s' * (count != 1)} hold{'s' * (count == 1)} it" if count else ""
    return Seen(address, True, shared=bool(shared), detail=detail)


def barrier(read: Read, word: int) -> Seen:
    address = word - 4
    try:
        arrived, round_, count, shared = struct.unpack("<4I", read(address, 16))
    except TargetError:
        return Seen(address, False)
    arrived = (arrived - round_) & 0xFFFFFFFF
    plausible = address % 4 == 0 and 0 < arrived <= count <= _COUNT_MAX and shared in (0, 0x80)
    detail = f"{arrived} of {count} arrived" if plausible else ""
    return Seen(address, plausible, shared=shared != 0, detail=detail)


_ONCE_STATE = 3  # __PTHREAD_ONCE_INPROGRESS, __PTHREAD_ONCE_DONE; above, the number of forks


def once(read: Read, address: int) -> Seen:
    try:
        state = int.from_bytes(read(address, 4), "little")
    except TargetError:
        return Seen(address, False)
    return Seen(address, address % 4 == 0 and bool(state & _ONCE_STATE))


def guard(read: Read, address: int) -> Seen:
    """Itanium C++ ABI, 3.3.3, as libstdc++ has it (guard.cc): byte 1 says that somebody initializes."""
    try:
        data = read(address, 8)
    except TargetError:
        return Seen(address, False)
    return Seen(address, address % 4 == 0 and data[1] == 1)


_FILE_LOCK = 136  # of struct _IO_FILE: _lock, the address of {lock, count, owner}
# Of a stream as fopen, popen, open_memstream and fopencookie make it, which puts the lock behind it; fmemopen's are
# fopencookie's (libio/iofopen.c, iopopen.c, memstream.c, iofopncook.c)
_FILE_SIZES = (224, 240, 256, 264)


def private_lock(read: Read, word: int, streams: Sequence[int]) -> Seen:
    """One of libc's own: {lock, count, owner}, as those of FILEs are, or a lock alone. `object` is None unless
    it is a FILE's: that of one of the `streams`, or of one that libc made."""
    try:
        lock, count, owner = struct.unpack("<IIQ", read(word, 16))
    except TargetError:
        return Seen(None, False)
    candidates = [*streams, *(word - size for size in _FILE_SIZES)]
    files = [each for each in candidates if _has_lock(read, each, word)]
    recursive = 0 < lock <= 2 and 0 < count <= _COUNT_MAX and owner > 0
    file = files[0] if files else None
    return Seen(file, recursive or lock <= 2, owner=owner if recursive else None)


def _has_lock(read: Read, file: int, word: int) -> bool:
    try:
        return int.from_bytes(read(file + _FILE_LOCK, 8), "little") == word
    except TargetError:
        return False


_RESULT_READY, _FUTURE_WAITER = 1, 0x80000000  # std::__future_base::_State_baseV2
_STATUS = 16  # behind the pointer to the vtable and _M_result


def future(read: Read, word: int) -> Seen:
    try:
        vtable, _, status = struct.unpack("<QQI", read(word - _STATUS, _STATUS + 4))
    except TargetError:
        return Seen(word - _STATUS, False)
    plausible = word % 8 == 0 and vtable != 0 and status & ~_FUTURE_WAITER <= _RESULT_READY
    return Seen(word - _STATUS, plausible)
