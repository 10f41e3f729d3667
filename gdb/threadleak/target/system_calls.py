# SPDX-License-Identifier: MIT
"""Names of the system calls that threads wait in (Linux, arch/x86/entry/syscalls/syscall_64.tbl and
include/uapi/asm-generic/unistd.h)."""

from typing import Dict

_X86_64 = """read 0, write 1, poll 7, ioctl 16, readv 19, writev 20, select 23, pause 34, nanosleep 35,
connect 42, accept 43, sendto 44, recvfrom 45, sendmsg 46, recvmsg 47, wait4 61, fcntl 72, flock 73, fsync 74,
rt_sigtimedwait 128, rt_sigsuspend 130, futex 202, io_getevents 208, semtimedop 220, clock_nanosleep 230,
epoll_wait 232, mq_timedsend 242, mq_timedreceive 243, waitid 247, pselect6 270, ppoll 271, epoll_pwait 281,
accept4 288, recvmmsg 299, io_uring_enter 426, epoll_pwait2 441, futex_waitv 449, msgrcv 70, semop 65, splice 275,
msgsnd 69, openat 257, close 3, restart_syscall 219, preadv 295, pread64 17, pwrite64 18, fdatasync 75"""
_AARCH64 = """io_getevents 4, epoll_pwait 22, fcntl 25, ioctl 29, flock 32, openat 56, close 57, read 63, write 64,
readv 65, writev 66, pread64 67, pwrite64 68, pselect6 72, ppoll 73, splice 76, fsync 82, fdatasync 83, waitid 95,
futex 98, nanosleep 101, clock_nanosleep 115, restart_syscall 128, rt_sigsuspend 133, rt_sigtimedwait 137,
mq_timedsend 182, mq_timedreceive 183, msgrcv 188, msgsnd 189, semtimedop 192, semop 193, accept 202, connect 203,
sendto 206, recvfrom 207, sendmsg 211, recvmsg 212, accept4 242, recvmmsg 243, wait4 260, io_uring_enter 426,
epoll_pwait2 441, futex_waitv 449"""
X86_64, AARCH64 = 62, 183  # e_machine (elf.h): EM_X86_64, EM_AARCH64
_NAMES = {X86_64: _X86_64, AARCH64: _AARCH64}


def system_call(machine: int, number: int) -> str:
    words = (each.split() for each in _NAMES.get(machine, "").split(",") if each)
    names: Dict[int, str] = {int(number): name for name, number in words}
    return names.get(number, f"system call {number}")
