# SPDX-License-Identifier: MIT
"""What may follow on the shell's command line, from the parsers themselves; scripts/completions asks for it by
`threadleak --complete WORD...`, whose last word is the one that is being typed.

A line a candidate, with a tab and a description, if there is one. Lines that the shell answers: `:files` for
names of files, `:command N` for a command line of its own that begins at word N, `threadleak` being word 0.
"""

import argparse
import os
from typing import Callable, Dict, Iterator, List, Optional, Sequence

from .commands.filter import RULE_WORDS
from .commands.filter import WORDS as FILTER_WORDS
from .commands.command_line import Parser, UsageError
from .commands.selection import known_ids, take_ids
from .commands.session import Session
from .commands.targets import Opened, targets
from .libraries import library
from .target.procfs import command, read_maps
from .target.base import TargetError

FILES = ":files"
GENERAL = ("--help", "--version")
FILE_METAVARS = ("FILE",)


def candidates(
    words: Sequence[str],
    summaries: Callable[[], Dict[str, str]],
    parser: Callable[[str], Optional[Parser]],
) -> List[str]:
    """`summaries` of all subcommands; `parser` of one, None: there is no such."""
    if words[:1] == ["run"] and "--" in words[:-1]:
        return [f":command {words.index('--') + 2}"]
    words = [word for word in words if word != "="] or [""]  # bash makes `=` a word
    if len(words) == 1:
        named = [f"{name}\t{summary}" for name, summary in summaries().items()]
        return [each for each in [*named, *GENERAL] if each.startswith(words[0])]
    found = parser(words[0])
    return [] if found is None else list(_of_subcommand(words, found))


def _of_subcommand(words: Sequence[str], parser: Parser) -> Iterator[str]:
    name, before, typed = words[0], words[-2], words[-1]
    if name == "run":
        at = _command_at(words, parser)
        if at is not None:
            yield f":command {at}"
            return
    option = parser.option(before) if before.startswith("-") else None
    if option is not None and option.nargs != 0:
        if option.metavar in FILE_METAVARS:
            yield FILES
        yield from _values(parser.values(before), typed)
    elif typed.startswith("-"):
        yield from (word for word in [*parser.words(), "--help"] if word.startswith(typed))
    elif name == "filter":
        yield from (word for word in FILTER_WORDS if word.startswith(typed) and len(words) == 2)
        if len(words) > 2 and words[1] == "add":
            yield from (word for word in RULE_WORDS if word.startswith(typed))
        elif len(words) > 2:
            yield FILES
    elif name == "core-handler":
        return
    elif name == "merge":
        yield FILES
    else:
        if name in ("explain", "suggest"):
            yield from (id for id in _ids(words[1:-1]) if id.startswith(typed))
        yield from (line for line in _watched() if line.startswith(typed))
        if name not in ("top", "watch", "metrics", "snapshot"):
            yield FILES


def _command_at(words: Sequence[str], parser: Parser) -> Optional[int]:
    """Where the program's own command line begins without a `--`, once it has."""
    index = 1
    while index < len(words) - 1:
        option = parser.option(words[index])
        if option is None:
            return index + 1
        index += 1 if option.nargs == 0 else 2
    return index + 1 if index < len(words) and not words[index].startswith("-") else None


def _values(known: Sequence[str], typed: str) -> Iterator[str]:
    """A list of them, too."""
    head, comma, last = typed.rpartition(",")
    return (head + comma + value for value in known if value.startswith(last))


def _ids(words: Sequence[str]) -> List[str]:
    """Of the target that these name, if they do."""
    told = [word for word in words if not word.startswith("-")]
    try:
        (named,) = targets(take_ids(told, argparse.Namespace(ids=[], more=[])))
        with Opened(named) as opened:
            return known_ids(Session(opened.again))
    except (TargetError, UsageError, ValueError):
        return []


def _watched() -> Iterator[str]:
    """Processes that have the library."""
    mark = "/" + os.path.basename(library()).split(".so")[0] + ".so"
    for word in os.listdir("/proc"):
        if word.isdecimal():
            try:
                if mark in read_maps(int(word)):
                    yield f"{word}\t{command(int(word))}"
            except TargetError:
                continue
