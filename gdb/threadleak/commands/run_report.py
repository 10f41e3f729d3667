# SPDX-License-Identifier: MIT
"""What `run` writes, and where: the reports of the programs that it checked, each written by the program's own
engine, and what is to be said of all of them in the end.

As text they go to stderr as they come, or to the file. A document for machines is made in the end: until then
each process has a file of its own in a folder."""

import argparse
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Dict, List, Optional

from ..escapes import ESCAPED
from ..judge.programs import Programs
from ..show import programs as shown
from ..target.base import TargetError
from .options import DOCUMENTS, OF_JSON, UsageError
from .preload import option

if TYPE_CHECKING:
    from .hang import Hanging


class RunReport:
    def __init__(self, programs: Programs, options: argparse.Namespace):
        self._programs = programs
        self._options = options
        self._format: str = options.format
        self._output = None if options.output is None else os.path.abspath(options.output)
        self._folder: Optional[str] = None
        self._hanging: "List[Hanging]" = []

    def __enter__(self) -> "RunReport":
        try:
            self._write("", "w")
            if self._format in DOCUMENTS:
                place = os.environ.get("TMPDIR") or "/tmp"
                folder = os.path.join(place, f"threadleak-{os.urandom(8).hex()}")
                os.mkdir(folder, 0o700)
                self._folder = folder
        except OSError as failure:
            raise UsageError(f"{failure.filename} cannot be written: {failure.strerror}") from None
        return self

    def __exit__(self, *_: object) -> None:
        if self._folder is not None:
            for name in os.listdir(self._folder):
                with suppress(OSError):
                    os.unlink(os.path.join(self._folder, name))
            with suppress(OSError):
                os.rmdir(self._folder)

    def library_options(self) -> List[str]:
        """Where each process writes, and what."""
        if self._folder is not None:
            return [
                option("log_path", os.path.join(self._folder, "%p")),
                f"format={'json' if self._format in OF_JSON else 'text'}",
            ]
        found = [] if self._output is None else [option("log_path", self._output)]
        return found + ([f"format={self._format}"] if self._format != "text" else [])

    def say(self, sentence: str) -> None:
        """To people."""
        self._tell(f"threadleak: {sentence}\n")

    def hangs(self, found: "Hanging") -> None:
        self._hanging.append(found)
        self._tell(found.text)

    def end(self) -> None:
        lines = shown.summary(self._programs) if shown.is_worth_a_summary(self._programs) else []
        if lines:
            self._tell("\n".join(lines) + "\n")
        if self._format == "text":
            return
        from ..show import run_documents

        if self._folder is None:
            self._tell(run_documents.annotations(self._programs))
        else:
            bodies = self._bodies()
            self._tell(run_documents.left_out(self._format, self._programs, bodies))
            for each in self._hanging:
                bodies[each.pid] = bodies.get(each.pid, "") + each.text
            try:
                self._write(self._document(bodies), "w")
            except OSError as failure:
                why = f"{self._output} cannot be written: {failure.strerror}"
                raise TargetError(why) from None

    def _document(self, bodies: Dict[int, str]) -> str:
        from ..show import run_documents

        if self._format == "sarif":
            is_known = self._options.baseline is not None
            root = self._options.source_root
            return run_documents.sarif(self._programs, bodies, is_known, root)
        return run_documents.document(self._format, self._programs, bodies)

    def _bodies(self) -> Dict[int, str]:
        """What each process wrote, to files that are called PID, PID-2, ..."""
        found: Dict[int, str] = {}
        names = os.listdir(self._folder or ".")
        for name in sorted(names, key=lambda name: (len(name), name)):
            with suppress(OSError, ValueError), open(
                os.path.join(self._folder or ".", name), encoding="utf-8", errors=ESCAPED
            ) as file:
                pid = int(name.partition("-")[0])
                found[pid] = found.get(pid, "") + file.read()
        return found

    def _tell(self, text: str) -> None:
        """To people, as far as they can be reached."""
        with suppress(OSError):
            if self._output is not None and self._folder is None:
                self._write(text, "a")
            else:
                sys.stderr.write(text)
                sys.stderr.flush()

    def _write(self, text: str, mode: str) -> None:
        if self._output is not None:
            with open(self._output, mode, encoding="utf-8", errors=ESCAPED) as file:
                file.write(text)
