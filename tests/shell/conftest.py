# SPDX-License-Identifier: MIT
"""The programs, how they are built and seen, and what has to be said of them are those of tests/gdb."""

import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
sys.path.insert(1, os.path.join(os.path.dirname(__file__), "..", "gdb"))
sys.path.append(os.path.join(os.path.dirname(__file__), "..", "engine"))  # schema.py

from fixtures import plain_core_pattern, workshop  # noqa: E402, F401
