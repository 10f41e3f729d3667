# SPDX-License-Identifier: MIT
"""threadleak's engine: target -> read -> judge -> show. See docs/abi.md for the bytes that it reads.

Pure Python: only `target/debugger*.py` and `in_gdb.py` import gdb.
"""

VERSION = "0.3.0"
