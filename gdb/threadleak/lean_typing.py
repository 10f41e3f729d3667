# SPDX-License-Identifier: MIT
"""What the engine needs of `typing` when it runs, for a start in half the time.

`threadleak verify` keeps the program waiting that it checks. Half of what it does before its first look would be
to load typing, with re and enum, and to make objects of the hints of a thousand functions, which nobody asks for.
Type checkers never see this file, and nothing else that is run uses it.
"""

import sys
from collections import namedtuple
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
        module = namespace["__module__"]
        made = namedtuple(name, fields, defaults=defaults, module=module)  # type: ignore[misc]
        for key, value in namespace.items():
            if key not in fields and key not in ("__module__", "__qualname__"):
                setattr(made, key, value)
        return made


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
    sys.modules["typing"] = lean
