# SPDX-License-Identifier: MIT
"""Leaks that are known, so that only new ones fail: a file that goes into the repository of the program.

    # threadleak baseline 1
    unjoined 0123456789abcdef 4 worker (server), made by start_workers (server)

Class, fingerprint of the creation, how many threads at most; the rest of a line is for people. Sorted by that, so
that a change is a small difference. The oldest threads are the known ones; those beyond the number are new.
"""

from collections import Counter
from typing import Dict, Iterable, List, Mapping, NamedTuple, Optional, Tuple

from .. import whole_file
from ..read.stacks import Stacks
from ..read.threads import ThreadInfo
from ..target.base import Frame
from . import classes
from .blame import first_own
from .fingerprint import bare_file, bare_function
from .rules import RuleError
from .values import Values
from .verdicts import Decision, Verdict

HEAD = "# threadleak baseline 1"
_ABOUT = """# Leaks that are known: class, fingerprint, how many threads. `--baseline FILE --update-baseline` removes
# what no longer leaks.
"""


class Key(NamedTuple):
    class_: str
    fingerprint: str


class Entry(NamedTuple):
    threads: int
    comment: str


class Baseline:
    def __init__(self, path: str, entries: Mapping[Key, Entry]):
        self.path = path
        self.entries = dict(entries)
        self.unused: List[
            Key
        ] = []  # of the last look: known leaks that are no more, in full or in part

    def apply(self, verdicts: Iterable[Verdict], values: Values) -> List[Tuple[Verdict, Key]]:
        """The known ones of these are expected from now on, and returned."""
        known: List[Tuple[Verdict, Key]] = []
        left = {key: entry.threads for key, entry in self.entries.items()}
        expected: Dict[Decision, Decision] = {}
        for verdict in verdicts:
            key = key_of(verdict, values) if verdict.leaked else None
            if key is None or not left.get(key, 0):
                continue
            left[key] -= 1
            before = verdict.decision
            if before not in expected:
                expected[before] = Decision(before.class_, before.confidence)
                expected[before].expect(f"baseline {self.path}")
            verdict.decision = expected[before]
            known.append((verdict, key))
        self.unused = [key for key, count in left.items() if count]
        return known

    def updated(self, found: Mapping[Key, Entry], force: bool) -> "Baseline":
        """With what leaks now. It only shrinks, unless `force`."""
        entries = dict(found)
        if not force:
            entries = {
                key: entry._replace(threads=min(entry.threads, self.entries[key].threads))
                for key, entry in found.items()
                if key in self.entries
            }
        return Baseline(self.path, entries)

    def save(self) -> None:
        rows = sorted((entry.comment, *key, entry.threads) for key, entry in self.entries.items())
        lines = [
            f"{class_} {print_} {count} {comment}\n" for comment, class_, print_, count in rows
        ]
        try:
            whole_file.replace(self.path, f"{HEAD}\n{_ABOUT}{''.join(lines)}")
        except OSError as error:
            raise RuleError(f"the baseline cannot be written: {error}") from None


def load(path: str) -> Baseline:
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
    except FileNotFoundError:
        raise RuleError(
            f"there is no baseline {path}: check or run with --update-baseline writes it"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise RuleError(f"the baseline {path} cannot be read: {error}") from None
    if lines[:1] != [HEAD] and any(lines):  # an empty file has no leaks
        raise RuleError(f"{path} is no baseline: its first line is not `{HEAD}`")
    entries: Dict[Key, Entry] = {}
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.startswith("#"):
            key, entry = _parsed(line, f"{path}:{number}")
            before = entries.get(key, Entry(0, ""))
            entries[key] = entry._replace(threads=before.threads + entry.threads)
    return Baseline(path, entries)


def _parsed(line: str, where: str) -> Tuple[Key, Entry]:
    words = line.split(None, 3)
    class_, print_, count = words[:3] if len(words) >= 3 else ("", "", "")
    is_hexadecimal = len(print_) == 16 and all(each in "0123456789abcdef" for each in print_)
    if (
        class_ not in classes.LEAKED
        or not is_hexadecimal
        or not count.isdecimal()
        or len(count) > 9
    ):
        leaked = " or ".join(classes.LEAKED)
        raise RuleError(
            f"{where}: a line is CLASS FINGERPRINT COUNT COMMENT, with a class of {leaked}"
        )
    return Key(class_, print_), Entry(int(count), words[3] if len(words) > 3 else "")


def key_of(verdict: Verdict, values: Values) -> Optional[Key]:
    """None: nothing is known of its creation."""
    prints = values.value(verdict.thread, "fingerprint")
    return Key(verdict.class_, prints[0]) if prints else None


def found_in(leaked: Iterable[Verdict], values: Values) -> Dict[Key, Entry]:
    """The leaks, as a baseline has them."""
    counts: "Counter[Key]" = Counter()
    comments: Dict[Key, str] = {}
    for verdict in leaked:
        key = key_of(verdict, values)
        if key is not None:
            counts[key] += 1
            if key not in comments:
                comments[key] = _comment(values.stacks, verdict.thread)
    return {key: Entry(count, comments[key]) for key, count in counts.items()}


def _comment(stacks: Stacks, thread: ThreadInfo) -> str:
    assert thread.kind is not None
    maker = first_own(stacks.walk(thread.copy, thread.kind.site))
    return comment_of(stacks.start(thread.copy, thread.kind), maker)


def comment_of(start: Frame, maker: Optional[Frame]) -> str:
    """What lasts as long as the fingerprint does: no lines, no addresses."""
    return _place(start) + (f", made by {_place(maker)}" if maker is not None else "")


def _place(frame: Frame) -> str:
    file = bare_file(frame.module or "") or "?"
    name = f"{bare_function(frame.function)} ({file})" if frame.function else file
    return "".join(each if each.isprintable() else "?" for each in name)
