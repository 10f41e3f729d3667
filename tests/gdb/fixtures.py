# SPDX-License-Identifier: MIT
"""One workshop for the whole session. Core files must be plain files: the kernel writes them where the
program runs only if its pattern is a plain name.
"""

import signal
import tempfile
from typing import Iterator

import pytest
from workshop import Workshop

CORE_PATTERN = "/proc/sys/kernel/core_pattern"

# Where a shell in the background runs the tests, SIGINT is ignored, and would be by all programs that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def plain_core_pattern() -> Iterator[None]:
    """Sets a plain pattern for as long as the tests run, where another one is in force."""
    with open(CORE_PATTERN, encoding="utf-8") as file:
        before = file.read().strip()
    if "/" not in before and not before.startswith("|"):
        yield
        return
    try:
        with open(CORE_PATTERN, "w", encoding="utf-8") as file:
            file.write("core")
    except OSError as error:
        pytest.fail(f"the pattern of core files is {before!r}, and cannot be changed: {error}")
    yield
    with open(CORE_PATTERN, "w", encoding="utf-8") as file:
        file.write(before)


@pytest.fixture(scope="session")
def workshop(plain_core_pattern: None) -> Iterator[Workshop]:
    """In a folder with a short name: reports cut long paths."""
    with tempfile.TemporaryDirectory(prefix="threadleak-") as folder:
        made = Workshop(folder)
        yield made
        made.close()
