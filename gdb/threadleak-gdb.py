# SPDX-License-Identifier: MIT
"""Gives GDB the command `threadleak`. `source` this file, or let GDB load it with the library."""

import os
import sys

import gdb

# not __file__, which is that of another script if that one sources this (PyRun_SimpleFile sets it but once)
HERE = os.path.dirname(os.path.realpath((lambda: None).__code__.co_filename))
PACKAGE_DIR = HERE  # rewritten by `make install`

if int(gdb.VERSION.split(".")[0]) < 12 or sys.version_info < (3, 9):
    raise gdb.GdbError("threadleak needs GDB 12 or later, with Python 3.9 or later")
if PACKAGE_DIR not in sys.path:
    sys.path.insert(0, PACKAGE_DIR)
import threadleak.in_gdb  # noqa: E402,F401  loading it twice does nothing
