# SPDX-License-Identifier: MIT
"""What is looked at: a process, a core file, a GDB session."""
