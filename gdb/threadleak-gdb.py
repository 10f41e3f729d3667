# SPDX-License-Identifier: MIT
"""Gives GDB the command `threadleak`. `source` this file, or let GDB load it with the library."""

import os
import re
import sys

import gdb

# not __file__, which is that of another script if that one sources this (PyRun_SimpleFile sets it but once)
HERE = os.path.dirname(os.path.realpath((lambda: None).__code__.co_filename))
PACKAGE_DIR = HERE  # rewritten by `make install`

if int(re.search(r"\d+", gdb.VERSION).group()) < 12 or sys.version_info < (3, 9):
    gdb.write("threadleak needs GDB 12 or later, with Python 3.9 or later\n", gdb.STDERR)
else:
    if PACKAGE_DIR not in sys.path:
        sys.path.insert(0, PACKAGE_DIR)
    import threadleak.in_gdb  # noqa: F401  loading it twice does nothing
