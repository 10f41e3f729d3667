# SPDX-License-Identifier: MIT
"""Names a creation, so that the same one is known again in another build, at other addresses, or after an update
of a library: 16 hexadecimal digits, made of the functions and files of the creation stack and of the start routine.

Left out is what differs from build to build though nobody changed the place: addresses, lines, argument lists and
results, inlined functions, clones that the optimizer makes, recursion, the versions of libraries, and whatever calls
main or a start routine. Of system libraries the file alone counts, since their own functions have names only where
debug information is installed; of a static program libc's functions have several names.
"""

from typing import Iterable, Iterator, Optional

from ..escapes import encoded
from ..patterns import Pattern
from ..read.model import Copy
from ..read.records import Kind
from ..read.stacks import Stacks
from ..target.base import RETURN, START, Frame, base_name
from .blame import is_wrapper_file
from .names import without_arguments, without_result

# What calls main, or a start routine, in a static program.
_BEGINNINGS = {
    *("_start", "__libc_start_main", "__libc_start_main_impl", "__libc_start_call_main"),
    *("start_thread", "clone", "clone3", "__clone", "__clone3"),
}
FRAMES_MAX = 32  # as many as are kept by default: the option `frames` changes no fingerprint
_CLONE = Pattern(r"(?:\.(?:constprop|isra|part|cold|lto_priv|llvm)\b|\[clone |\[abi:).*")
# FNV-1a, 64 bits: hashlib takes 12 ms to load
_FNV_PRIME, _FNV_BASIS = 0x100000001B3, 0xCBF29CE484222325


def fingerprint(stacks: Stacks, copy: Optional[Copy], kind: Kind) -> str:
    """Of all threads of that site and start routine; of the start routine alone where there is no record."""
    places = list(creation_places(stacks, copy, kind.site))
    places.append("> " + _place(stacks.at(copy, kind.start, kind.start_module, START)[-1]))
    return digest(places)


def digest(lines: Iterable[str]) -> str:
    value = _FNV_BASIS
    for byte in encoded("\n".join(lines)):
        value = (value ^ byte) * _FNV_PRIME & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def creation_places(stacks: Stacks, copy: Optional[Copy], index: int) -> Iterator[str]:
    """Innermost first, equal neighbours once."""
    site = copy.site(index) if copy is not None else None
    frames = site.frames[:FRAMES_MAX] if site is not None else ()
    last = ""
    for pc, module in frames:
        frame = stacks.at(copy, pc, module, RETURN)[-1]  # what is inlined stands before
        if frame.function in _BEGINNINGS and not is_wrapper_file(frame):
            return
        place = _place(frame)
        if place != last:
            yield place
        last = place
        if frame.function == "main":
            return


def _place(frame: Frame) -> str:
    file = bare_file(frame.module or "")
    if not frame.function or is_wrapper_file(frame):
        return file
    return f"{bare_function(frame.function)} {file}"


def bare_file(path: str) -> str:
    """libfoo.so.1.2.3 is libfoo.so."""
    name = base_name(path)
    return name.partition(".so.")[0] + ".so" if ".so." in name else name


def bare_function(name: str) -> str:
    return without_result(without_arguments(_CLONE.sub("", name).rstrip()))
