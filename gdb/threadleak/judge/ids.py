# SPDX-License-Identifier: MIT
"""What people call a thread: the id of its record, or, since not every thread has one, its pthread_t or its tid."""

from typing import TYPE_CHECKING, Optional

from ..patterns import Pattern

if TYPE_CHECKING:
    from ..read.threads import ThreadInfo

TID = "tid:"
_RECORD = Pattern(r"([0-9]+\.)?[0-9]{1,20}")
_HANDLE = Pattern(r"0x[0-9a-f]{1,16}|tid:[0-9]{1,10}")
KINDS = (
    "ids are numbers such as 17, or 2.17, or a thread's pthread_t (0x7f...), or its tid (tid:4242)"
)


def is_of_record(word: str) -> bool:
    return _RECORD.fullmatch(word) is not None


def is_handle(word: str) -> bool:
    """pthread_t or tid"""
    return _HANDLE.fullmatch(word) is not None


def looks_like_id(word: str) -> bool:
    """Whether whoever wrote it meant no file."""
    return word.replace(".", "", 1).isdecimal() or is_handle(word)


def label(info: "ThreadInfo", name: Optional[str]) -> str:
    """thread 7 `reader`"""
    return named(info.id or f"{TID}{info.tid or '?'}", name)


def named(id: str, name: Optional[str]) -> str:
    """Nothing stands for the name of a thread that has none, or whose name is not known."""
    return f"thread {id} `{name}`" if name else f"thread {id}"
