# SPDX-License-Identifier: MIT
"""What a program is started with, so that our library is in it, and how it is started: as execvp(3) does."""

import os
import signal
from errno import ENOEXEC
from typing import Dict, List, Optional

from ..libraries import library
from .command_line import Outcome, UsageError

NOT_FOUND, NOT_EXECUTABLE = 127, 126  # as the shell has it
OPTIONS = b"THREADLEAK_OPTIONS"
# The shared runtime of gcc's AddressSanitizer refuses to start where it is not the first library (sanitizer
# flags, verify_asan_link_order), although it works: it finds what it stands before by dlsym(RTLD_NEXT), as we do.
ASAN_OPTIONS, LINK_ORDER = b"ASAN_OPTIONS", b"verify_asan_link_order=0"
Environment = Dict[bytes, bytes]


def original_environment() -> Environment:
    """What we were started with. os.environ is not that: Python sets LC_CTYPE where the locale is C (PEP 538)."""
    try:
        with open("/proc/self/environ", "rb") as file:
            words = file.read().split(b"\0")
    except OSError:
        return dict(os.environb)
    pairs = [word.partition(b"=") for word in words if b"=" in word]
    return {name: value for name, _, value in pairs}


def watched(environment: Environment) -> Environment:
    """Ours goes behind what is preloaded already."""
    ours = os.fsencode(library())
    if not os.path.exists(ours):
        raise UsageError(
            f"threadleak run: there is no {library()}: run `make`, or install threadleak"
        )
    if any(each in ours for each in b" :"):
        raise UsageError(f"threadleak run: {library()} cannot be preloaded, for its blank or colon")
    preloaded = environment.get(b"LD_PRELOAD", b"").replace(b":", b" ").split()
    if ours not in preloaded:
        preloaded.append(ours)
    return {
        **environment,
        b"LD_PRELOAD": b":".join(preloaded),
        ASAN_OPTIONS: b":".join(filter(None, [LINK_ORDER, environment.get(ASAN_OPTIONS)])),
    }


def with_options(environment: Environment, options: Optional[str]) -> Environment:
    """Later ones count."""
    if not options:
        return environment
    before = environment.get(OPTIONS)
    return {**environment, OPTIONS: (before + b":" if before else b"") + os.fsencode(options)}


def option(name: str, value: str) -> str:
    """One of the library's options, in quotes where the value needs them."""
    if not any(each in value for each in ":'\""):
        return f"{name}={value}"
    quote = next((each for each in "'\"" if each not in value), None)
    if quote is None:
        raise UsageError(f"threadleak run: {value!r} has quotes of both kinds")
    return f"{name}={quote}{value}{quote}"


def find(name: str, environment: Environment) -> Optional[str]:
    """Where execvp(3) would find it."""
    if "/" in name:
        return name if os.path.exists(name) else None
    search = os.fsdecode(environment.get(b"PATH", b"/bin:/usr/bin")).split(":")
    paths = [os.path.join(folder or ".", name) for folder in search]
    found = [path for path in paths if os.path.isfile(path)]
    return next((path for path in found if os.access(path, os.X_OK)), found[0] if found else None)


def execute(path: str, command: List[str], environment: Environment) -> Outcome:
    """Comes back only if it cannot be run. What the kernel does not know is given to the shell."""
    # Python ignores these two, and what is ignored stays so (signal(7)).
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execve(path, command, environment)
    except OSError as error:
        if error.errno != ENOEXEC:
            return Outcome("", NOT_EXECUTABLE, f"{command[0]} cannot be run: {error.strerror}")
    os.execve("/bin/sh", ["/bin/sh", path, *command[1:]], environment)
