# SPDX-License-Identifier: MIT
"""How the structs of a C header lie in memory: a struct is a class, each field has its C type."""

import struct
from functools import partial
from typing import (
    Annotated,
    Any,
    Callable,
    Dict,
    Generic,
    Iterable,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Type,
    TypeVar,
    Union,
)

U16 = Annotated[int, "H"]
U32 = Annotated[int, "I"]
I32 = Annotated[int, "i"]
U64 = Annotated[int, "Q"]


class Field(NamedTuple):
    name: str
    offset: int
    size: int
    code: str  # of the struct module


Buffer = Union[bytes, bytearray]
T = TypeVar("T", bound=Tuple[Any, ...])


class Layout(Generic[T]):
    """How instances of `kind` lie in memory: little-endian, no padding."""

    def __init__(self, kind: Type[T]):
        self.make: Callable[[Iterable[Any]], T] = partial(tuple.__new__, kind)  # type: ignore
        self.fields: List[Field] = []
        self.size = 0
        for name, hint in kind.__annotations__.items():
            code = hint.__metadata__[0]
            self.fields.append(Field(name, self.size, struct.calcsize("<" + code), code))
            self.size += self.fields[-1].size
        self._by_name = {field.name: field for field in self.fields}
        self._rows: Dict[Tuple[int, int], Tuple[struct.Struct, Tuple[None, ...]]] = {}

    def _row(self, stride: int, size: int) -> Tuple[struct.Struct, Tuple[None, ...]]:
        """What of a struct lies in `size` of `stride` bytes, and what stands for the rest."""
        if (stride, size) not in self._rows:
            known = [field for field in self.fields if field.offset + field.size <= size]
            end = known[-1].offset + known[-1].size if known else 0
            codes = "".join(field.code for field in known)
            unknown = (None,) * (len(self.fields) - len(known))
            self._rows[stride, size] = struct.Struct(f"<{codes}{stride - end}x"), unknown
        return self._rows[stride, size]

    def one(self, data: bytes) -> T:
        """From all bytes of one struct, as long as the writer has it."""
        return next(self.many(data, len(data)))

    def many(self, data: bytes, stride: int, size: Optional[int] = None) -> Iterator[T]:
        """From structs that lie `stride` bytes apart; what is left over at the end is ignored. `size`: of the
        struct as the writer has it, where something else follows each."""
        row, unknown = self._row(stride, stride if size is None else size)
        rows: Iterable[Tuple[Any, ...]]
        rows = row.iter_unpack(memoryview(data)[: len(data) // stride * stride])
        if unknown:
            rows = (values + unknown for values in rows)
        return map(self.make, rows)

    def at(self, data: Buffer, index: int, stride: int) -> T:
        """One of structs that lie `stride` bytes apart."""
        row, unknown = self._row(stride, stride)
        return self.make(row.unpack_from(data, index * stride) + unknown)

    def column(self, data: Buffer, name: str, stride: int) -> Sequence[int]:
        """One field, which every writer has, of all structs; `stride` is a multiple of 8."""
        field = self._by_name[name]
        step, first = stride // field.size, field.offset // field.size
        return memoryview(data).cast(field.code)[first::step]  # type: ignore[call-overload,no-any-return]
