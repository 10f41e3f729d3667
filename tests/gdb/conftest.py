# SPDX-License-Identifier: MIT
"""The tests share their fixtures with tests/shell. Some look with the engine too, outside of GDB."""

import os
import sys
from typing import List

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "..", "gdb")]

from fixtures import plain_core_pattern, workshop  # noqa: E402, F401
from observe import CORE  # noqa: E402
from workshop import Workshop  # noqa: E402


@pytest.fixture(scope="module")
def core(workshop: Workshop) -> List[str]:  # noqa: F811
    """What GDB is started with to look at a core of leaky.c."""
    return CORE.arguments(workshop, workshop.program("leaky"))
