# SPDX-License-Identifier: MIT
"""Cores that systemd-coredump keeps: coredumpctl(1) lists them, and unpacks one into a file."""

import os
import shutil
import subprocess
from contextlib import suppress
from typing import Any, Dict, List, NamedTuple, NoReturn, Optional

from ..escapes import ESCAPED, decoded, readable
from . import elf, sidecar
from .base import TargetError

PROGRAM = "coredumpctl"
LIST_S, DUMP_S = 60, 600
NAMED = 5  # matches in a sentence
_NONE = 1  # exit status of coredumpctl where nothing matches


class Dump(NamedTuple):
    pid: int
    time_us: int
    exe: str
    state: str  # "present", "missing", "none", ...

    def named(self) -> str:
        return f"{self.pid} ({self.exe})"


class Unpacked:
    """A core in a folder of its own, until close(): unpacked, or a link to it where it lies open."""

    def __init__(self, folder: str, core: str):
        self.folder = folder
        self.core = core

    def close(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def unpack(match: str) -> Unpacked:
    """`match`: a PID, or an exe, a unit, a field as coredumpctl takes them. TargetError: none has a core, or more than
    one program does; of one program the latest is taken, as coredumpctl does."""
    program = shutil.which(PROGRAM)
    if program is None:
        raise TargetError(f"{PROGRAM} is not here, which tells of cores: install systemd-coredump")
    found = _matching(program, match)
    dump = _chosen(match, found)
    import tempfile

    folder = tempfile.mkdtemp(prefix="threadleak-")
    unpacked = Unpacked(folder, os.path.join(folder, f"core.{dump.pid}"))
    try:
        _dump(program, dump, match, unpacked.core)
        _bring_sidecar(dump, unpacked.core)
    except BaseException:
        unpacked.close()
        raise
    return unpacked


def _matching(program: str, match: str) -> List[Dump]:
    if not match or match.startswith("-"):
        raise TargetError("coredump:MATCH takes a PID, a program or a unit")
    done = _run([program, "--quiet", "--no-pager", "--json=short", "list", *_words(match)], LIST_S)
    text = decoded(done.stdout).strip()
    if done.returncode and not (done.returncode == _NONE and not text):
        _failed(done)
    if not text:
        raise TargetError(f"{PROGRAM} knows no core of {readable(match)}{_said(done)}")
    return [_dump_of(each) for each in _parsed(text)]


def _words(match: str) -> List[str]:
    """coredumpctl takes a pid, a path or name of a program, a field; of a unit it has a field alone."""
    is_unit = match.endswith((".service", ".scope", ".slice")) and "=" not in match
    return [f"COREDUMP_UNIT={match}" if is_unit else match]


def _parsed(text: str) -> List[Dict[str, Any]]:
    import json

    try:
        rows = json.loads(text)
        if isinstance(rows, list) and all(isinstance(row, dict) for row in rows):
            return rows
    except (ValueError, RecursionError):
        pass
    raise TargetError(
        f"{PROGRAM} wrote no list that could be read: it may be older than systemd 248"
    )


def _dump_of(row: Dict[str, Any]) -> Dump:
    pid, time = row.get("pid"), row.get("time")
    if type(pid) is not int or type(time) is not int:
        raise TargetError(f"{PROGRAM} wrote no list that could be read")
    return Dump(pid, time, str(row.get("exe") or "?"), str(row.get("corefile") or ""))


def _chosen(match: str, found: List[Dump]) -> Dump:
    kept = [each for each in found if each.state in ("present", "journal", "truncated", "")]
    if not kept:
        states = ", ".join(sorted({each.state for each in found}))
        raise TargetError(
            f"{PROGRAM} keeps no core of {readable(match)}, of which it knows ({states})"
        )
    programs = {each.exe for each in kept}
    if len(programs) > 1:
        latest = sorted(kept, key=lambda each: -each.time_us)
        named = ", ".join(each.named() for each in latest[:NAMED])
        more = f" and {len(latest) - NAMED:,} more" if len(latest) > NAMED else ""
        has_pids = len({each.pid for each in kept}) > 1
        raise TargetError(
            f"{readable(match)} matches cores of {len(programs)} programs, {named}{more}: give"
            f" {'a PID' if has_pids else 'the path of one'}"
        )
    return max(kept, key=lambda each: each.time_us)


def _dump(program: str, dump: Dump, match: str, path: str) -> None:
    """The latest with that pid and program is the one that was chosen, unless its core is gone, and then this fails.
    What was not compressed coredumpctl 252 cannot dump."""
    words = [f"COREDUMP_PID={dump.pid}", *_words(match)]
    stored = _stored(program, words)
    if stored is not None:
        os.symlink(stored, path)
        return
    done = _run([program, "--quiet", "--no-pager", f"--output={path}", "dump", *words], DUMP_S)
    if done.returncode or elf.type_of(path) != elf.CORE:
        _failed(done)


def _stored(program: str, words: List[str]) -> Optional[str]:
    """The core's own file, if there is one, and it is not compressed."""
    field = "--field=COREDUMP_FILENAME"
    done = _run([program, "--quiet", "--no-pager", field, "list", *words], LIST_S)
    paths = done.stdout.decode("utf-8", "surrogateescape").splitlines()
    is_open = len(paths) == 1 and elf.type_of(paths[0]) == elf.CORE
    return paths[0] if is_open else None


def _bring_sidecar(dump: Dump, core: str) -> None:
    """The one that is this core's of those that the handler made of that pid."""
    with suppress(OSError, TargetError):
        mark = f".{dump.pid}."
        names = [name for name in os.listdir(sidecar.FOLDER) if mark in name]
        for name in sorted(names, reverse=True):
            path = os.path.join(sidecar.FOLDER, name)
            if name.endswith(sidecar.SUFFIX) and sidecar.is_of(path, core):
                os.symlink(path, core + sidecar.SUFFIX)
                return


def _run(words: List[str], seconds: int) -> "subprocess.CompletedProcess[bytes]":
    try:
        return subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        raise TargetError(f"{PROGRAM} took longer than {seconds} s") from None
    except (OSError, ValueError) as error:
        raise TargetError(f"{PROGRAM} cannot be run: {error}") from None


def _said(done: "subprocess.CompletedProcess[bytes]") -> str:
    """Its last line."""
    lines = [line for line in done.stderr.decode("utf-8", ESCAPED).splitlines() if line.strip()]
    return f": {lines[-1].strip()[:300]}" if lines else ""


def _failed(done: "subprocess.CompletedProcess[bytes]") -> NoReturn:
    raise TargetError(f"{PROGRAM} failed with status {done.returncode}{_said(done)}")
