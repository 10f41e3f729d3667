# SPDX-License-Identifier: MIT
"""The schemas of what we write: those that others publish, tests/schemas, and ours, docs. Debian's python3-jsonschema checks
against them."""

import json
import subprocess
from pathlib import Path
from typing import Any, List

import pytest

SCHEMAS = Path(__file__).resolve().parents[1] / "schemas"
OURS = SCHEMAS.parents[1] / "docs"


def errors_of(value: Any, schema: str, folder: Path = SCHEMAS) -> List[str]:
    """What is wrong with `value`, where it is wrong most deeply."""
    jsonschema = pytest.importorskip("jsonschema", reason="needs Debian's python3-jsonschema")
    published = json.loads((folder / schema).read_text(encoding="utf-8"))
    kind = jsonschema.validators.validator_for(published)
    best = jsonschema.exceptions.best_match
    kind.check_schema(published)
    found = list(kind(published).iter_errors(value))
    return [f"{best([each]).json_path}: {best([each]).message}"[:500] for each in found]


def refused_by_jenkins(text: str) -> str:
    """What Jenkins' xUnit plugin, which checks by this schema, has against a JUnit document."""
    words = ["xmllint", "--noout", "--nonet", "--schema", str(SCHEMAS / "junit-10.xsd"), "-"]
    done = subprocess.run(words, input=text.encode(), capture_output=True, timeout=60)
    return "" if done.returncode == 0 else done.stderr.decode()
