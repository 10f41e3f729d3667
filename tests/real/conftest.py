# SPDX-License-Identifier: MIT
"""Core files: the kernel must write them, named core*, into the folder of the process (man 5 core)."""

import resource
import sys
from pathlib import Path
from typing import Iterator

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "gdb"))  # run_gdb.py

CORE_PATTERN = Path("/proc/sys/kernel/core_pattern")


@pytest.fixture(scope="session")
def cores() -> Iterator[None]:
    pattern = CORE_PATTERN.read_text(encoding="utf-8")
    limits = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (limits[1], limits[1]))
    is_plain = pattern.startswith("core") and "/" not in pattern
    if not is_plain:
        try:
            CORE_PATTERN.write_text("core\n", encoding="utf-8")
        except OSError as error:
            pytest.fail(f"core files go to {pattern.strip()!r}, which cannot be changed: {error}")
    yield
    if not is_plain:
        CORE_PATTERN.write_text(pattern, encoding="utf-8")
    resource.setrlimit(resource.RLIMIT_CORE, limits)
