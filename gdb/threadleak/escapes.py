# SPDX-License-Identifier: MIT
"""Bytes that are no UTF-8: \\xNN in every output, whatever way they came in.

What we decode ourselves is so from the beginning. Python's own texts (sys.argv, os.readlink) hold such a byte as a
surrogate, U+DC80 to U+DCFF (PEP 383), so that a path can be opened; it becomes \\xNN where the text is written.
"""

import codecs
from typing import Tuple

_BYTES = range(0xDC80, 0xDD00)


def escape(c: str) -> str:
    """\\xNN, \\uNNNN or \\UNNNNNNNN."""
    code = ord(c)
    if code in _BYTES:
        code -= 0xDC00
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _replace(error: UnicodeError) -> "Tuple[str | bytes, int]":
    if isinstance(error, UnicodeEncodeError):
        return "".join(map(escape, error.object[error.start : error.end])), error.end
    return codecs.backslashreplace_errors(error)


ESCAPED = "threadleak.escaped"  # for `errors`, of reading and of writing
codecs.register_error(ESCAPED, _replace)


def decoded(raw: bytes) -> str:
    return raw.decode("utf-8", ESCAPED)


def encoded(text: str) -> bytes:
    return text.encode("utf-8", ESCAPED)


def readable(text: str) -> str:
    """As it is written: surrogates as \\xNN."""
    return decoded(encoded(text))
