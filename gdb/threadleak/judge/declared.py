# SPDX-License-Identifier: MIT
"""Rules that programs and libraries declare themselves, in ELF notes. One speaks only of threads whose creation
stack or start routine passes through its own file, so that no library can hide what another one leaks; and only the
notes of these files are read.
"""

from itertools import islice
from typing import Dict, Iterator, List, Tuple

from ..read.model import Copy
from ..read.notes import rule_texts
from ..read.records import Kind
from ..target.base import Target, base_name
from .rule_files import parse_rules
from .rules import Rule, RuleError

RULES_MAX = 256  # of one file


class Declared:
    def __init__(self, target: Target):
        self._target = target
        self._rules: Dict[Tuple[int, int], List[Rule]] = {}
        self.errors: List[str] = []

    def rules(self, copy: Copy, kind: Kind) -> Iterator[Rule]:
        """Those that may speak of such a thread."""
        site = copy.site(kind.site)
        frames = site.frames if site is not None else ()
        for index in dict.fromkeys((kind.start_module, *(module for _, module in frames))):
            key = (copy.number, index)
            if key not in self._rules:
                self._rules[key] = self._read(copy, index)
            yield from self._rules[key]

    def _read(self, copy: Copy, index: int) -> List[Rule]:
        module = copy.module(index)
        texts = rule_texts(self._target, module) if module is not None else []
        if module is None or not texts:
            return []
        name = base_name(module.name)
        lines = (line for text in texts for line in text.splitlines())
        rules: List[Rule] = []
        for line in islice(lines, RULES_MAX):
            try:
                rules += parse_rules([line], f"declared by {name}", f"the note of {name}")
            except RuleError as error:
                self.errors.append(str(error))
        return rules
