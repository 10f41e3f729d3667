# SPDX-License-Identifier: MIT
"""Something that was found about several threads, or about what they wait for."""

from typing import NamedTuple, Tuple

from ..read.threads import ThreadInfo


class Finding(NamedTuple):
    kind: str  # "stuck", ...
    confidence: str  # PROOF or SUSPICION
    text: str  # one sentence, whole
    threads: Tuple[ThreadInfo, ...]  # those that it is about, its members first
    members: int  # how many of them are; the others hang on them
    fix: str = ""
