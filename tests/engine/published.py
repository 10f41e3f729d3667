# SPDX-License-Identifier: MIT
"""The schemas that others publish for what we write: tests/schemas. Debian's python3-jsonschema checks against them."""

import json
from pathlib import Path
from typing import Any, List

import pytest

SCHEMAS = Path(__file__).resolve().parents[1] / "schemas"


def errors_of(value: Any, schema: str) -> List[str]:
    """What is wrong with `value`, where it is wrong most deeply."""
    jsonschema = pytest.importorskip("jsonschema", reason="needs Debian's python3-jsonschema")
    published = json.loads((SCHEMAS / schema).read_text(encoding="utf-8"))
    kind = jsonschema.validators.validator_for(published)
    best = jsonschema.exceptions.best_match
    found = list(kind(published).iter_errors(value))
    return [f"{best([each]).json_path}: {best([each]).message}"[:500] for each in found]
