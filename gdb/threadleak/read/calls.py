# SPDX-License-Identifier: MIT
"""What a thread waits for in a system call: decoded from the call's number and arguments (syscall(2)).

All but futexes, whose meaning the number does not tell: it is for futexes.py and primitives.py to find.
"""

import struct
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

from ..target.base import SystemCall, Target, TargetError
from ..target.system_calls import AARCH64, X86_64, system_call
from . import wait
from .wait import Wait

CLOCK_MONOTONIC = 1  # <time.h>
_TIMER_ABSTIME = 1
_NS = 1_000_000_000
_FILES_MAX = 1024  # of a pollfd array or an fd_set
_EXT_ARG = 8  # IORING_ENTER_EXT_ARG
_LOCK_COMMANDS = (7, 38)  # F_SETLKW, F_OFD_SETLKW

# What a timeout is: milliseconds, -1 without; the address of a struct timespec or timeval, 0 without.
_MS, _ADDRESS = "ms", "address"


class _Call(NamedTuple):
    kind: str
    files: Tuple[int, ...] = ()  # arguments that are file descriptors
    timeout: Optional[Tuple[str, int]] = None  # what it is, and which argument


def _table() -> Dict[str, _Call]:
    one_file = """read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 connect accept accept4
    sendto recvfrom sendmsg recvmsg sendmmsg flock fsync fdatasync syncfs sync_file_range fallocate ioctl close
    fcntl vmsplice"""
    calls = {name: _Call(wait.DESCRIPTORS, (0,)) for name in one_file.split()}
    calls.update(
        {
            "recvmmsg": _Call(wait.DESCRIPTORS, (0,), (_ADDRESS, 4)),
            "sendfile": _Call(wait.DESCRIPTORS, (0, 1)),
            "tee": _Call(wait.DESCRIPTORS, (0, 1)),
            "splice": _Call(wait.DESCRIPTORS, (0, 2)),
            "copy_file_range": _Call(wait.DESCRIPTORS, (0, 2)),
            "epoll_wait": _Call(wait.DESCRIPTORS, (0,), (_MS, 3)),
            "epoll_pwait": _Call(wait.DESCRIPTORS, (0,), (_MS, 3)),
            "epoll_pwait2": _Call(wait.DESCRIPTORS, (0,), (_ADDRESS, 3)),
            "mq_timedsend": _Call(wait.DESCRIPTORS, (0,), (_ADDRESS, 4)),
            "mq_timedreceive": _Call(wait.DESCRIPTORS, (0,), (_ADDRESS, 4)),
            "poll": _Call(wait.DESCRIPTORS, (), (_MS, 2)),
            "ppoll": _Call(wait.DESCRIPTORS, (), (_ADDRESS, 2)),
            "select": _Call(wait.DESCRIPTORS, (), (_ADDRESS, 4)),
            "pselect6": _Call(wait.DESCRIPTORS, (), (_ADDRESS, 4)),
            "nanosleep": _Call(wait.TIME, (), (_ADDRESS, 0)),
            "clock_nanosleep": _Call(wait.TIME, (), (_ADDRESS, 2)),
            "pause": _Call(wait.SIGNAL),
            "rt_sigsuspend": _Call(wait.SIGNAL),
            "rt_sigtimedwait": _Call(wait.SIGNAL, (), (_ADDRESS, 2)),
            "wait4": _Call(wait.CHILD),
            "waitid": _Call(wait.CHILD),
            "msgrcv": _Call(wait.MESSAGE),
            "msgsnd": _Call(wait.MESSAGE),
            "semop": _Call(wait.SEMAPHORE_SET),
            "semtimedop": _Call(wait.SEMAPHORE_SET, (), (_ADDRESS, 3)),
            "io_uring_enter": _Call(wait.IO_URING, (0,)),
            "io_getevents": _Call(wait.SYSTEM_CALL, (), (_ADDRESS, 4)),
            "io_pgetevents": _Call(wait.SYSTEM_CALL, (), (_ADDRESS, 4)),
        }
    )
    return calls


_CALLS = _table()


def name_of(target: Target, call: SystemCall, callers: Callable[[], Sequence[int]]) -> str:
    """Of a restarted one the name of the call that it goes on with, where the code tells. `callers`: return
    addresses, innermost first."""
    name = system_call(target.machine, call.number)
    return _restarted(target, call, callers) or name if name == "restart_syscall" else name


# Those that the kernel goes on with by restart_syscall (set_restart_fn in kernel/ and fs/select.c).
_RESTARTED = ("futex", "poll", "nanosleep", "clock_nanosleep")
_CODE = 32  # bytes in front of the instruction that are searched


def _restarted(
    target: Target, call: SystemCall, callers: Callable[[], Sequence[int]]
) -> Optional[str]:
    """The number is lost, but the code has just loaded it. In syscall(3) it comes from the caller."""
    found = _loaded(target, call.pc, {X86_64: b"\xb8", AARCH64: b"\x08"})
    if found is None:
        for address in callers()[:1]:
            found = _loaded(target, address, {X86_64: b"\xbf", AARCH64: b"\x00"})
    return found


def _loaded(target: Target, end: int, registers: Dict[int, bytes]) -> Optional[str]:
    """The last number of such a call that the code in front of `end` loads into the register: `mov $nr,%reg`
    by its opcode, on aarch64 `mov xN, #nr` by N."""
    try:
        code = target.read(end - _CODE, _CODE)
    except TargetError:
        return None
    opcode = registers.get(target.machine)
    numbers: List[int] = []
    if target.machine == X86_64:
        numbers = [
            int.from_bytes(code[at + 1 : at + 5], "little")
            for at in range(_CODE - 5, -1, -1)
            if code[at : at + 1] == opcode
        ]
    elif target.machine == AARCH64 and opcode is not None:
        for (word,) in reversed(list(struct.iter_unpack("<I", code))):
            if word & 0x7FE0001F == 0x52800000 | opcode[0]:  # movz, of 32 or 64 bits
                numbers.append(word >> 5 & 0xFFFF)
    names = [system_call(target.machine, number) for number in numbers]
    return next((name for name in names if name in _RESTARTED), None)


def decode(target: Target, call: SystemCall, name: str) -> Wait:
    """Of any call but a futex's."""
    known = _CALLS.get(name)
    if known is None:
        return Wait(wait.SYSTEM_CALL, wait.EXACT, name)
    files = tuple(_int(call.arguments[at]) for at in known.files)
    found = Wait(known.kind, wait.EXACT, name, fds=files, timed=_is_timed(call, known))
    if name in ("poll", "ppoll"):
        files = _polled(target, call)
        return _of_files(found, files, call.arguments[1] == 0)
    if name in ("select", "pselect6"):
        return _of_files(found, _selected(target, call), _int(call.arguments[0]) <= 0)
    if name == "clock_nanosleep":
        is_absolute = bool(call.arguments[1] & _TIMER_ABSTIME)
        if is_absolute and _int(call.arguments[0]) == CLOCK_MONOTONIC:
            return found._replace(deadline_ns=timespec_ns(target, call.arguments[2]))
    if name == "fcntl" and _int(call.arguments[1]) in _LOCK_COMMANDS:
        return found._replace(detail="a record lock")
    if name == "io_uring_enter":
        return found._replace(timed=_is_timed_ring(target, call))
    return found


def _of_files(found: Wait, files: Tuple[int, ...], has_none: bool) -> Wait:
    """No files: poll and select serve as a sleep, and on aarch64 as pause(2)."""
    if not has_none:
        return found._replace(fds=files)
    return found._replace(kind=wait.TIME if found.timed else wait.SIGNAL)


def _int(value: int) -> int:
    """The kernel takes 32 bits of an int."""
    value &= 0xFFFFFFFF
    return value - (1 << 32) if value >= 1 << 31 else value


def _is_timed(call: SystemCall, known: _Call) -> bool:
    if known.timeout is None:
        return False
    what, at = known.timeout
    value = call.arguments[at]
    return _int(value) >= 0 if what == _MS else value != 0


def timespec_ns(target: Target, address: int) -> Optional[int]:
    try:
        seconds, rest = struct.unpack("<qq", target.read(address, 16))
    except TargetError:
        return None
    return seconds * _NS + rest if seconds >= 0 and 0 <= rest < _NS else None


def _polled(target: Target, call: SystemCall) -> Tuple[int, ...]:
    count = min(call.arguments[1], _FILES_MAX)
    try:
        data = target.read(call.arguments[0], 8 * count) if count else b""
    except TargetError:
        return ()
    return tuple(file for file, _ in struct.iter_unpack("<iI", data) if file >= 0)


def _selected(target: Target, call: SystemCall) -> Tuple[int, ...]:
    """The sets are what was asked for: the kernel overwrites them when it returns."""
    count = min(max(0, _int(call.arguments[0])), _FILES_MAX)
    files: Set[int] = set()
    for address in call.arguments[1:4]:
        try:
            data = target.read(address, (count + 7) // 8) if address and count else b""
        except TargetError:
            continue
        bits = int.from_bytes(data, "little")
        files.update(file for file in range(count) if bits >> file & 1)
    return tuple(sorted(files))


def _is_timed_ring(target: Target, call: SystemCall) -> bool:
    """struct io_uring_getevents_arg: sigmask, its size, padding, address of the timeout."""
    if not call.arguments[3] & _EXT_ARG:
        return False
    try:
        return target.read(call.arguments[4] + 16, 8) != bytes(8)
    except TargetError:
        return True  # it may be
