# SPDX-License-Identifier: MIT
"""What has to be said of each thread of tests/programs/leaky.c, and every way in which it can be looked at."""

import os
from typing import Any, Dict, NamedTuple, Optional, Tuple

from observe import CORE, CORE_ALONE, LIVE, Look, functions, own_frame
from workshop import EMBEDDED, HIDDEN, LIBRARY, LINKED, PRELOADED, STATIC, STATIC_PIE, line_of

SUMMARY = "threadleak: 5 leaked threads (4 unjoined, 1 outlived) of 11"
ORPHAN = 3


class Expected(NamedTuple):
    class_: str
    state: str
    confidence: Optional[str]  # of one that leaked
    scope: Optional[str]
    start: str
    made_in: Tuple[str, ...]  # functions of the creation stack, innermost first
    comment: str  # on the line that creates it
    creator: int = 1
    detached: bool = False

    def said(self, number: int, offsets: Dict[str, int], has_names: bool) -> Dict[str, Any]:
        """As said_of() gives it."""
        line = line_of("leaky", f"/* creates {self.comment} */")
        is_leaked = self.confidence is not None
        return {
            "id": number,
            "class": self.class_,
            "state": self.state,
            "leaked": is_leaked,
            "confidence": self.confidence,
            "scope": self.scope,
            "creator": self.creator,
            "detached": self.detached,
            "fix": is_leaked,
            "start": ("leaky", hex(offsets[self.start]), self.start if has_names else None),
            "made_in": list(self.made_in) if has_names else [],
            "own_module": "leaky",
            "own_place": ("leaky.c", line) if has_names else None,
            "complete": True,
        }


SERVE, START, FORGET = (
    ("serve_request", "main"),
    ("start_services", "main"),
    ("forget_threads", "main"),
)
HANDLE = ("handle_request", SERVE, "requests")
# What the comment at the top of leaky.c says, in the order of creation.
THREADS = {
    "orphan": Expected("alive", "blocked", None, None, "be_orphan", ("be_helper",), "orphan", 2),
    "request-1": Expected("unjoined", "finished", "proof", "request", *HANDLE),
    "request-2": Expected("unjoined", "finished", "proof", "request", *HANDLE),
    "straggler": Expected(
        "outlived", "blocked", "proof", "request", "be_straggler", SERVE, "straggler"
    ),
    "pool": Expected("alive", "blocked", None, "session", "be_pool", START, "pool"),
    "daemon": Expected(
        "alive", "blocked", None, "session", "be_daemon", START, "daemon", detached=True
    ),
    "exiter": Expected(
        "unjoined", "finished", "suspicion", "session", "be_exiter", FORGET, "exiter"
    ),
    "c11": Expected("unjoined", "finished", "suspicion", "session", "be_c11", FORGET, "c11"),
    "awaited": Expected("alive", "blocked", None, "session", "be_awaited", ("main",), "awaited"),
    "waiter": Expected("alive", "blocked", None, "session", "be_waiter", ("main",), "waiter"),
}
ALL_FUNCTIONS = {function for expected in THREADS.values() for function in expected.made_in}


class Form(NamedTuple):
    """A way to build the program, and a way to look at it."""

    link: str
    look: Look
    strip: bool = False

    @property
    def has_names(self) -> bool:
        return self.look.with_program and not self.strip

    @property
    def names_creation(self) -> bool:
        """If GDB has no program, by the file that the registry names, which must have the build-id that it had."""
        return not self.strip and (self.look.with_program or self.link != STATIC)


PRELOAD_TOO = Look(core=True, preload=LIBRARY)
FORMS = {
    "live": Form(PRELOADED, LIVE),
    "core": Form(PRELOADED, CORE),
    "core alone": Form(PRELOADED, CORE_ALONE),
    "stripped, live": Form(PRELOADED, LIVE, strip=True),
    "stripped, core": Form(PRELOADED, CORE, strip=True),
    "linked, live": Form(LINKED, LIVE),
    "linked, core": Form(LINKED, CORE),
    "embedded, live": Form(EMBEDDED, LIVE),
    "embedded, core": Form(EMBEDDED, CORE),
    "embedded and stripped, core": Form(EMBEDDED, CORE, strip=True),
    "static, live": Form(STATIC, LIVE),
    "static, core": Form(STATIC, CORE),
    "static, core alone": Form(STATIC, CORE_ALONE),
    "static and stripped, live": Form(STATIC, LIVE, strip=True),
    "static and stripped, core": Form(STATIC, CORE, strip=True),
    "static-pie, live": Form(STATIC_PIE, LIVE),
    "static-pie, core": Form(STATIC_PIE, CORE),
    "embedded and preloaded, core": Form(EMBEDDED, PRELOAD_TOO),
    "hidden and preloaded, live": Form(HIDDEN, PRELOAD_TOO._replace(core=False)),
    "hidden and preloaded, core": Form(HIDDEN, PRELOAD_TOO),
    "hidden and preloaded, core alone": Form(HIDDEN, PRELOAD_TOO._replace(with_program=False)),
}


def said_of(thread: Dict[str, Any]) -> Dict[str, Any]:
    """What of a thread's JSON the table speaks of."""
    own, start = own_frame(thread), thread["start"]
    keys = ("id", "class", "state", "leaked", "confidence", "scope", "creator", "detached")
    return {
        **{key: thread[key] for key in keys},
        "fix": bool(thread["fix"]),
        "start": (os.path.basename(start["module"]), start["offset"], start["function"]),
        "made_in": [each for each in functions(thread) if each in ALL_FUNCTIONS],
        "own_module": os.path.basename(own["module"]),
        "own_place": own["file"] and (os.path.basename(own["file"]), own["line"]),
        "complete": thread["creation_stack_complete"],
    }
