# SPDX-License-Identifier: MIT
"""What a saved report says, checked before it is believed, and whether it can tell all itself."""

from typing import Any, Dict, Optional

COUNT_MAX = 1 << 40  # of threads; whoever claims more is not believed
NAMES_MAX = 256  # characters of a host's name, or a program's
WHY_MAX = 300  # of a reason


class Unlike(ValueError):
    """What in a document is not as in a report."""


def why_not(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"it has no {error}"
    if isinstance(error, Unlike):
        return str(error)
    return "it is not as `threadleak groups --format json` writes it"


def why_blind(document: Dict[str, Any], unlisted: int) -> str:
    """As the command that wrote it ended with 2 for want of leaks, or as an option left `unlisted` leaked threads
    out; "": it can tell all."""
    for each in document.get("findings") or []:
        if each["blind"]:
            return str(each["text"])[:WHY_MAX]
    dropped = count_of(document["registry"].get("dropped") or 0)
    if dropped:
        return f"{dropped:,} thread{'s' if dropped > 1 else ''} dropped for lack of room"
    if any(each["leaked"] is None for each in document["groups"]):
        return "it does not say which threads leaked"
    if unlisted:
        return f"{unlisted:,} leaked thread{'s' if unlisted > 1 else ''} left out by an option"
    return ""


def count_of(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= COUNT_MAX:
        raise Unlike(f"{str(value)[:40]!r} is no number of threads")
    return value


def time_of(value: Any) -> Optional[float]:
    if value is None:
        return None
    if type(value) not in (int, float) or not 0 <= value < 1 << 40:
        raise Unlike(f"{str(value)[:40]!r} is no time")
    return float(value)


def name_of(value: Any) -> Optional[str]:
    if value is not None and not isinstance(value, str):
        raise Unlike(f"{str(value)[:40]!r} is no name")
    return value[-NAMES_MAX:] if value else None
