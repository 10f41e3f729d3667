# SPDX-License-Identifier: MIT
"""Where our own shared libraries and programs lie: in build/ of the checkout, or where `make install` put them."""

import os

_HERE = os.path.dirname(os.path.realpath(__file__))
LIBRARY_DIR = os.path.join(_HERE, "..", "..", "build")  # rewritten by `make install`

PROGRAM_DIR = os.path.join(_HERE, "..", "..", "build")  # the same


def library() -> str:
    """The one that a watched process has, by the name that a package without headers has too."""
    return os.path.join(os.path.realpath(LIBRARY_DIR), "libthreadleak.so.0")


def probe() -> str:
    return os.path.join(os.path.realpath(LIBRARY_DIR), "libthreadleak-probe.so")


def core_handler() -> str:
    return os.path.join(os.path.realpath(PROGRAM_DIR), "threadleak-core-handler")
