# SPDX-License-Identifier: MIT
"""The tests share their fixtures with tests/shell. Some look with the engine too, outside of GDB."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "..", "gdb")]

from fixtures import plain_core_pattern, workshop  # noqa: E402, F401
