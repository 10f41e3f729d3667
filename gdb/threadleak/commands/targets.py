# SPDX-License-Identifier: MIT
"""What the words behind a shell command name: processes, core files with their programs, folders of cores, cores that
systemd-coredump keeps."""

import os
import shlex
from typing import TYPE_CHECKING, Iterable, Iterator, List, NamedTuple, Optional

from ..escapes import readable
from ..target import elf
from ..target.base import Target, TargetError
from .command_line import UsageError

if TYPE_CHECKING:
    from ..target.native import NativeTarget

PID_DIGITS = 9
DUMP = "coredump:"


class Named(NamedTuple):
    """A target, and what it is called."""

    name: str
    pid: Optional[int] = None
    core: Optional[str] = None
    program: Optional[str] = None
    error: str = ""  # why it is neither a process nor a core file
    dump: Optional[str] = None  # what coredumpctl is asked for

    def words(self) -> str:
        """As the shell takes them."""
        program = [] if self.program is None else [self.program]
        return shlex.join([*program, self.name])

    def open(self, stop: bool = False) -> "NativeTarget":
        from ..target.native import NativeTarget  # and ctypes: not by those that only ask for help

        if self.pid is not None:
            return NativeTarget.of_process(self.pid, stop)
        if self.dump is not None:
            return self._unpacked(self.dump)
        if self.core is None:
            raise TargetError(self.error)
        return NativeTarget.of_core(self.core, self.program)

    def _unpacked(self, match: str) -> "NativeTarget":
        """In a folder for the time that the target is open."""
        from ..target.coredumpctl import unpack
        from ..target.native import NativeTarget

        unpacked = unpack(match)
        try:
            target = NativeTarget.of_core(unpacked.core, self.program)
            target.when_closed = unpacked.close
            return target
        except BaseException:
            unpacked.close()
            raise


class Opened:
    """A target while it is open: the latest look at it, if it is read anew."""

    def __init__(self, named: Named, stop: bool = False, system_lines: bool = False):
        self._named = named
        self._stop = stop
        self._system_lines = system_lines
        self._target: "Optional[NativeTarget]" = None
        self.remarks: List[str] = []  # for people, once it is closed

    def again(self) -> Target:
        self.close()
        self._target = self._named.open(self._stop)
        self._target.system_lines = self._system_lines
        return self._target

    def close(self) -> None:
        target, self._target = self._target, None
        if target is not None:
            target.release()
            self.remarks = list(self._remarks(target))
            target.close()

    def _remarks(self, target: "NativeTarget") -> Iterator[str]:
        if target.stood_ns:
            yield f"process {target.pid} stood still for {target.stood_ns / 1e6:.0f} ms"
        if target.beside.why:
            yield target.beside.why
        given, found = self._named.program, target.exe
        if given and found and readable(os.path.realpath(given)) != os.path.realpath(found):
            yield f"{given} is not the program of {self._named.name}, {found} is"

    def __enter__(self) -> "Opened":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def targets(words: Iterable[str]) -> List[Named]:
    """A decimal word is a PID; a program stands before its core file, or before a folder of them; coredump:MATCH
    is what systemd-coredump has."""
    found: List[Named] = []
    program: Optional[str] = None
    for word in words:
        if word.isascii() and word.isdecimal() and len(word) <= PID_DIGITS:
            named = [Named(word, pid=int(word))]
        elif word.startswith(DUMP):
            named = [Named(word, dump=word[len(DUMP) :], program=program)]
        elif os.path.isdir(word):
            named = _folder(word, program)
        elif program is None and elf.type_of(word) == elf.PROGRAM:
            program = word
            continue
        else:
            named = [_core(word, program)]
        if program is not None and named[0].pid is not None:
            raise UsageError(f"threadleak: a process needs no program before it: {program} {word}")
        found, program = found + named, None
    if program is not None:
        raise UsageError(f"threadleak: {program} is a program: its core file comes after it")
    return found


def _core(path: str, program: Optional[str]) -> Named:
    if not os.access(path, os.R_OK):
        why = "Permission denied" if os.path.exists(path) else "No such file or directory"
        return Named(path, error=f"{path} cannot be read: {why}")
    kind = elf.type_of(path)
    if kind == elf.CORE:
        return Named(path, core=path, program=program)
    what = "a program, and no core file" if kind == elf.PROGRAM else "no core file, nor a program"
    return Named(path, error=f"{path} is {what}")


def _folder(path: str, program: Optional[str]) -> List[Named]:
    try:
        paths = [os.path.join(path, name) for name in sorted(os.listdir(path))]
    except OSError as failure:
        return [Named(path, error=f"{path} cannot be read: {failure.strerror}")]
    cores = [each for each in paths if elf.type_of(each) == elf.CORE]
    if not cores:
        return [Named(path, error=f"there is no core file in the folder {path}")]
    return [Named(each, core=each, program=program) for each in cores]
