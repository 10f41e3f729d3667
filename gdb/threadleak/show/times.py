# SPDX-License-Identifier: MIT
"""Points in time as text, in the time zone of whoever reads."""

import time
from typing import Optional

FORMAT = "%Y-%m-%d %H:%M:%S"


def clock(epoch: Optional[float], with_ms: bool = False) -> str:
    """Empty where the time is unknown, or no time at all, as in damaged memory."""
    if epoch is None:
        return ""
    try:
        text = time.strftime(FORMAT, time.localtime(epoch))
    except (OverflowError, ValueError, OSError):
        return ""
    return f"{text}.{int(epoch % 1 * 1000):03d}" if with_ms else text
