# SPDX-License-Identifier: MIT
"""pytest plugin: each test is checked for threads that the native code under it leaves behind.

    LD_PRELOAD=/usr/lib/libthreadleak.so python3 -m pytest -p pytest_threadleak

This file has to be on sys.path (PYTHONPATH, or pythonpath= in pytest.ini), or installed with `pip install
helper/pytest`, which makes the `-p` superfluous. It needs nothing but pytest 7 or later.

A test is a scope: whatever is created while it is set up, runs and is torn down belongs to it. A test that
leaks gets an error at teardown, with the report as its text; so does a skipped or failed one. Threads that a
fixture of a class, module, package or session creates belong to the fixture, and are checked when that is torn
down. Python's own threads are detached, and count as long as they are alive: a thread that a test started, and
that still runs at its end, has been left behind.

    @pytest.mark.threadleak(allow_detached=True, rules="name:worker-* the pool stays", settle_ms=2000)
    @pytest.mark.threadleak(check=False)

Where the library is not preloaded nothing is checked, and the header says so; with THREADLEAK_REQUIRED=1 in the
environment, as befits CI, pytest refuses to start. With pytest-xdist each worker checks its own tests.
"""

import ctypes
import os
from typing import Any, Generator, Optional

import pytest

ALLOW_DETACHED, QUIET = 0x1, 0x2  # threadleak.h
MESSAGE_ROOM = 2048 + 1
NOT_LOADED = (
    "threads are not checked: libthreadleak.so is not preloaded; start with "
    "LD_PRELOAD=libthreadleak.so python3 -m pytest ..."
)


class Options(ctypes.Structure):
    """struct threadleak_options"""

    _fields_ = [
        ("size", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("settle_ms", ctypes.c_int32),
        ("room", ctypes.c_uint32),
        ("message", ctypes.c_char_p),
        ("rules", ctypes.c_char_p),
    ]


class Library:
    """The functions behind the inline ones of threadleak.h. ctypes lets other Python threads run meanwhile."""

    def __init__(self, symbols: ctypes.CDLL) -> None:
        self.scope_begin = symbols.threadleak_scope_begin_
        self.scope_begin.argtypes, self.scope_begin.restype = [ctypes.c_char_p], ctypes.c_uint64
        self.scope_verify = symbols.threadleak_scope_verify_
        self.scope_verify.argtypes = [ctypes.c_uint64, ctypes.POINTER(Options)]
        self.scope_end = symbols.threadleak_scope_end_
        self.scope_end.argtypes, self.scope_end.restype = [ctypes.c_uint64], None
        self.adopt = symbols.threadleak_adopt_
        self.adopt.argtypes, self.adopt.restype = [ctypes.c_uint64], ctypes.c_uint64


def find_library() -> Optional[Library]:
    """None if it is not in the process."""
    try:
        return Library(ctypes.CDLL(None))
    except AttributeError:
        return None


class Scope:
    """A stretch of work under check. It is no part of the scope that the thread is in, so that what is left
    behind is reported once."""

    def __init__(self, library: Library, name: str) -> None:
        self.library = library
        self.outer = library.adopt(0)
        self.handle = library.scope_begin(name.encode())

    def close(self) -> None:
        """Ends it without a check."""
        self.library.scope_end(self.handle)

    def leave(self) -> None:
        """From now on this thread works for the outer scope again."""
        self.library.adopt(self.outer)

    def end(self, flags: int = 0, settle_ms: int = -1, rules: str = "") -> Optional[str]:
        """What leaked, or why it cannot be told; None: nothing. With log_path the report goes there as well."""
        message = ctypes.create_string_buffer(MESSAGE_ROOM)
        if "log_path=" not in os.environ.get("THREADLEAK_OPTIONS", ""):
            flags |= QUIET
        how = Options(
            ctypes.sizeof(Options),
            flags,
            settle_ms,
            MESSAGE_ROOM,
            ctypes.cast(message, ctypes.c_char_p),
            rules.encode() or None,
        )
        found = self.library.scope_verify(self.handle, ctypes.byref(how))
        return message.value.decode(errors="replace") if found else None


class Plugin:
    def __init__(self, library: Library) -> None:
        self.library = library
        self.test: Optional[Scope] = None

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, None]:
        self.test = Scope(self.library, item.nodeid.rsplit("/", 1)[-1])
        yield
        self.test.leave()

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: "pytest.CallInfo[None]"
    ) -> Generator[None, Any, None]:
        outcome = yield
        if call.when != "teardown" or self.test is None:
            return
        mark = item.get_closest_marker("threadleak")
        why = end_of_test(self.test, **(mark.kwargs if mark else {}))
        report = outcome.get_result()
        if why and report.outcome == "failed":
            report.sections.append(("threadleak", why))
        elif why:
            report.outcome, report.longrepr = "failed", as_failure(item, why)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: Any, request: pytest.FixtureRequest
    ) -> Generator[None, Any, None]:
        """Finalizers run last in, first out: what is added here runs when the fixture is gone."""
        if fixturedef.scope == "function":
            yield
            return
        scope = Scope(self.library, f"{fixturedef.scope} fixture {fixturedef.argname}")
        fixturedef.addfinalizer(lambda: end_of_fixture(scope))
        yield
        scope.leave()


def as_failure(item: pytest.Item, why: str) -> Any:
    """As pytest shows pytest.fail(why), in the summary and in workers of pytest-xdist too."""
    try:
        pytest.fail(why, pytrace=False)
    except pytest.fail.Exception:
        return item.repr_failure(pytest.ExceptionInfo.from_current())


def end_of_test(
    scope: Scope,
    check: bool = True,
    allow_detached: bool = False,
    rules: str = "",
    settle_ms: int = -1,
) -> Optional[str]:
    if not check:
        scope.close()
        return None
    return scope.end(ALLOW_DETACHED if allow_detached else 0, settle_ms, rules)


def end_of_fixture(scope: Scope) -> None:
    why = scope.end()
    if why:
        pytest.fail(why, pytrace=False)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "threadleak(check=True, allow_detached=False, rules='', settle_ms=-1): "
        "how the test is checked for threads that it leaves behind",
    )
    library = find_library()
    if library is not None:
        config.pluginmanager.register(Plugin(library), "threadleak-checks")
    elif os.environ.get("THREADLEAK_REQUIRED", "0") not in ("", "0"):
        raise pytest.UsageError(f"threadleak: {NOT_LOADED}")


def pytest_report_header(config: pytest.Config) -> str:
    if config.pluginmanager.has_plugin("threadleak-checks"):
        return "threadleak: each test is checked for threads that it leaves behind"
    return f"threadleak: {NOT_LOADED}"
