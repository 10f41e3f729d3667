# SPDX-License-Identifier: MIT
"""Names of objects in variables, by GDB's symbols and types, and by the rules of the probe: see
helper/probe/variables.h and data_types.h, where each is explained.

Symbols are looked up, never evaluated: a name comes from the target, and as an expression it could be a call.
Variables that are static in a function cannot be looked up.
"""

import contextlib
import re
from functools import partial
from typing import Any, Callable, Dict, Iterator, NamedTuple, Optional, Tuple

import gdb

from .debugger_frames import Symbol, symbol_around, text

_SYSTEM = re.compile(r"/(?:usr/)?lib(?:32|64|x32)?/")  # as is_system_path in helper/probe/modules.c
_RESERVED = re.compile(r"_[_A-Z]")
_RUST_HASH = re.compile(r"::h[0-9a-f]{16}$")  # of its first scheme of mangling, as in demangle.h
_RUST = re.compile(r"(?:std|core|alloc)::")
# Of the linker and the C runtime. They have no size, which GDB does not tell: whatever follows would be theirs.
_LABELS = {
    "data_start",
    "__data_start",
    "__dso_handle",
    "__TMC_END__",
    "__bss_start",
    "_edata",
    "_end",
}
_DEPTH_MAX = 64
_STEPS_MAX = 4096

_CLASSES = (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION)


class Variables:
    """Those that were found so far."""

    def __init__(self) -> None:
        self._found: Dict[int, Optional[_Variable]] = {}  # by the address where it begins
        self._names: Dict[int, Optional[str]] = {}

    def name_at(self, address: int, otherwise: Callable[[], Optional[str]]) -> Optional[str]:
        """As Target.data_name. `otherwise` is asked where there is no variable, before it is named by symbol."""
        if address not in self._names:
            self._names[address] = self._name(address, otherwise)
        return self._names[address]

    def _name(self, address: int, otherwise: Callable[[], Optional[str]]) -> Optional[str]:
        symbol = symbol_around(address)
        if symbol is not None:
            symbol = symbol._replace(name=_RUST_HASH.sub("", symbol.name))
            if symbol.start not in self._found:
                self._found[symbol.start] = _find(symbol)
            variable = self._found[symbol.start]
            if variable is not None:
                return symbol.name + _path(variable, address - symbol.start)
        name = otherwise()
        if name is not None or symbol is None or symbol.name in _LABELS:
            return name
        return _Way(symbol.name, address - symbol.start).text


class _Variable(NamedTuple):
    type: Any  # of gdb
    is_rust: bool


def _find(symbol: Symbol) -> Optional[_Variable]:
    """The one that begins where the symbol does."""
    if _SYSTEM.match(symbol.file or ""):
        return None
    with contextlib.suppress(gdb.error):
        for each in _lookups(symbol):
            if each is not None and _address(each) == symbol.start:
                return _Variable(each.type, str(each.symtab.filename).endswith(".rs"))
    return None


def _lookups(symbol: Symbol) -> Iterator[Any]:
    """From the cheapest to the dearest, which reads all units that have a static variable of that name."""
    name = symbol.name
    with contextlib.suppress(ValueError):
        objfile = gdb.lookup_objfile(symbol.file or text(lambda: gdb.current_progspace().filename))
        yield objfile.lookup_global_symbol(name)
        yield objfile.lookup_static_symbol(name)
    yield gdb.lookup_global_symbol(name)
    yield from gdb.lookup_static_symbols(name)


def _address(symbol: Any) -> Optional[int]:
    """GDB may find a declaration (extern), whose address it knows too."""
    if symbol.addr_class in (gdb.SYMBOL_LOC_STATIC, gdb.SYMBOL_LOC_UNRESOLVED):
        with contextlib.suppress(gdb.error):
            address = symbol.value().address
            return None if address is None else int(address)
    return None


class _Way(NamedTuple):
    """What was named on the way to an address."""

    path: str
    rest: int  # from the beginning of what was named last

    @property
    def text(self) -> str:
        return f"{self.path}+{self.rest:#x}" if self.rest else self.path


def _path(variable: _Variable, offset: int) -> str:
    """What follows the variable's name: "", ".items[2].mutex", ".ready+0x20"."""
    way = _Way("", offset)
    with contextlib.suppress(gdb.error):
        way = _Walk(variable.is_rust).into(variable.type, offset, way, 0)
    return way.text


class _Walk:
    def __init__(self, is_rust: bool):
        self._is_rust = is_rust
        self._steps = 0

    def into(self, type_: Any, offset: int, way: _Way, depth: int) -> _Way:
        type_ = type_.strip_typedefs()
        if depth == _DEPTH_MAX:
            return way
        if type_.code == gdb.TYPE_CODE_ARRAY:
            return self._into_element(type_, offset, way, depth + 1)
        if type_.code in _CLASSES:
            return self._into_member(type_, offset, way, depth + 1)
        return way

    def _into_element(self, array: Any, offset: int, way: _Way, depth: int) -> _Way:
        element = array.target()
        first, last = array.range()
        size = element.sizeof
        if not size or (first <= last and offset // size > last - first):
            return way
        named = _Way(f"{way.path}[{offset // size}]", offset % size)
        return self.into(element, offset % size, named, depth)

    def _into_member(self, type_: Any, offset: int, way: _Way, depth: int) -> _Way:
        best = way
        for name, start, member in self._members(type_):
            self._steps += 1
            inside = offset - start
            code = member.strip_typedefs().code
            one_of_many = type_.code == gdb.TYPE_CODE_UNION and code not in (
                *_CLASSES,
                gdb.TYPE_CODE_ARRAY,
            )
            if not 0 <= inside < (member.sizeof or 1) or one_of_many or self._steps > _STEPS_MAX:
                continue
            tried = _Way(f"{way.path}.{name}", inside) if name else way
            tried = self.into(member, inside, tried, depth)
            if tried.path != way.path and (best.path == way.path or not tried.rest):
                best = tried
            if best.path != way.path and not best.rest:
                break
        return best

    def _members(self, type_: Any) -> Iterator[Tuple[str, int, Any]]:
        """(name, offset, type); no name: what it holds is used as if it were around it."""
        if self._is_rust and _RUST.match(text(lambda: type_.name) or ""):
            return
        found = [each for each in type_.fields() if _is_member(each)]
        for each in found:
            name = "" if each.is_base_class else text(partial(getattr, each, "name")) or ""
            if _RESERVED.match(name):
                is_array = each.type.strip_typedefs().code == gdb.TYPE_CODE_ARRAY
                if len(found) > 1 or type_.code == gdb.TYPE_CODE_UNION or not is_array:
                    continue
                name = ""
            yield name, each.bitpos // 8, each.type


def _is_member(field: Any) -> bool:
    """Static ones have no position, virtual base classes none that is known."""
    return not (field.artificial or field.bitsize) and getattr(field, "bitpos", None) is not None
