# SPDX-License-Identifier: MIT
"""The programs, how they are built and seen, and what has to be said of them are those of tests/gdb."""

import os
import sys
from typing import Iterator

import pytest

sys.path.insert(0, os.path.dirname(__file__))
sys.path.insert(1, os.path.join(os.path.dirname(__file__), "..", "gdb"))
sys.path.append(os.path.join(os.path.dirname(__file__), "..", "engine"))  # schema.py

from growing import Growing  # noqa: E402
from workshop import Workshop  # noqa: E402
from fixtures import plain_core_pattern, workshop  # noqa: E402, F401


@pytest.fixture
def growing(workshop: Workshop) -> Iterator[Growing]:
    made = Growing(workshop.program("grows").path)
    yield made
    made.kill()
