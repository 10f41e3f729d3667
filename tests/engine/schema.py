# SPDX-License-Identifier: MIT
"""As much of JSON Schema as docs/json-schema.json uses."""

import re
from typing import Any, Dict, List

TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "number": (int, float),
    "integer": int,
    "null": type(None),
}
KNOWN = {
    *("$schema", "$id", "$defs", "$ref", "title", "description", "type", "required", "properties"),
    *("additionalProperties", "items", "enum", "const", "pattern"),
}


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, TYPES[kind])  # type: ignore[arg-type]


def errors(value: Any, schema: Dict[str, Any], root: Dict[str, Any], at: str = "$") -> List[str]:
    """What is wrong with `value`; also properties that the schema does not name."""
    if "$ref" in schema:
        return errors(value, root["$defs"][schema["$ref"].rsplit("/", 1)[-1]], root, at)
    assert set(schema) <= KNOWN, f"{at}: this validator does not know {set(schema) - KNOWN}"
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(_is(value, kind) for kind in kinds):
        return [f"{at}: {value!r} is no {kinds}"]
    if value not in schema.get("enum", [value]) or value != schema.get("const", value):
        return [f"{at}: {value!r} is not allowed"]
    if isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
        return [f"{at}: {value!r} does not match"]
    found = []
    if isinstance(value, dict):
        found += [f"{at}: no {name}" for name in schema.get("required", []) if name not in value]
        for name, each in value.items():
            inner = schema.get("properties", {}).get(name, schema.get("additionalProperties"))
            found += (
                errors(each, inner, root, f"{at}.{name}") if inner else [f"{at}: what is {name}?"]
            )
    elif isinstance(value, list):
        for index, each in enumerate(value):
            found += errors(each, schema["items"], root, f"{at}[{index}]")
    return found
