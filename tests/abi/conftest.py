# SPDX-License-Identifier: MIT
"""The engine is imported from gdb/ itself, never from the root of the repository, where the folder gdb/ would
pass for GDB's own module."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "gdb"))
