# SPDX-License-Identifier: MIT
"""Rules for threads that well-known runtimes and libraries keep in the background: builtin.txt is the data."""

import os
from functools import lru_cache
from typing import List

from .rule_files import parse_rules
from .rules import Rule

VERSION = 2  # goes up with each change of builtin.txt
ORIGIN = f"built in, version {VERSION}"


@lru_cache(maxsize=None)
def rules() -> List[Rule]:
    path = os.path.join(os.path.dirname(__file__), "builtin.txt")
    with open(path, encoding="utf-8") as file:
        return parse_rules(file, ORIGIN, path)
