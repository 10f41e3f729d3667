# SPDX-License-Identifier: MIT
"""JSON as text: whatever came from a target, readers take it."""

from typing import Any, Dict

from ..escapes import readable


def parse(text: str) -> Any:
    import json  # by those alone who ask for JSON: it takes long to load

    return json.loads(text)


def encode(value: Any) -> str:
    """On one line, ASCII."""
    import json

    text = json.JSONEncoder().encode(value)
    # half a surrogate pair is no Unicode, and readers refuse it; most look-alikes are halves of real ones
    return json.JSONEncoder().encode(_readable(value)) if "\\udc" in text else text


def _readable(value: Any) -> Any:
    if isinstance(value, str):
        return readable(value)
    if isinstance(value, dict):
        return {key: _readable(each) for key, each in value.items()}
    return list(map(_readable, value)) if isinstance(value, (list, tuple)) else value


def dump(shown: Dict[str, Any]) -> str:
    """A line for each key, and for each element of a list: indented text takes json ten times as long."""
    lines = []
    for key, value in shown.items():
        if isinstance(value, list) and value:
            elements = ",\n  ".join(map(encode, value))
            lines.append(f" {encode(key)}: [\n  {elements}\n ]")
        else:
            lines.append(f" {encode(key)}: {encode(value)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def line(name: str, text: str) -> str:
    """A document as one line of several, with what the command line calls its target."""
    return encode({"name": name, **(parse(text) if text else {"error": None})}) + "\n"
