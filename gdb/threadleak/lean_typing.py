# SPDX-License-Identifier: MIT
"""What the engine needs of `typing` when it runs, for a start in half the time.

For the shell command; `threadleak verify` keeps the program waiting that it checks, and others are run again and
again. Half of what verify does before its first look would be to load typing, with re and enum, and to make objects
of the hints of a thousand functions, which nobody asks for. Type checkers and GDB never see this file.
"""

import sys
from operator import itemgetter
from types import ModuleType


class _Hint:
    """Every hint is this one, whatever is put into its brackets."""

    def __getitem__(self, parameters):  # type: ignore[no-untyped-def]
        return self

    def __call__(self, *_, **__):  # type: ignore[no-untyped-def]
        return self  # TypeVar("T")


class _Annotated:
    """Annotated[int, "Q"]: read/abi.py asks for what stands behind the type."""

    def __class_getitem__(cls, parameters):  # type: ignore[no-untyped-def]
        made = cls()
        made.__metadata__ = parameters[1:]  # type: ignore[attr-defined]
        return made


class _Base:
    """Generic[T], Protocol: bases that do nothing."""

    def __class_getitem__(cls, parameters):  # type: ignore[no-untyped-def]
        return cls


class _MakesTuples(type):
    """class X(NamedTuple): a: int, b: int = 0, and methods."""

    def __new__(mcs, name, bases, namespace):  # type: ignore[no-untyped-def]
        if not bases:
            return super().__new__(mcs, name, bases, namespace)
        fields = namespace.get("__annotations__", {})
        defaults = tuple(namespace[field] for field in fields if field in namespace)
        methods = {key: value for key, value in namespace.items() if key not in fields}
        getters = {field: property(itemgetter(at)) for at, field in enumerate(fields)}
        new = _new(fields, defaults)  # type: ignore[no-untyped-call]
        made = {"__slots__": (), "_fields": tuple(fields), "__new__": new}
        return type(name, (_Tuple,), {**getters, **made, **methods})


def _new(fields, defaults):  # type: ignore[no-untyped-def]
    """As collections.namedtuple has it, but without compiling a function for each class."""
    count = len(fields)
    names = tuple(fields)
    default_of = dict(zip(names[count - len(defaults) :], defaults))

    def new(cls, *values, **named):  # type: ignore[no-untyped-def]
        if len(values) != count:
            given = {**default_of, **named}
            values += tuple(given[name] for name in names[len(values) :] if name in given)
        if len(values) != count or not named.keys() <= fields.keys():
            raise TypeError(f"{cls.__name__} has the fields {', '.join(names)}")
        return tuple.__new__(cls, values)

    return new


class _Tuple(tuple):  # type: ignore[type-arg]
    __slots__ = ()

    @classmethod
    def _make(cls, values):  # type: ignore[no-untyped-def]
        return tuple.__new__(cls, values)

    def _replace(self, **named):  # type: ignore[no-untyped-def]
        return type(self)(**{**dict(zip(self._fields, self)), **named})  # type: ignore[attr-defined]

    def __repr__(self) -> str:
        pairs = zip(self._fields, self)  # type: ignore[attr-defined]
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in pairs)})"


class _NamedTuple(metaclass=_MakesTuples):
    pass


def install() -> None:
    """In place of typing, unless that is there already. Hints of Python 3.14 are made when they are asked for."""
    if sys.version_info >= (3, 14) or "typing" in sys.modules:
        return
    lean = ModuleType("typing")
    hint = _Hint()
    setattr(lean, "__getattr__", lambda name: hint)
    lean.TYPE_CHECKING = False  # type: ignore[attr-defined]
    lean.Annotated = _Annotated  # type: ignore[attr-defined]
    lean.Generic = lean.Protocol = _Base  # type: ignore[attr-defined]
    lean.NamedTuple = _NamedTuple  # type: ignore[attr-defined]
    lean.cast = lambda kind, value: value  # type: ignore[attr-defined]
    sys.modules["typing"] = lean


def remove() -> None:
    """For modules of others, which are loaded from now on and need the whole of it."""
    if getattr(sys.modules.get("typing"), "NamedTuple", None) is _NamedTuple:
        del sys.modules["typing"]
