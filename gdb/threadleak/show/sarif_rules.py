# SPDX-License-Identifier: MIT
"""The classes as SARIF's rules: what an alert is called, what it means, and what to do about it."""

from typing import Any, Dict, List, NamedTuple

from ..judge.classes import ALIVE, ALL, CROWD, LEAKED, OUTLIVED, STUCK, UNJOINED, UNTRACKED


class _Rule(NamedTuple):
    name: str
    short: str
    full: str
    fix: str


_RULES = {
    UNJOINED: _Rule(
        "UnjoinedThread",
        "A thread finished, and nobody joined it.",
        "A joinable thread finished and was neither joined nor detached. Its stack stays mapped until the process ends;"
        " with enough of them pthread_create fails with EAGAIN.",
        "Join it where it is created (`pthread_join`, `std::thread::join`), on every way out of the function that made"
        " it, errors included; or detach it if nobody needs its result.",
    ),
    STUCK: _Rule(
        "StuckThread",
        "A thread waits for what can never come.",
        "Nothing can wake this thread: it is in a deadlock, hangs on one, or waits for a lock whose owner is gone or for"
        " the end of a thread that cannot end.",
        "Take locks in one order everywhere; unlock on every way out, a thread's end included; and do not join while"
        " holding a lock that the joined thread needs.",
    ),
    OUTLIVED: _Rule(
        "OutlivedThread",
        "A thread is alive although its test, request or process is over.",
        "A thread that was created inside a scope (a test, a request, the process) was still running when that ended. It"
        " may use what is being destroyed, and every repetition adds another one.",
        "Tell it to end (a flag and a notification, a closed channel), and join it before its scope ends. If it is"
        " meant to stay, a rule with its reason says so.",
    ),
    CROWD: _Rule(
        "CrowdOfThreads",
        "Many threads made at one place wait at one place.",
        "An unusual number of threads that one place made are blocked at one place: a suspicion, and no proof, that"
        " they are never told to end.",
        "If they should have ended, tell them to, and join them; else a rule can expect them.",
    ),
    ALIVE: _Rule(
        "AliveThread",
        "A thread is alive.",
        "Nothing says that this thread should not be there; it fails because `--fail-on alive` asked for that.",
        "Nothing has to be mended, unless the process should have no such threads here.",
    ),
    UNTRACKED: _Rule(
        "UntrackedThread",
        "A thread whose creation was not seen.",
        "The kernel has this thread and the registry does not: it was made by clone(), or before the library was"
        " loaded.",
        "Load the library when the program starts (`LD_PRELOAD`), so that it sees all creations.",
    ),
}


def rules() -> List[Dict[str, Any]]:
    """As `tool.driver.rules` has them; a rule's place here is its `ruleIndex`."""
    return [_descriptor(class_, _RULES[class_]) for class_ in ALL]


def _descriptor(class_: str, rule: _Rule) -> Dict[str, Any]:
    level = "error" if class_ in LEAKED else "warning"
    return {
        "id": class_,
        "name": rule.name,
        "shortDescription": {"text": rule.short},
        "fullDescription": {"text": rule.full},
        "help": {
            "text": f"{rule.full} {rule.fix}",
            "markdown": f"{rule.full}\n\n**What to do.** {rule.fix}\n",
        },
        "defaultConfiguration": {"level": level},
        "properties": {
            "tags": ["concurrency", "reliability", "threads"],
            "precision": "very-high" if class_ in LEAKED else "medium",
            "problem.severity": level,
        },
    }
