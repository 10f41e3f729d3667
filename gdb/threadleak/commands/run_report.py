# SPDX-License-Identifier: MIT
"""What `run` writes, and where: the reports of the programs that it checked, each written by the program's own
engine, and what is to be said of all of them in the end.

As text they go to stderr as they come, or to the file. Documents for machines are made in the end: until then each
process has a file of its own in a folder, as JSON, which holds the text too."""

import argparse
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Dict, List, Optional

from ..escapes import ESCAPED
from ..judge.programs import Programs
from ..show import programs as shown
from ..target.base import TargetError
from .command_line import UsageError
from .options import DOCUMENTS
from .preload import option

if TYPE_CHECKING:
    from ..show.run_documents import Written
    from .hang import Hanging


# Of the files of --report. A document in the end, each.
FORMATS = {
    ".json": "json",
    ".sarif": "sarif",
    ".tap": "tap",
    ".xml": "junit",
    ".html": "html",
}


def format_of(path: str) -> str:
    format = FORMATS.get(os.path.splitext(path)[1])
    if format is None:
        known = ", ".join(FORMATS)
        raise UsageError(f"threadleak run: --report {path}: a report ends in one of {known}")
    return format


class RunReport:
    def __init__(self, programs: Programs, options: argparse.Namespace):
        self._programs = programs
        self._options = options
        self._format: str = options.format
        self._output = None if options.output is None else os.path.abspath(options.output)
        self._documents = {os.path.abspath(path): format_of(path) for path in options.report}
        if self._format in DOCUMENTS and self._output is not None:
            self._documents[self._output], self._output = self._format, None
        self._folder: Optional[str] = None
        self._hanging: "List[Hanging]" = []
        self.reports: List[Any] = []  # of all programs in the end, if they are to be kept

    def __enter__(self) -> "RunReport":
        try:
            for path in [*self._documents, *filter(None, [self._output])]:
                _write(path, "", "w")
            if self._documents or self._options.update_baseline:
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
            format = "json+html" if "html" in self._documents.values() else "json"
            return [option("log_path", os.path.join(self._folder, "%p")), f"format={format}"]
        found = [] if self._output is None else [option("log_path", self._output)]
        return found + ([f"format={self._format}"] if self._format != "text" else [])

    def say(self, sentence: str) -> None:
        """To people."""
        self._tell(f"threadleak: {sentence}\n")

    def hangs(self, found: "Hanging") -> None:
        self._hanging.append(found)
        self._tell(found.text)

    def end(self) -> None:
        bodies = self._bodies() if self._folder is not None else {}
        self.reports = [each for wrote in bodies.values() for each in wrote.claims()]
        for wrote in bodies.values():
            self._tell(wrote.brief if self._format == "text" else wrote.notes)
        if shown.is_worth_a_summary(self._programs):
            self._tell("\n".join(shown.summary(self._programs)) + "\n")
        if self._format == "github":
            from ..show import run_documents

            self._tell(run_documents.annotations(self._programs))
        if self._documents:
            self._write_documents(bodies)

    def _bodies(self) -> "Dict[int, Written]":
        from ..show import run_documents

        return {pid: run_documents.written(raw) for pid, raw in self._raw().items()}

    def _write_documents(self, bodies: "Dict[int, Written]") -> None:
        from ..show import run_documents

        hanging = {each.pid: each.text for each in self._hanging}
        for each in self._hanging:
            wrote = bodies.get(each.pid, run_documents.Written())
            reports = wrote.reports + ((each.report,) if each.report is not None else ())
            bodies[each.pid] = wrote._replace(text=wrote.text + each.text, reports=reports)
        how = (self._options.baseline is not None, self._options.source_root)
        for path, format in self._documents.items():
            try:
                if format == "html":
                    self._write_pages(path, bodies, hanging)
                    continue
                _write(path, run_documents.document(format, self._programs, bodies, *how), "w")
            except OSError as failure:
                raise TargetError(f"{path} cannot be written: {failure.strerror}") from None

    def _write_pages(
        self, path: str, bodies: "Dict[int, Written]", hanging: Dict[int, str]
    ) -> None:
        from ..show import run_pages

        folder, name = os.path.split(path)
        pages = run_pages.pages(self._programs, bodies, hanging, name)
        for each, page in ((name, pages.first), *pages.others.items()):
            _write(os.path.join(folder, each), page, "w")

    def _raw(self) -> Dict[int, str]:
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
            if self._output is not None:
                _write(self._output, text, "a")
            else:
                sys.stderr.write(text)
                sys.stderr.flush()


def _write(path: str, text: str, mode: str) -> None:
    with open(path, mode, encoding="utf-8", errors=ESCAPED) as file:
        file.write(text)
