# SPDX-License-Identifier: MIT
"""The language of rules, which say what threads are expected. One a line:

    name:worker-* pool threads live as long as the process
    module:libfoo.so* start:pump_main max=4 until=2027-06-30 gone with foo 3
    class=unjoined site:old_api_start its join comes with the next release

Conditions, all of which must hold, then the reason, which is required. FIELD:GLOB, where a blank in a glob is
written `?`; the fields are those of FIELDS. The others:
    class=CLASS[,CLASS]   of these classes; without it, of all but `unjoined` and `stuck`
    detached=yes|no
    idle=yes|no           whether its stack holds no function but those of well-known libraries (wrappers.txt)
    max=N                 no more than N threads; those beyond it are not expected
    until=YYYY-MM-DD      that day is the last
A finished thread that nobody joined keeps its stack, whatever it did, and a thread that nothing can wake is no good
to anybody: a rule speaks of other threads, unless it names a class. `#` begins a comment line.
"""

from typing import Callable, List, NamedTuple, Optional, Tuple

from . import classes
from .globs import matcher

# Field -> what its glob is compared with. In the order in which they are asked: what is the same for all threads of
# one creation first, where names of functions cost more; then of each thread, where its stack costs most.
FIELDS = {
    "module": "file, or the file's name alone, that the start routine lies in",
    "through": "file, or its name alone, of any frame of the creation stack",
    "scope": "name of the scope, or of one around it",
    "start": "function of the start routine",
    "site": "any function of the creation stack",
    "fingerprint": "fingerprint of the creation",
    "name": "name of the thread",
    "top": "function that the thread is in; in libc, also the one that called it",
    "stack": "any function of the stack that the thread has now",
}
MADE_BY = (
    "made by"  # of foreign.py: function, source file or file of any frame of the creation stack
)
_OF_CREATION = {"module", "through", "fingerprint", "start", "site", MADE_BY}
_OF_MOMENT = ("top", "stack", "idle")
_OF_THREAD = ("name", *_OF_MOMENT)
OPTIONS = ("class", "detached", "idle", "max", "until")
PLACEHOLDER = "WHY (say why such a thread is expected)"  # of `suggest`: a reason is yet to be given
_ORDER = {field: order for order, field in enumerate(("detached", MADE_BY, *FIELDS, "idle"))}
_ALIVE = tuple(each for each in classes.ALL if each not in (classes.UNJOINED, classes.STUCK))

ValuesOf = Callable[[str], Tuple[str, ...]]  # field, or another key -> what a glob may match


class RuleError(Exception):
    """One sentence; of a rule in a file it begins with FILE:LINE."""


class Condition(NamedTuple):
    field: str
    glob: str
    matches: Callable[[str], object]


class Rule:
    """`origin`: where it was written, for people: a file and a line, "built in" ..."""

    def __init__(self, pattern: str, reason: str, origin: str = "", line: str = ""):
        self.pattern = pattern  # the conditions, as written: what names the rule
        self.reason = reason
        self.origin = origin
        self._line = line
        self.of_creation: List[Condition] = []  # the same for threads that are created alike
        self.of_scope: List[Condition] = []
        self.of_thread: List[Condition] = []
        self.classes: Tuple[str, ...] = _ALIVE
        self.max: Optional[int] = None
        self.until = ""
        self.taken = 0  # threads that it expects, as far as `max` counts them
        self.beyond = 0  # threads that it would expect, but for `max`

    def __str__(self) -> str:
        """As it stands in a file."""
        return self._line or f"{self.pattern} {self.reason}"

    @property
    def told(self) -> str:
        """The rule and where it came from, as `expected_by` has it."""
        return f"{self.pattern} {self.reason}" + (f" ({self.origin})" if self.origin else "")

    @property
    def conditions(self) -> List[Condition]:
        return self.of_creation + self.of_scope + self.of_thread

    @property
    def is_of_creation(self) -> bool:
        """Whether it holds for every thread of that creation, so that the site can be marked with it."""
        fields = {condition.field for condition in self.conditions}
        alike = self.classes == _ALIVE or self.covers_unjoined and len(self.classes) > 1
        return fields <= _OF_CREATION and alike and self.max is None

    @property
    def is_of_moment(self) -> bool:
        """Whether it speaks of what a thread does just now."""
        return any(condition.field in _OF_MOMENT for condition in self.of_thread)

    @property
    def is_of_kind(self) -> bool:
        """Whether it holds for all threads that are alike in creation, scope and class, or for none."""
        return self.max is None and not self.of_thread

    @property
    def covers_unjoined(self) -> bool:
        return classes.UNJOINED in self.classes

    def is_over(self, today: str) -> bool:
        return bool(self.until) and self.until < today

    def may_apply(self, values: ValuesOf) -> bool:
        """As far as its thread is concerned: all holds but `idle`, of which its stack tells nothing."""
        known = [condition for condition in self.of_thread if condition.field != "idle"]
        is_untold = len(known) < len(self.of_thread) and not values("idle")
        return is_untold and all_hold(known, values)

    def applies(self, class_: str, values: ValuesOf) -> bool:
        return class_ in self.classes and all_hold(self.conditions, values)

    def add(self, key: str, value: str) -> None:
        if key in FIELDS or key == MADE_BY:
            if not value:
                raise RuleError(f"the rule {key}: has no glob")
            self._demand(Condition(key, value, matcher(value)))
        elif key == "class":
            self.classes = _classes(value)
        elif key in ("detached", "idle"):
            if value not in ("yes", "no"):
                raise RuleError(f"{key}={value}: it is yes or no")
            self._demand(Condition(key, value, value.__eq__))
        elif key == "max":
            if not value.isdecimal() or not 0 < len(value) < 10 or int(value) == 0:
                raise RuleError(f"max={value}: it is a number of threads")
            self.max = int(value)
        else:
            self.until = _day(value)

    def _demand(self, condition: Condition) -> None:
        conditions = self.of_scope if condition.field == "scope" else self.of_creation
        if condition.field in _OF_THREAD:
            conditions = self.of_thread
        conditions.append(condition)
        conditions.sort(key=lambda each: _ORDER[each.field])


def all_hold(conditions: List[Condition], values: ValuesOf) -> bool:
    for field, _, matches in conditions:
        if not any(map(matches, values(field))):
            return False
    return True


def parse_rule(line: str, origin: str = "") -> Rule:
    words = line.split()
    count = 0
    rule = Rule("", "", origin)
    for word in words:
        pair = _condition(word)
        if pair is None:
            break
        rule.add(*pair)
        count += 1
    rule.pattern, rule.reason = " ".join(words[:count]), " ".join(words[count:])
    if not any(condition.field in FIELDS for condition in rule.conditions):
        raise RuleError(f"a rule is FIELD:GLOB REASON, with a field of {', '.join(FIELDS)}")
    if not rule.reason:
        raise RuleError(f"the rule {rule.pattern} has no reason: say why such a thread is expected")
    if PLACEHOLDER in rule.reason:
        raise RuleError(
            f"the rule {rule.pattern} has no reason yet: replace `{PLACEHOLDER}` by one"
        )
    return rule


def _condition(word: str) -> Optional[Tuple[str, str]]:
    """None: the reason begins here. What looks like a condition and is none would make the rule say more than
    it was meant to."""
    for sign, known in ((":", tuple(FIELDS)), ("=", OPTIONS)):
        key, found, value = word.partition(sign)
        if found and key in known:
            return key, value
    key = word.partition(":")[0].partition("=")[0]
    rest = word[len(key) + 1 :]
    if rest and key.isalpha() and key.islower() and not rest.startswith("//"):
        fields, options = ", ".join(FIELDS), ", ".join(OPTIONS)
        raise RuleError(
            f"{word!r} is no condition: FIELD:GLOB has a field of {fields}, and KEY=VALUE is one of {options}"
        )
    return None


def _classes(text: str) -> Tuple[str, ...]:
    names = tuple(text.split(","))
    for name in names:
        if name not in classes.ALL:
            raise RuleError(f"unknown class {name!r}; the classes are {', '.join(classes.ALL)}")
    return names


def _day(text: str) -> str:
    parts = text.split("-")
    is_day = [len(part) for part in parts] == [4, 2, 2] and all(part.isdecimal() for part in parts)
    if not is_day or not 1 <= int(parts[1]) <= 12 or not 1 <= int(parts[2]) <= 31:
        raise RuleError(f"until={text}: it is a day, YYYY-MM-DD")
    return text
