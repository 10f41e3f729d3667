# SPDX-License-Identifier: MIT
"""Python packages that one format or command needs, and nothing else: found and loaded when that is asked for."""

import sys
from types import ModuleType

from . import lean_typing


def load(name: str) -> ModuleType:
    """A module of the interpreter's own site-packages, never a user's; ImportError if it is not installed.

    The shell command starts without them (-S), and with a stand-in for typing (lean_typing.py) that only our own
    modules can do with.
    """
    import importlib

    lean_typing.remove()
    if "site" not in sys.modules:
        import site

        sys.path += [each for each in site.getsitepackages() if each not in sys.path]
    return importlib.import_module(name)


def wanted(what: str, package: str, debian: str) -> str:
    """The sentence for whoever has it not."""
    return f"{what} needs the Python package {package}: install {debian}, as Debian calls it"
