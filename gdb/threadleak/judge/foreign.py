# SPDX-License-Identifier: MIT
"""Lines of other tools that say which leaks are known, taken as rules.

ThreadSanitizer's suppressions (its manual, "Suppressions"; compiler-rt, sanitizer_common/sanitizer_suppressions.cpp):
`thread:TEMPLATE` speaks of finished threads that were not joined, and is compared with function, source file and
file of each frame of the creation stack, anywhere in it unless `^` or `$` says otherwise; `*` stands for any text.
Those of other kinds, as `race:`, are no concern of ours.

goleak's options (uber-go/goleak, options.go), as they stand in a test: IgnoreTopFunction("f"), IgnoreAnyFunction("f"),
IgnoreCreatedBy("f").
"""

from typing import Optional

from ..patterns import Pattern
from .globs import escaped
from .rules import MADE_BY, Rule

_OTHER_KINDS = ("race", "race_top", "mutex", "signal", "deadlock", "called_from_lib")
_GOLEAK = Pattern(r'(?:goleak\.)?Ignore(TopFunction|AnyFunction|CreatedBy)\("([^"]+)"\),?$')
_GOLEAK_FIELDS = {"TopFunction": "top", "AnyFunction": "stack", "CreatedBy": "site"}


def is_foreign(line: str) -> bool:
    return (
        "Ignore" in line and bool(_GOLEAK.match(line)) or _kind(line) in ("thread", *_OTHER_KINDS)
    )


def foreign_rule(line: str, origin: str) -> Optional[Rule]:
    """Of a line that is foreign; None: it does not concern threads. Its reason is where it comes from."""
    if _kind(line) in _OTHER_KINDS:
        return None
    found = _GOLEAK.match(line)
    rule = Rule(line, "goleak option" if found else "TSan suppression", origin, line)
    if found:
        rule.add(_GOLEAK_FIELDS[found.group(1)], escaped(found.group(2)))
    else:
        rule.add("class", "unjoined")
        rule.add(MADE_BY, _template(line.partition(":")[2].strip()))
    return rule


def _kind(line: str) -> str:
    return line.partition(":")[0] if ":" in line else ""


def _template(text: str) -> str:
    """As a glob."""
    inner = text[text.startswith("^") : len(text) - text.endswith("$")]
    glob = "*".join(map(escaped, inner.split("*")))
    return ("" if text.startswith("^") else "*") + glob + ("" if text.endswith("$") else "*")
