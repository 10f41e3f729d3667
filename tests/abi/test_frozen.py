# SPDX-License-Identifier: MIT
"""Images of registries that every later reader must read as the one of their time did."""

import json
from pathlib import Path

import pytest
from frozen import FrozenTarget, describe, load
from threadleak.read import abi

IMAGES = sorted(Path(__file__).parent.glob("registry-*.bin"))


def test_the_current_version_has_an_image() -> None:
    assert f"registry-{abi.MAJOR}.{abi.MINOR}.bin" in [path.name for path in IMAGES]


@pytest.mark.parametrize("path", IMAGES, ids=lambda path: path.stem)
def test_reading_gives_what_it_gave(path: Path) -> None:
    expected = json.loads(path.with_suffix(".json").read_text())
    assert json.loads(json.dumps(describe(FrozenTarget(load(path))))) == expected
