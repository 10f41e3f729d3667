# SPDX-License-Identifier: MIT
"""Ctrl-C as an event that is waited for, so that what was seen until then can be told."""

import os
import signal
from types import FrameType
from typing import Optional


class Interrupt:
    """The first SIGINT is kept, the next one ends us. What we were started to ignore stays ignored."""

    def __init__(self) -> None:
        self.came = False
        self.fd, self._wake = os.pipe()  # can be read once it came
        if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
            signal.signal(signal.SIGINT, self._keep)

    def _keep(self, number: int, frame: Optional[FrameType]) -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        self.came = True
        os.write(self._wake, b"!")
