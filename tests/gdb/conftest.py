# SPDX-License-Identifier: MIT
"""The tests share their fixtures with tests/shell."""

import os
import sys

sys.path.insert(0, os.path.dirname(__file__))

from fixtures import plain_core_pattern, workshop  # noqa: E402, F401
