# SPDX-License-Identifier: MIT
"""Rules in files and texts, one a line; those of other tools too."""

from typing import Iterable, List, Optional, Tuple

from .foreign import foreign_rule, is_foreign
from .rules import Rule, RuleError, parse_rule

Line = Tuple[str, Optional[Rule]]  # as it stands there; None: a comment, or nothing of ours


def load_rules(path: str) -> List[Rule]:
    return rules_in(load_lines(path))


def load_lines(path: str) -> List[Line]:
    """For whoever writes the file anew, with all that is in it."""
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RuleError(f"the rules in {path} cannot be read: {error}") from None
    return _parsed(lines, path, path, numbered=True)


def parse_rules(lines: Iterable[str], origin: str, where: str) -> List[Rule]:
    """An error names `where` and the line."""
    return rules_in(_parsed(lines, origin, where))


def _parsed(lines: Iterable[str], origin: str, where: str, numbered: bool = False) -> List[Line]:
    found: List[Line] = []
    for number, line in enumerate(lines, 1):
        try:
            rule = _rule(line.strip(), f"{origin}:{number}" if numbered else origin)
        except RuleError as error:
            raise RuleError(f"{where}:{number}: {error}") from None
        found.append((line, rule))
    return found


def _rule(line: str, origin: str) -> Optional[Rule]:
    if not line or line.startswith("#"):
        return None
    return foreign_rule(line, origin) if is_foreign(line) else parse_rule(line, origin)


def rules_in(lines: Iterable[Line]) -> List[Rule]:
    return [rule for _, rule in lines if rule is not None]


def save_lines(path: str, lines: Iterable[str]) -> None:
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
    except OSError as error:
        raise RuleError(f"the rules cannot be written: {error}") from None
