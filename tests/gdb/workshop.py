# SPDX-License-Identifier: MIT
"""Builds the programs of tests/programs, starts them, and makes core files of them. Each thing once."""

import contextlib
import os
import resource
import signal
import subprocess
import threading
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from run_gdb import ROOT

PROGRAMS = os.path.join(ROOT, "tests", "programs")
BUILD = os.path.join(ROOT, "build")
LIBRARY = os.path.join(BUILD, "libthreadleak.so")
ARCHIVE = os.path.join(BUILD, "libthreadleak.a")
STATIC_OPTIONS = os.path.join(BUILD, "threadleak-static.ld")
COMPILERS = {".c": ("gcc", "-std=gnu11"), ".cc": ("g++", "-std=c++20")}
READY_S = 60

# How a program comes by the library.
PRELOADED = "preloaded"
LINKED = "linked"
EMBEDDED = "embedded"  # the archive, its registry exported
HIDDEN = "hidden"  # the archive, its registry not exported
STATIC = "static"
STATIC_PIE = "static-pie"


def in_builds(
    names: Sequence[str], builds: Sequence[Tuple[str, bool]]
) -> List[Tuple[str, str, bool]]:
    """For parametrize: each sample in one of the builds, in turn; with SAMPLES=all in each, which takes long."""
    if os.environ.get("SAMPLES") == "all":
        return [(name, *build) for name in names for build in builds]
    return [(name, *builds[index % len(builds)]) for index, name in enumerate(names)]


def source_of(name: str) -> str:
    found = [os.path.join(PROGRAMS, name + extension) for extension in (*COMPILERS, ".py")]
    return next(path for path in found if os.path.exists(path))


def line_of(name: str, text: str) -> int:
    """The number of the one line of a program's source that holds `text`."""
    with open(source_of(name), encoding="utf-8") as file:
        found = [number for number, line in enumerate(file, 1) if text in line]
    assert len(found) == 1, f"{text!r} in lines {found} of {name}"
    return found[0]


def symbol_offsets(path: str) -> Dict[str, int]:
    """Symbols of an ELF file that was not stripped, by nm."""
    text = subprocess.run(["nm", path], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in text.splitlines()]
    return {row[2]: int(row[0], 16) for row in rows if len(row) == 3}


class Program(NamedTuple):
    name: str
    path: str  # what is run
    whole: str  # the same before it was stripped
    link: str


class Running:
    """A program that has said that it is ready."""

    def __init__(self, process: "subprocess.Popen[str]", folder: str, errors: str):
        self.process = process
        self.pid = process.pid
        self.folder = folder  # that it runs in, and dumps core in
        self._errors = errors

    def errors(self) -> str:
        """What it wrote to stderr so far."""
        with open(self._errors, encoding="utf-8", errors="backslashreplace") as file:
            return file.read()

    def line(self) -> str:
        """The next line that it writes; one that is late is killed, which ends its output."""
        assert self.process.stdout is not None
        timer = threading.Timer(READY_S, self.process.kill)
        timer.start()
        try:
            return self.process.stdout.readline().strip()
        finally:
            timer.cancel()

    def innermost(self) -> int:
        """The pid of the last in the line of its children."""
        pid = self.pid
        while True:
            with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
                children = file.read().split()
            if not children:
                return pid
            pid = int(children[0])

    def end(self) -> None:
        """With its children, which are of its process group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def dump_core(self, pid: Optional[int] = None) -> str:
        """Kills it, or its child `pid`, by SIGABRT, and gives the core file that the kernel wrote."""
        os.kill(pid or self.pid, signal.SIGABRT)
        if pid is None:
            self.process.wait(READY_S)
        else:
            assert self.line() == "child ended"
        return self.core()

    def core(self) -> str:
        found = [name for name in os.listdir(self.folder) if name.startswith("core")]
        assert len(found) == 1, f"cores: {found}; the program said: {self.errors()}"
        return os.path.join(self.folder, found[0])


class Workshop:
    def __init__(self, folder: str):
        assert os.path.exists(LIBRARY) and os.path.exists(ARCHIVE), "run `make` first"
        self.folder = folder
        self._programs: Dict[Any, Program] = {}
        self._live: Dict[Any, Running] = {}
        self._cores: Dict[Any, str] = {}
        self._all: List[Running] = []

    def close(self) -> None:
        for running in self._all:
            running.end()

    def new_folder(self, name: str) -> str:
        path = os.path.join(
            self.folder, f"{len(os.listdir(self.folder)):03}-{os.path.basename(name)}"
        )
        os.mkdir(path)
        return path

    def program(
        self,
        name: str,
        link: str = PRELOADED,
        strip: bool = False,
        flags: Tuple[str, ...] = (),
        compiler: Optional[str] = None,
    ) -> Program:
        """-O2 -g, as programs in the field are built."""
        key = (name, link, strip, flags, compiler)
        if key not in self._programs:
            if strip:
                whole = self.program(name, link, False, flags, compiler)
                path = os.path.join(self.new_folder(name), os.path.basename(name))
                subprocess.run(["strip", "-o", path, whole.path], check=True)
                self._programs[key] = whole._replace(path=path)
            else:
                path = os.path.join(self.new_folder(name), os.path.basename(name))
                self.compile(source_of(name), path, self._link_flags(link) + list(flags), compiler)
                self._programs[key] = Program(name, path, path, link)
        return self._programs[key]

    def compile(
        self, source: str, path: str, flags: List[str], compiler: Optional[str] = None
    ) -> None:
        driver, standard = COMPILERS[os.path.splitext(source)[1]]
        argv = [
            compiler or driver,
            standard,
            "-O2",
            "-g",
            "-D_GNU_SOURCE",
            "-Wall",
            "-Wextra",
            "-Werror",
        ]
        argv += [f"-I{ROOT}/helper/include", source, "-o", path, "-pthread", *flags]
        done = subprocess.run(argv, capture_output=True, text=True)
        assert done.returncode == 0, f"{' '.join(argv)}\n{done.stderr}"

    def _link_flags(self, link: str) -> List[str]:
        if link == PRELOADED:
            return []
        if link == LINKED:
            return [f"-L{BUILD}", "-lthreadleak", f"-Wl,-rpath,{BUILD}"]
        flags = [f"@{STATIC_OPTIONS}", ARCHIVE]
        if link == HIDDEN:
            with open(STATIC_OPTIONS, encoding="ascii") as file:
                options = file.read().split()
            flags = [option for option in options if "export-dynamic" not in option] + [ARCHIVE]
        return flags + {STATIC: ["-static"], STATIC_PIE: ["-static-pie"]}.get(link, [])

    def start(
        self,
        program: Program,
        *arguments: str,
        preload: Optional[str] = None,
        env: Optional[Dict[str, str]] = None,
        ready: str = "ready",
        limits: Tuple[Tuple[int, int], ...] = (),
        under: Tuple[str, ...] = (),
    ) -> Running:
        """`preload`: what goes into LD_PRELOAD; by default the library, where the program needs that.
        `under`: a command that runs the program."""
        folder = self.new_folder(program.name + "-run")
        errors = os.path.join(folder, "stderr")
        clean = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", **(env or {})}
        if preload is None and program.link == PRELOADED:
            preload = LIBRARY
        if preload:
            clean["LD_PRELOAD"] = preload

        def prepare() -> None:
            for what, most in ((resource.RLIMIT_CORE, resource.RLIM_INFINITY), *limits):
                resource.setrlimit(what, (most, resource.RLIM_INFINITY))

        with open(errors, "wb") as stderr:
            process = subprocess.Popen(
                [*under, program.path, *arguments],
                cwd=folder,
                env=clean,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                preexec_fn=prepare,
                start_new_session=True,
            )
        running = Running(process, folder, errors)
        self._all.append(running)
        if ready:
            line = running.line()
            assert line == ready, f"it said {line!r}, and: {running.errors()}"
        return running

    def live(self, program: Program, **how: Any) -> Running:
        """One that runs until the end of the session; whoever asks again gets the same."""
        key = (program, repr(sorted(how.items())))
        if key not in self._live:
            self._live[key] = self.start(program, **how)
        return self._live[key]

    def core(self, program: Program, **how: Any) -> str:
        key = (program, repr(sorted(how.items())))
        if key not in self._cores:
            self._cores[key] = self.start(program, **how).dump_core()
        return self._cores[key]
