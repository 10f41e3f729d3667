# SPDX-License-Identifier: MIT
"""GDB's frames and symbols, and the little that only its commands' output tells."""

import contextlib
import os
import re
from typing import Any, Callable, Iterator, List, NamedTuple, Optional, Tuple

import gdb

from ..escapes import decoded
from .base import EXACT, RETURN, START, CurrentStack
from .elf import is_core


def text(get: Callable[[], Any]) -> Any:
    """A text of GDB, which raises where its bytes are no UTF-8; None where there is none."""
    try:
        return get()
    except UnicodeDecodeError as error:
        return decoded(error.object)


@contextlib.contextmanager
def keep_selection() -> Iterator[None]:
    thread = gdb.selected_thread()
    frame = None
    with contextlib.suppress(gdb.error):
        frame = gdb.selected_frame()
    try:
        yield
    finally:
        if thread is not None and thread.is_valid():
            with contextlib.suppress(gdb.error):
                thread.switch()
                if frame is not None and frame.is_valid():
                    frame.select()


# Frames of one pc with the frame that they are inlined in, and those that GDB makes up for tail calls, whose
# stack frames are gone.
_MADE_UP = (gdb.INLINE_FRAME, gdb.TAILCALL_FRAME)


def current_stack(handle: Any, limit: int) -> CurrentStack:
    """Of a thread, which is selected then."""
    pcs: List[Tuple[int, int]] = []
    what = EXACT
    try:
        handle.switch()
        frame = gdb.newest_frame()
        while frame is not None:
            if frame.type() not in _MADE_UP:
                if len(pcs) == limit:
                    return CurrentStack(tuple(pcs), f"only the first {limit} frames")
                # a handler returns to the start of the trampoline, and that to where the signal came
                is_trampoline = frame.type() == gdb.SIGTRAMP_FRAME
                pcs.append((frame.pc(), EXACT if is_trampoline else what))
                what = EXACT if is_trampoline else RETURN
            last, frame = frame, frame.older()
        reason = last.unwind_stop_reason()
    except (gdb.error, RuntimeError, ValueError) as error:
        return CurrentStack(tuple(pcs), f"it cannot be read further: {error}")
    whole = reason in (gdb.FRAME_UNWIND_NO_REASON, gdb.FRAME_UNWIND_OUTERMOST)
    return CurrentStack(tuple(pcs), "" if whole else gdb.frame_stop_reason_string(reason))


Named = Tuple[Optional[str], Optional[str], Optional[int]]  # function, file, line


def names_at(pc: int, what: int) -> List[Named]:
    """Of what is inlined at `pc`, innermost first, and of what that is in."""
    at = pc - 1 if what == RETURN and pc else pc
    functions = _functions_at(at)
    if functions and what == START:
        # where the function begins; the line of its first instruction may be that of an inlined one
        outer = functions[-1]
        return [(_name_of(outer), _path_of(outer.symtab), outer.line or None)]
    sal = gdb.find_pc_line(at)
    file, line = _path_of(sal.symtab), sal.line or None if sal.symtab else None
    found: List[Named] = []
    for function in functions:
        found.append((_name_of(function), file, line))
        # of an inlined function GDB's symbol tells where it is called (new_symbol in dwarf2/read.c)
        file, line = _path_of(function.symtab), function.line or None
    return found or [(symbol_at(at), file, line)]


def _functions_at(pc: int) -> List[Any]:
    """Symbols of the functions that are inlined at `pc`, innermost first, and of the one they are in."""
    found: List[Any] = []
    try:
        block = gdb.block_for_pc(pc)
    except (gdb.error, RuntimeError):
        return found
    while block is not None and not block.is_static and len(found) < 64:
        if not block.start <= pc < block.end:
            break  # DWARF puts a lambda into the function that it is written in
        if block.function is not None:
            found.append(block.function)
        block = block.superblock
    return found


def _name_of(function: Any) -> str:
    """GDB gives whatever is written in C++ an argument list, main and what is extern "C" too."""
    name: str = text(lambda: function.print_name)
    if not name.endswith(")") or (text(lambda: function.linkage_name) or "").startswith("_Z"):
        return name
    with contextlib.suppress(gdb.error, AttributeError):
        in_file = symbol_at(int(function.value().address))
        return in_file if in_file is not None and not in_file.endswith(")") else name
    return name


def _path_of(symtab: Any) -> Optional[str]:
    """Absolute, where it is known in which folder the compiler ran."""
    if symtab is None:
        return None
    full = os.path.normpath(text(symtab.fullname))
    return full if os.path.isabs(full) else str(text(lambda: symtab.filename))


def _output(command: str) -> str:
    return str(text(lambda: gdb.execute(command, to_string=True)))


class Symbol(NamedTuple):
    """Of the symbol table."""

    name: str  # demangled
    start: int
    file: Optional[str]  # that it is in; None: there is no other than the program


_SYMBOL = re.compile(r"(.+?)(?: \+ (\d+))? in section \S+(?: of (.+))?$")


def symbol_around(address: int) -> Optional[Symbol]:
    with contextlib.suppress(gdb.error):
        match = _SYMBOL.match(_output(f"info symbol {address:#x}").split("\n", 1)[0])
        if match:
            name, offset, file = match.groups()
            return Symbol(name, address - int(offset or 0), file)
    return None


def symbol_at(pc: int) -> Optional[str]:
    """By the symbol table alone."""
    symbol = symbol_around(pc)
    return symbol.name if symbol is not None else None


def core_path() -> str:
    """Of the core file, or "". GDB 13 has no call that tells: it is the one core file among those that GDB has
    open, or what `info files` says, which costs 5 us for each segment."""
    lines = _output("maint info bfds").splitlines()
    paths = {line.split(None, 2)[2].strip() for line in lines if len(line.split()) > 2}
    cores: List[str] = [path for path in paths if is_core(path)]
    if len(cores) == 1:
        return cores[0]
    match = re.search(r"^Local core dump file:\s*`(.*)', file type", _output("info files"), re.M)
    return str(match.group(1)) if match else ""
