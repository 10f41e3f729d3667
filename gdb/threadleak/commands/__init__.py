# SPDX-License-Identifier: MIT
"""The subcommands, one module each, the same in GDB and in the shell.

A module has NAME, parser(shell) and run(session, options). `shell`: whether its parser is for the shell's command
line, where targets are named. verify.py, which people do not call, is none of these. Nothing is imported here: it
passes through, and is in a hurry.
"""

from types import ModuleType
from typing import Dict

NAMES = (
    "list",
    "explain",
    "groups",
    "graph",
    "filter",
    "suggest",
    "check",
    "info",
    "stacks",
    "diff",
    "history",
    "trace",
)


def module(name: str) -> ModuleType:
    import importlib

    return importlib.import_module(f"{__name__}.{name.replace('-', '_')}")


def modules() -> Dict[str, ModuleType]:
    return {name: module(name) for name in NAMES}
