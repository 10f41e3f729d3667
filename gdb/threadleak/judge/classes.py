# SPDX-License-Identifier: MIT
"""The classes of threads. A thread has one, the most specific."""

UNJOINED = "unjoined"  # finished, joinable, nobody joined it: its stack is still mapped
STUCK = "stuck"  # alive, and provably nothing can wake it
OUTLIVED = "outlived"  # alive although its scope ended, or the process is exiting
CROWD = "crowd"  # one of many that are alive, made at one site and blocked at one place: never leaked by that
ALIVE = "alive"
UNTRACKED = "untracked"  # alive in the process, not in the registry

ALL = (UNJOINED, STUCK, OUTLIVED, CROWD, ALIVE, UNTRACKED)  # the order of every report
LEAKED = (UNJOINED, STUCK, OUTLIVED)  # unless expected

PROOF, SUSPICION = "proof", "suspicion"
