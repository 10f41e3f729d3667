# SPDX-License-Identifier: MIT
"""The engine is imported from gdb/ itself, never from the root of the repository, where the folder gdb/ would
pass for GDB's own module.

The property tests try the same examples each time, so that whoever changes one thing hears of that alone;
`make fuzz` looks for new ones (`--hypothesis-profile=explore`). None fails for being slow: machines are."""

import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "gdb"))

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", UNHURRIED, derandomize=True)
settings.register_profile("explore", UNHURRIED, print_blob=True)
settings.load_profile("same")

from verifying import Checks  # noqa: E402


@pytest.fixture
def check(capfd: "pytest.CaptureFixture[str]") -> Checks:
    return Checks(capfd)
