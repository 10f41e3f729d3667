# SPDX-License-Identifier: MIT
"""What the file of a program says before it runs: whether the dynamic linker will preload our library into it.

Sources: ld.so(8) on LD_PRELOAD and secure-execution mode; elf(5); execve(2) on scripts.
"""

import os
import stat
import struct
from typing import Optional

from . import file_bytes

_EHDR = struct.Struct("<16sHHIQQQIHHHHHH")
_PHDR = struct.Struct("<IIQQQQQQ")
_PT_INTERP = 3
_REGISTRY = b"THRDLEAK"  # in the data of a program that has the library inside
_HEAD = 256  # bytes of a script that the kernel looks at (BINPRM_BUF_SIZE)


def why_not_preloaded(path: str) -> Optional[str]:
    """One clause, or None: nothing speaks against it."""
    try:
        if _is_secure(path):
            return "it is setuid, setgid or has file capabilities, so that LD_PRELOAD is ignored"
        with open(path, "rb") as file:
            head = file.read(_HEAD)
            if head.startswith(b"#!"):
                words = head[2:].split(b"\n")[0].split()
                return why_not_preloaded(os.fsdecode(words[0])) if words else None
            if not head.startswith(b"\x7fELF") or len(head) < _EHDR.size:
                return None  # whatever else the kernel runs
            if head[4:6] != b"\x02\x01":
                return "it is no 64-bit program"
            return _of_elf(head, file.fileno())
    except (OSError, ValueError, struct.error):
        return None  # cannot be read, and so is not judged


def _is_secure(path: str) -> bool:
    """Whether it gets rights that we do not have (AT_SECURE)."""
    found = os.stat(path)
    if found.st_mode & stat.S_ISUID and found.st_uid != os.geteuid():
        return True
    if found.st_mode & stat.S_ISGID and found.st_gid != os.getegid():
        return True
    return os.geteuid() != 0 and "security.capability" in os.listxattr(path)


def _of_elf(head: bytes, file: int) -> Optional[str]:
    fields = _EHDR.unpack_from(head)
    at, size, count = fields[5], fields[9], fields[10]
    if size != _PHDR.size:
        return None
    headers = file_bytes.part(file, at, count * size)
    for index in range(count):
        kind, _, offset, _, _, length, _, _ = _PHDR.unpack_from(headers, index * size)
        if kind == _PT_INTERP:
            linker = os.path.basename(file_bytes.part(file, offset, length).rstrip(b"\0"))
            if linker.startswith(b"ld-linux"):
                return None
            return f"its dynamic linker is {os.fsdecode(linker)}, not that of glibc"
    if file_bytes.holds(file, _REGISTRY):
        return None
    return "it is statically linked"
