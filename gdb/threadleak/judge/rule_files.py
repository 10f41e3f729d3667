# SPDX-License-Identifier: MIT
"""Rules in files and texts, one a line; those of other tools too."""

from typing import Iterable, List

from .foreign import foreign_rule, is_foreign
from .rules import Rule, RuleError, parse_rule


def load_rules(path: str) -> List[Rule]:
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RuleError(f"the rules in {path} cannot be read: {error}") from None
    return parse_rules(lines, path, path, numbered=True)


def parse_rules(
    lines: Iterable[str], origin: str, where: str, numbered: bool = False
) -> List[Rule]:
    """`origin` of each, with its line if `numbered`; an error names `where` and the line."""
    rules = []
    for number, line in enumerate(lines, 1):
        line = line.strip()
        if line and not line.startswith("#"):
            source = f"{origin}:{number}" if numbered else origin
            try:
                if is_foreign(line):
                    foreign = foreign_rule(line, source)
                    rules += [foreign] if foreign is not None else []
                else:
                    rules.append(parse_rule(line, source))
            except RuleError as error:
                raise RuleError(f"{where}:{number}: {error}") from None
    return rules


def save_rules(path: str, rules: Iterable[Rule]) -> None:
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(f"{rule}\n" for rule in rules)
    except OSError as error:
        raise RuleError(f"the rules cannot be written: {error}") from None
