# SPDX-License-Identifier: MIT
"""Reports that were saved as JSON (docs/json-schema.json), many of them, one after the other: of each the head and
the groups, which tell how many threads there are of each site. A file is one report, or one a line, as several
targets give them; gzip is unpacked.

The threads of a report are most of its bytes and are not needed. As show/json.py writes it, with a line for each
element of a list, they are passed over; what somebody else wrote anew is read whole.
"""

import io
import os
import stat
import zlib
from typing import Any, Dict, Iterable, Iterator, List, Tuple

from ..patterns import Pattern
from ..target.base import TargetError

SCHEMA = "threadleak/1"  # show/json.py
DOCUMENT_MAX = 128 << 20  # bytes; 10,000 threads with their stacks are about 40 MB
_NEEDED = (b"schema", b"target", b"registry", b"summary", b"groups", b"findings", b"error")
_FIRST = (b"title", b"schema", b"target")
_OTHERS = (
    b"stacks",
    b"graph",
    b"diff",
    b"merge",
    b"history",
)  # keys of one command alone, which judges no groups
_RUN_SCHEMA = "threadleak-run/1"  # show/run_documents.py
_WANTED = "`threadleak groups --all --format json` saves a report that merge takes"
_KEY = Pattern(rb' "([a-z_]{1,40})": ')
_GZIP = b"\x1f\x8b"
_BLOCK = 1 << 20

Document = Dict[str, Any]  # what a file says: nothing of it is checked but its schema


def documents(path: str) -> Iterator[Document]:
    """TargetError, one sentence, where there is no report, or one that is no longer whole: after those before it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise TargetError(f"{path} is no file")
            is_packed = file.read(2) == _GZIP
            file.seek(0)
            yield from _documents(io.BufferedReader(_Unpacked(file), _BLOCK) if is_packed else file)
    except OSError as error:
        raise TargetError(f"{path} cannot be read: {error.strerror}") from None
    except _OtherKind as error:
        raise TargetError(f"{path} is of `threadleak {error}: {_WANTED}") from None
    except (ValueError, RecursionError, MemoryError, EOFError, zlib.error) as error:
        raise TargetError(f"{path} is no report of threadleak: {_why(error)}") from None


class _OtherKind(ValueError):
    """A document that is threadleak's and has no groups; of which command, and what it lacks."""


def _why(error: BaseException) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, MemoryError):
        return "there is not memory enough to read it"
    if isinstance(error, zlib.error):
        return "its gzip data is damaged"
    return str(error)[:200]


class _Unpacked(io.RawIOBase):
    """Of a gzip file, of any number of members (RFC 1952)."""

    def __init__(self, file: Any):
        self._file = file
        self._unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = b""
        while not data:
            packed = self._unpacker.unconsumed_tail
            if self._unpacker.eof:
                packed = self._unpacker.unused_data or self._file.read(_BLOCK)
                if not packed:
                    return 0
                self._unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
            packed = packed or self._file.read(_BLOCK)
            if not packed:
                raise EOFError("it is cut short")
            data = self._unpacker.decompress(packed, len(buffer))
        buffer[: len(data)] = data
        return len(data)


class _Lines:
    """A document is refused once it is too large, however small it is on disk."""

    def __init__(self, file: Any):
        self._file = file
        self._left = DOCUMENT_MAX

    def begin(self) -> bytes:
        """The first line of the next document; b"": there is none."""
        self._left = DOCUMENT_MAX
        line = self.next()
        while line.isspace():
            line = self.next()
        return line

    def next(self) -> bytes:
        return self._taken(self._file.readline(self._left + 1))

    def rest(self) -> bytes:
        return self._taken(self._file.read(self._left + 1))

    def _taken(self, data: bytes) -> bytes:
        self._left -= len(data)
        if self._left < 0:
            raise ValueError(f"it is larger than {DOCUMENT_MAX >> 20} MiB")
        return data


def _documents(file: Any) -> Iterator[Document]:
    lines = _Lines(file)
    line = lines.begin()
    if not line:
        raise ValueError("it is empty")
    while line:
        if line == b"{\n":
            yield _checked(_by_lines(lines))
        elif line.rstrip().endswith(b"}"):
            yield _checked(_parse(line))
        else:
            yield _checked(_parse(line + lines.rest()))
        line = lines.begin()


def _by_lines(lines: _Lines) -> Any:
    """What show/json.py wrote; or somebody else with an indent, which its first keys tell."""
    document: Document = {}
    head = [b"{"]
    while True:
        line = lines.next()
        if line.rstrip() == b"}":
            return document
        match = _KEY.match(line)
        value = line[match.end() :].rstrip() if match is not None else b""
        if head and (match is None or match[1] not in _FIRST or value == b"{"):
            return _parse(b"".join(head) + line + lines.rest())
        if match is None:
            raise ValueError("it is damaged" if line else "it is cut short")
        head = head + [line] if head and match[1] != _FIRST[-1] else []
        if match[1] in _OTHERS:
            raise _other(match[1].decode())
        is_needed = match[1] in _NEEDED
        if value == b"[":
            elements = _elements(lines)
            found = [_parse(each) for each in elements] if is_needed else sum(1 for _ in elements)
        elif is_needed:
            found = _parse(value.rstrip(b","))
        if is_needed:
            document[match[1].decode()] = found


def _elements(lines: _Lines) -> Iterator[bytes]:
    """Of a list, each on its line, up to the line that ends it."""
    while True:
        line = lines.next()
        if line.startswith(b" ]"):
            return
        if not line.startswith(b"  "):
            raise ValueError("it is damaged" if line else "it is cut short")
        yield line.rstrip(b",\n")


def _parse(text: bytes) -> Any:
    import json  # by those alone who read JSON

    try:
        return json.loads(text.decode("utf-8"))
    except ValueError:  # neither UTF-8, nor JSON; or a number of thousands of digits
        raise ValueError("it is no JSON report") from None


def _checked(document: Any) -> Document:
    if not isinstance(document, dict) or not isinstance(document.get("schema"), str):
        raise ValueError("it has no schema")
    if document["schema"] == _RUN_SCHEMA:
        raise _OtherKind("run`, on its programs, and no report of the threads of one process")
    if document["schema"] != SCHEMA:
        raise ValueError(f"its schema is {document['schema'][:40]!r}")
    for key in map(bytes.decode, _OTHERS):
        if key in document:
            raise _other(key)
    return document


def _other(key: str) -> _OtherKind:
    return _OtherKind(f"{key}`, a document without judged threads")


def files_of(words: Iterable[str], stdin: Iterable[str]) -> Iterator[Tuple[str, str]]:
    """(path, why it cannot be one): files, those within folders, and for "-" those that `stdin` names."""
    for word in words:
        if word == "-":
            yield from files_of(
                (line for line in map(_stripped, stdin) if line not in ("", "-")), ()
            )
        elif os.path.isdir(word):
            yield from _within(word)
        else:
            yield word, ""


def _stripped(line: str) -> str:
    return line.rstrip("\n")


def _within(folder: str) -> Iterator[Tuple[str, str]]:
    failed: List[OSError] = []
    found = False
    for path, folders, names in os.walk(folder, onerror=failed.append):
        folders.sort()
        for name in sorted(names):
            found = True
            yield os.path.join(path, name), ""
    for error in failed:
        yield str(error.filename), f"{error.filename} cannot be read: {error.strerror}"
    if not found and not failed:
        yield folder, f"there is no file in the folder {folder}"
