# SPDX-License-Identifier: MIT
"""Points in time as text, in the time zone of whoever reads."""

import time
from typing import Optional

FORMAT = "%Y-%m-%d %H:%M:%S"


def clock(epoch: Optional[float], with_ms: bool = False, with_zone: bool = False) -> str:
    """Empty where the time is unknown, or no time at all, as in damaged memory."""
    if epoch is None:
        return ""
    try:
        local = time.localtime(epoch)
        text = time.strftime(FORMAT, local)
    except (OverflowError, ValueError, OSError):
        return ""
    text += f".{int(epoch % 1 * 1000):03d}" if with_ms else ""
    return f"{text} {time.strftime('%z', local)}" if with_zone else text
