# SPDX-License-Identifier: MIT
"""The engine is imported from gdb/ itself, never from the root of the repository, where the folder gdb/ would
pass for GDB's own module.

The property tests try the same examples each time, so that whoever changes one thing hears of that alone;
`make fuzz` looks for new ones (`--hypothesis-profile=explore`)."""

import sys
from pathlib import Path

from hypothesis import settings

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "gdb"))

settings.register_profile("same", derandomize=True)
settings.register_profile("explore", print_blob=True)
settings.load_profile("same")
