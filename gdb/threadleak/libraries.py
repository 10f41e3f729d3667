# SPDX-License-Identifier: MIT
"""Where our own shared libraries and programs lie: in build/ of the checkout, or where `make install` put them."""

import os

# From this file's folder, so that an installed tree works wherever it is moved to or staged.
LIBRARY_DIR = "../../build"  # rewritten by `make install`
PROGRAM_DIR = "../../build"  # the same

_FOLDERS = ("/lib", "/lib64", "/lib/x86_64-linux-gnu")
_SEARCHED = _FOLDERS + tuple("/usr" + each for each in _FOLDERS)  # by ld.so(8), unasked


def library() -> str:
    """The one that a watched process has, by the name that a package without headers has too."""
    return _path(LIBRARY_DIR, "libthreadleak.so.0")


def preload() -> str:
    """What a program is to be started with, in the environment: LD_PRELOAD=libthreadleak.so. With the path, where the
    dynamic linker would not find it."""
    path = _path(LIBRARY_DIR, "libthreadleak.so")
    if not os.path.exists(path):  # a package without headers
        path = library()
    folder, name = os.path.split(path)
    return "LD_PRELOAD=" + (name if folder in _SEARCHED else path)


def probe() -> str:
    return _path(LIBRARY_DIR, "libthreadleak-probe.so")


def core_handler() -> str:
    return _path(PROGRAM_DIR, "threadleak-core-handler")


def _path(folder: str, name: str) -> str:
    here = os.path.dirname(os.path.realpath(__file__))
    return os.path.join(os.path.realpath(os.path.join(here, folder)), name)
