# SPDX-License-Identifier: MIT
"""Names of C++ functions, as demanglers write them, made shorter without losing what tells them apart."""

from typing import Iterator, Optional, Tuple

from ..patterns import Pattern

_QUALIFIERS = Pattern(r"(?: const| volatile| &&?| noexcept|\[abi:\w+\]| \[clone [^]]*\])+$")
_ANONYMOUS = "(anonymous namespace)::"
_OPERATOR = Pattern(r"operator[-<>=]*\Z")
_TYPE = Pattern(r"[^<]*\*\)\(")  # of a function: void (*)(int)
_OPEN, _CLOSE = "<([{", ">)]}"


def without_arguments(name: str) -> str:
    """Without the argument list, and without what stands behind it. Types of functions stay as they are."""
    if ")" not in name:
        return name
    bare: str = name if name.endswith(")") else _QUALIFIERS.sub("", name)
    if not bare.endswith(")"):
        return name
    depth = 0
    for at in range(len(bare) - 1, 0, -1):
        depth += (bare[at] == ")") - (bare[at] == "(")
        if depth == 0:
            return name if bare[:at].endswith(("operator", "*)", " ")) else bare[:at]
    return name


def brief(name: str, width: int) -> str:
    """At most `width` characters. As far as need be it goes without unnamed namespaces, arguments, the result's
    type, template arguments, and at last its middle: what tells most stands at the end."""
    for step in (_without_anonymous, without_arguments, without_result, _without_templates):
        if len(name) <= width:
            break
        name = step(name)
    return cut(name, width)


def cut(text: str, width: int) -> str:
    """At most `width` characters, without its middle."""
    if len(text) <= width:
        return text
    head = (width - 3) // 3
    return f"{text[:head]}...{text[len(text) - (width - 3 - head):]}"


def _without_anonymous(name: str) -> str:
    return name.replace(_ANONYMOUS, "")


def _levels(name: str) -> Iterator[Tuple[str, int, bool]]:
    """(character, how deep it lies in brackets, whether it is a bracket and no operator)."""
    depth = 0
    for at, character in enumerate(name):
        is_bracket = character in _OPEN + _CLOSE and not _OPERATOR.search(name, max(0, at - 12), at)
        depth -= is_bracket and character in _CLOSE
        yield character, depth, is_bracket
        depth += is_bracket and character in _OPEN


def without_result(name: str) -> str:
    if "operator" in name or _TYPE.match(name):
        return name  # an operator's name may hold blanks; and a type is none of a function
    blanks = [at for at, (each, depth, _) in enumerate(_levels(name)) if each == " " and depth == 0]
    return name[blanks[-1] + 1 :] if blanks else name


def _without_templates(name: str) -> str:
    kept = []
    hidden: Optional[int] = None  # how deep the brackets lie whose content is left out
    for character, depth, is_bracket in _levels(name):
        if hidden == depth and is_bracket and character == ">":
            hidden = None
        if hidden is None:
            kept.append(character)
            if is_bracket and character == "<":
                hidden = depth
    return "".join(kept)
