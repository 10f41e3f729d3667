# SPDX-License-Identifier: MIT
"""`threadleak info`"""

import argparse
from contextlib import suppress
from typing import List, Optional, Tuple

from .. import VERSION
from ..judge.report import BLIND, CLEAN, Report
from ..judge.rule_set import load_all
from ..judge.verdicts import Settings
from ..read import abi
from ..read.glibc import glibc_of
from ..read.locate import read_registry
from ..read.model import Copy, Registry, text_of
from ..show import text
from ..show.sanitize import clean
from ..show.times import clock
from ..target.base import Target, TargetError
from ..target.sidecar import Sidecar
from .command_line import ONE, Outcome, Parser
from .options import add_output
from .session import Session

NAME = "info"


def parser(shell: bool = False) -> Parser:
    parser = Parser(
        NAME,
        "Show what is known of the target, of the registry in it, and of its limits.",
        "[OPTION]...",
        "threadleak info" + (" 4711" if shell else ""),
        ONE if shell else "",
    )
    add_output(parser, formats=())
    return parser


def run(session: Session, options: argparse.Namespace) -> Outcome:
    rows: List[Tuple[str, str]] = [("threadleak", VERSION)] + _target(session.target())
    error: Optional[str] = None
    status = CLEAN
    try:
        report = session.judge(options.registry, Settings(), load_all(session=session.rules))
        rows += _registry(report.registry)
        if not report.registry.copies:
            version = glibc_of(report.target).version or "of an unknown version"
            rows.append(("threads from", f"the lists of glibc {version}"))
        rows += [("threads", _counts(report))]
        rows += [("note", notice.text) for notice in report.notices]
        status = report.status(())
    except TargetError as failure:
        with suppress(TargetError):
            rows += _registry(read_registry(session.target(), options.registry))
        error, status = f"cannot tell: {failure}", BLIND
    rows.append(("rules", f"{len(session.rules)} in this session"))
    lines = text.table([("", "")] + [(f"{name}:", clean(value)) for name, value in rows])[1:]
    return Outcome("\n".join(lines) + "\n", status, error)


def _target(target: Target) -> List[Tuple[str, str]]:
    what = f"core of process {target.pid}" if target.kind == "core" else f"process {target.pid}"
    rows = [("target", what), ("program", target.exe or "not known: no function names")]
    if target.core:
        rows.append(("core", target.core))
    sidecar = target.beside.sidecar
    if sidecar is not None:
        rows.append(("sidecar", _sidecar(sidecar)))
    elif target.beside.why:
        rows.append(("note", target.beside.why))
    return rows + [("stacks", f"read by {target.unwinder}")]


def _sidecar(sidecar: Sidecar) -> str:
    when = f", {clock(sidecar.time_s, with_zone=True)}" if sidecar.time_s is not None else ""
    cut = f"; not whole: {sidecar.cut}" if sidecar.cut else ""
    return f"{sidecar.path}, of {sidecar.host or 'an unknown host'}{when}{cut}"


def _counts(report: Report) -> str:
    classes = ", ".join(f"{count:,} {class_}" for class_, count in report.by_class().items())
    return f"{report.threads:,} ({classes})"


def _registry(registry: Registry) -> List[Tuple[str, str]]:
    if not registry.copies:
        return [("registry", f"none: {registry.why_none}")]
    return [row for copy in registry.copies for row in _copy(registry, copy)]


def _copy(registry: Registry, copy: Copy) -> List[Tuple[str, str]]:
    header = copy.header
    number = f" (copy {copy.number} of {len(registry.copies)})" if len(registry.copies) > 1 else ""
    version = f"{header.abi_major}.{header.abi_minor}"
    library = text_of(header.library_version)
    since = clock(header.start_realtime_ns / 1e9, with_zone=True)
    records = (
        f"{len(copy.records):,} kept of {header.next_id - 1:,} made, {header.released:,} given back"
    )
    sites = sum(site is not None for site in copy.sites)
    scopes = sum(scope is not None for scope in copy.scopes)
    rows = [
        (
            "registry",
            f"version {version} at {copy.address:#x}, found by {copy.found_by}{number}",
        ),
        ("library", f"{library}, in process {header.pid} since {since}"),
        ("records", records),
        ("creation stacks", f"{sites:,}"),
        ("scopes", f"{scopes:,}"),
    ]
    if header.abi_minor > abi.MINOR:
        rows.append(("note", f"the registry is newer than this reader ({abi.MAJOR}.{abi.MINOR})"))
    if header.unseen_ends:
        rows.append(("note", f"{header.unseen_ends:,} threads whose end could not be seen"))
    if header.flags & abi.HOOKS_INACTIVE:
        rows.append(("note", "loaded too late (dlopen): creations are not seen"))
    if header.flags & abi.EXITING:
        rows.append(("note", "the process is exiting"))
    return rows
