# SPDX-License-Identifier: MIT
"""Names of the system calls that threads wait in, or are made by (Linux, arch/x86/entry/syscalls/syscall_64.tbl and
include/uapi/asm-generic/unistd.h)."""

from functools import lru_cache
from typing import Dict

X86_64, AARCH64 = 62, 183  # e_machine (elf.h): EM_X86_64, EM_AARCH64

# Name, number on x86-64, number on aarch64; -: it has none.
_TABLE = """
read 0 63, write 1 64, open 2 -, close 3 57, poll 7 -, ioctl 16 29, pread64 17 67, pwrite64 18 68, readv 19 65,
writev 20 66, select 23 -, sched_yield 24 124, msync 26 227, pause 34 -, nanosleep 35 101, sendfile 40 71,
connect 42 203, clone 56 220, vfork 58 -, accept 43 202, sendto 44 206, recvfrom 45 207, sendmsg 46 211, recvmsg 47 212, wait4 61 260,
semop 65 193, msgsnd 69 189, msgrcv 70 188, fcntl 72 25, flock 73 32, fsync 74 82, fdatasync 75 83,
rt_sigtimedwait 128 137, rt_sigsuspend 130 133, sync 162 81, futex 202 98, io_getevents 208 4,
restart_syscall 219 128, semtimedop 220 192, clock_nanosleep 230 115, epoll_wait 232 -, mq_timedsend 242 182,
mq_timedreceive 243 183, waitid 247 95, openat 257 56, pselect6 270 72, ppoll 271 73, splice 275 76, tee 276 77,
sync_file_range 277 84, vmsplice 278 75, epoll_pwait 281 22, fallocate 285 47, accept4 288 242, preadv 295 69,
pwritev 296 70, recvmmsg 299 243, syncfs 306 267, sendmmsg 307 269, getrandom 318 278, membarrier 324 283,
copy_file_range 326 285, clone3 435 435, preadv2 327 286, pwritev2 328 287, io_pgetevents 333 292, io_uring_enter 426 426,
openat2 437 437, epoll_pwait2 441 441, futex_waitv 449 449, futex_wait 455 455
"""


@lru_cache(maxsize=None)
def _names(machine: int) -> Dict[int, str]:
    column = {X86_64: 1, AARCH64: 2}.get(machine)
    if column is None:
        return {}
    rows = [row.split() for row in _TABLE.split(",")]
    return {int(row[column]): row[0] for row in rows if row[column] != "-"}


def system_call(machine: int, number: int) -> str:
    return _names(machine).get(number) or f"system call {number}"


@lru_cache(maxsize=None)
def number_of(machine: int, name: str) -> int:
    """-1: it has none."""
    return {known: number for number, known in _names(machine).items()}.get(name, -1)
