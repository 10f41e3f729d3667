# SPDX-License-Identifier: MIT
"""Rules that say which threads are expected, one a line:

    name:worker-* pool threads live as long as the process
    class=unjoined site:old_api_start its join comes with the next release

FIELD:GLOB, then the reason, which is required. Globs as in fnmatch, case-sensitive; a blank in one is
written `?`. The fields:
    name    of the thread
    start   function of the start routine
    module  file, or the file's name alone, that the start routine lies in
    site    any function of the creation stack, as `start` with or without its C++ argument list
    scope   name of the scope, or of one around it
A finished thread that nobody joined keeps its stack, whatever it did: a rule speaks of threads that are
alive, unless it begins with class=CLASS and so speaks of that class alone. `#` begins a comment line.
"""

import re
from fnmatch import translate
from typing import Callable, Dict, Iterable, List, Optional, Tuple

from . import classes

FIELDS = ("name", "start", "module", "site", "scope")

ValuesOf = Callable[[str], Tuple[str, ...]]  # field -> what a glob may match


class RuleError(Exception):
    """One sentence; of a rule in a file it begins with FILE:LINE."""


class Rule:
    def __init__(self, field: str, glob: str, reason: str, class_: Optional[str] = None):
        self.field = field
        self.glob = glob
        self.reason = reason
        self.class_ = class_
        self.used = 0
        self._match = re.compile(translate(glob)).match
        self._known: Dict[Tuple[str, ...], bool] = {}

    @property
    def pattern(self) -> str:
        """Without the reason: what names the rule."""
        prefix = f"class={self.class_} " if self.class_ else ""
        return f"{prefix}{self.field}:{self.glob}"

    def __str__(self) -> str:
        return f"{self.pattern} {self.reason}"

    def applies(self, class_: str, values: ValuesOf) -> bool:
        if class_ == classes.UNJOINED if self.class_ is None else class_ != self.class_:
            return False
        candidates = values(self.field)
        if candidates not in self._known:
            self._known[candidates] = any(self._match(value) for value in candidates)
        return self._known[candidates]


def parse_rule(line: str) -> Rule:
    class_ = None
    if line.startswith("class="):
        word, _, line = line.partition(" ")
        class_ = word[len("class=") :]
        if class_ not in classes.ALL:
            raise RuleError(f"unknown class {class_!r}; the classes are {', '.join(classes.ALL)}")
    words = line.split(None, 1)
    field, colon, glob = words[0].partition(":") if words else ("", "", "")
    if not colon or field not in FIELDS:
        raise RuleError(f"a rule is FIELD:GLOB REASON, with a field of {', '.join(FIELDS)}")
    if not glob:
        raise RuleError(f"the rule {field}: has no glob")
    if len(words) < 2 or not words[1].strip():
        raise RuleError(f"the rule {field}:{glob} has no reason: say why such a thread is expected")
    return Rule(field, glob, " ".join(words[1].split()), class_)


def load_rules(path: str) -> List[Rule]:
    rules = []
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RuleError(f"the rules in {path} cannot be read: {error}") from None
    for number, line in enumerate(lines, 1):
        line = line.strip()
        if line and not line.startswith("#"):
            try:
                rules.append(parse_rule(line))
            except RuleError as error:
                raise RuleError(f"{path}:{number}: {error}") from None
    return rules


def save_rules(path: str, rules: Iterable[Rule]) -> None:
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(f"{rule}\n" for rule in rules)
    except OSError as error:
        raise RuleError(f"the rules cannot be written: {error}") from None


def first_match(rules: List[Rule], class_: str, values: ValuesOf) -> Optional[Rule]:
    for rule in rules:
        if rule.applies(class_, values):
            rule.used += 1
            return rule
    return None
