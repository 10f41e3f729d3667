# SPDX-License-Identifier: MIT
"""The check at exit, in real programs under THREADLEAK_OPTIONS=at_exit=check: when it comes, and the status."""

import os
import signal
import subprocess
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional

import pytest
from run_shell import SHELL, TIMEOUT_S, environment
from test_runtime_options import sanitizer_library
from workshop import EMBEDDED, HIDDEN, LIBRARY, LINKED, PRELOADED, STATIC, STATIC_PIE, Workshop

CHECK = "at_exit=check:settle_ms=0"


class Ended(NamedTuple):
    status: int
    out: str
    err: str

    @property
    def reports(self) -> List[str]:
        """The headlines."""
        return [line for line in self.err.splitlines() if line.startswith("threadleak: ")]

    def says(self, summary: str) -> bool:
        return len(self.reports) == 1 and self.reports[0].startswith(f"threadleak: {summary} ")


def end(
    *command: str,
    options: str = CHECK,
    preload: str = LIBRARY,
    cwd: Optional[str] = None,
    timeout: int = TIMEOUT_S,
) -> Ended:
    env: Dict[str, str] = environment(THREADLEAK_OPTIONS=options)
    if preload:
        env["LD_PRELOAD"] = preload
    done = subprocess.run(
        command, env=env, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout
    )
    return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture
def exits(workshop: Workshop) -> str:
    return workshop.program("exits").path


OUTLIVED, UNJOINED = "1 leaked thread (1 outlived)", "1 leaked thread (1 unjoined)"


@pytest.mark.parametrize("kib", [64, 128])
def test_a_small_stack_is_not_the_engines(exits: str, kib: int) -> None:
    ended = end("sh", "-c", f"ulimit -S -s {kib}; exec {exits} unjoined exit", options=CHECK)
    assert ended.status == 3 and UNJOINED in ended.err


@pytest.mark.parametrize(
    "how", ["return", "exit", "quick_exit", "err_0", "thread", "in_handler", "in_signal_handler"]
)
@pytest.mark.parametrize(
    "left, summary", [("alive", OUTLIVED), ("unjoined", UNJOINED), ("detached", OUTLIVED)]
)
def test_whoever_says_0_ends_with_3(exits: str, left: str, summary: str, how: str) -> None:
    ended = end(exits, left, how)
    assert ended.status == 3
    assert ended.says(summary), ended.err
    assert (
        "has ended" not in ended.err and "may yet join" not in ended.err
    )  # thread 1 runs the handlers
    assert ended.err.count("handler\n") == 1
    assert ended.err.index("handler\n") < ended.err.index("leaked")
    assert ended.out == ("" if how == "quick_exit" else "main\n")


def test_an_unjoined_thread_that_the_library_did_not_see_is_noted(exits: str) -> None:
    """As one that is alive would be."""
    ended = end(exits, "past", "return")
    (note,) = ended.reports
    assert ended.status == 0
    assert note.startswith("threadleak: note: 1 thread of this process is not known to the library")
    ended = end(exits, "past", "return", options=f"{CHECK}:strict=1")
    (said,) = ended.reports
    assert ended.status == 2
    assert said.endswith(": 1 finished thread that nobody joined, not in the registry")


@pytest.mark.parametrize("left", ["ending", "detached_ending"])
def test_a_thread_that_blocks_in_a_destructor_of_its_data_is_alive(exits: str, left: str) -> None:
    """In the third of at most four rounds of them."""
    ended = end(exits, left, "return")
    assert ended.status == 3 and ended.says(OUTLIVED), ended.err
    assert "block_in_third_round" in ended.err  # its stack is shown


@pytest.mark.parametrize("left", ["none", "joined"])
@pytest.mark.parametrize("how", ["return", "exit", "quick_exit", "err_0", "thread", "last_thread"])
def test_nothing_is_said_where_nothing_leaked(exits: str, left: str, how: str) -> None:
    ended = end(exits, left, how)
    assert ended.status == 0 and ended.reports == []


@pytest.mark.parametrize("how, status", [("exit_4", 4), ("err_1", 1)])
def test_a_status_of_its_own_stays(exits: str, how: str, status: int) -> None:
    ended = end(exits, "alive", how)
    assert ended.status == status and ended.says(OUTLIVED)


@pytest.mark.parametrize(
    "options, status", [("at_exit=report", 0), ("exitcode=17", 17), ("exitcode=0", 0)]
)
def test_the_status_is_an_option(exits: str, options: str, status: int) -> None:
    ended = end(exits, "alive", "return", options=f"{CHECK}:{options}")
    assert ended.status == status and ended.says(OUTLIVED)


def test_the_last_thread_ends_the_process(exits: str) -> None:
    ended = end(exits, "unjoined", "last_thread")
    assert ended.status == 3 and ended.says(UNJOINED)


def test_two_threads_exit_at_once(exits: str) -> None:
    """One checks, and both end with its result; the other one may be counted as alive."""
    for _ in range(20):
        ended = end(exits, "unjoined", "by_two")
        assert ended.status == 3 and len(ended.reports) == 1


@pytest.mark.parametrize("how", ["two_threads", "eight_threads"])
def test_threads_that_exit_at_once_did_not_leak(exits: str, how: str) -> None:
    """Those that wait for the result have called exit."""
    ended = end(exits, "none", how, options="at_exit=check:settle_ms=60000")
    assert ended.status == 0 and ended.reports == []


def test_what_did_leak_is_reported_without_them(exits: str) -> None:
    ended = end(exits, "unjoined", "two_threads", options="at_exit=check:settle_ms=2000")
    assert ended.status == 3 and ended.says(UNJOINED)


@pytest.mark.parametrize("link", [PRELOADED, STATIC])
@pytest.mark.parametrize("how", ["return", "thread", "quick_exit", "_exit"])
def test_a_sandbox_that_allows_what_the_program_does_itself(
    workshop: Workshop, how: str, link: str
) -> None:
    """A check that finds nothing takes no more."""
    preload = LIBRARY if link == PRELOADED else ""
    ended = end(workshop.program("sandboxed", link).path, how, preload=preload)
    assert (ended.status, ended.err) == (0, "")
    killed = end(workshop.program("sandboxed", link).path, "getpid", preload=preload)
    assert killed.status == -signal.SIGSYS


def test_an_exit_that_is_cut_after_a_clean_look(exits: str) -> None:
    ended = end(exits, "none", "leaks_and_cuts")
    assert ended.status == 3 and ended.says(OUTLIVED), ended.err


@pytest.mark.parametrize("how", ["_exit", "disarmed"])
def test_ends_that_are_not_checked(exits: str, how: str) -> None:
    ended = end(exits, "alive", how)
    assert ended.status == 0 and ended.reports == []


def test_detached_threads_may_be_allowed(exits: str) -> None:
    assert end(exits, "detached", "return", options=f"{CHECK}:allow=detached").status == 0
    assert end(exits, "alive", "return", options=f"{CHECK}:allow=detached").status == 3


def test_without_the_option_all_is_as_before(exits: str) -> None:
    ended = end(exits, "alive", "return", options="")
    assert ended == Ended(0, "main\n", "handler\n")
    assert "libthreadleak" not in end(exits, "none", "frames", options="").out
    assert "libthreadleak" in end(exits, "none", "frames").out


def test_fork_children_are_checked_in_their_own_right(exits: str) -> None:
    """The parent's thread is not theirs; a copy that _Fork made is not checked."""
    ended = end(exits, "alive", "children")
    assert ended.out == "main\nchildren: 0 3 0\n"
    assert [line.split(" at ")[0] for line in ended.reports] == [
        f"threadleak: {UNJOINED}",
        f"threadleak: {OUTLIVED}",
    ]
    assert ended.status == 3


def test_a_program_that_becomes_another_one(exits: str) -> None:
    ended = end(exits, "alive", "exec", exits, "unjoined", "exec", exits, "none", "exit")
    assert ended.status == 0 and ended.reports == []
    ended = end(exits, "none", "exec", exits, "unjoined", "exit")
    assert ended.status == 3 and ended.says(UNJOINED)


@pytest.mark.parametrize("link", [LINKED, EMBEDDED, HIDDEN, STATIC, STATIC_PIE])
@pytest.mark.parametrize("how", ["return", "exit", "quick_exit", "err_0", "last_thread"])
def test_however_it_comes_by_the_library(workshop: Workshop, link: str, how: str) -> None:
    path = workshop.program("exits", link).path
    ended = end(path, "unjoined", how, options=f"{CHECK}:engine={engine()}", preload="")
    assert ended.status == 3 and ended.says(UNJOINED), ended.err
    ended = end(path, "joined", how, preload="")
    assert ended.status == 0 and ended.reports == []


def engine() -> str:
    """An archive does not know where it was taken from."""
    return os.path.join(os.path.dirname(LIBRARY), "..", "scripts", "threadleak")


@pytest.mark.parametrize("link", [LINKED, EMBEDDED, HIDDEN])
def test_two_copies_check_once(workshop: Workshop, link: str) -> None:
    ended = end(workshop.program("exits", link).path, "unjoined", "exit")
    assert ended.err.count(UNJOINED) == 1 and ended.status == 3


@pytest.mark.parametrize(
    "compiler, sanitizer, library",
    [
        ("gcc", "address", "libasan.so"),
        ("gcc", "thread", "libtsan.so"),
        ("clang", "address", None),
        ("clang", "thread", None),
    ],
)
def test_programs_with_sanitizers(
    workshop: Workshop, compiler: str, sanitizer: str, library: Optional[str]
) -> None:
    flags = (f"-fsanitize={sanitizer}",)
    path = workshop.program("exits", PRELOADED, flags=flags, compiler=compiler).path
    preload = ":".join([sanitizer_library(library)] * bool(library) + [LIBRARY])
    ended = end(path, "alive", "exit", preload=preload)
    assert ended.status == 3 and "outlived" in ended.reports[0]
    ended = end(path, "joined", "return", preload=preload)
    assert ended.status == 0 and ended.reports == []


@pytest.mark.parametrize(
    "glob, is_checked",
    [
        *(
            ("exits", True),
            ("exit?", True),
            ("e*s", True),
            ("nothing,ex*", True),
            ("*/exits", True),
        ),
        *(("exit", False), ("*xit", False), ("nothing", False), ("/exits", False)),
    ],
)
def test_only_programs_of_that_name(exits: str, glob: str, is_checked: bool) -> None:
    ended = end(exits, "alive", "return", options=f"{CHECK}:only={glob}")
    assert (ended.status, len(ended.reports)) == ((3, 1) if is_checked else (0, 0))


def test_only_a_script_of_that_name(exits: str, tmp_path: "os.PathLike[str]") -> None:
    """What the kernel was asked to execute counts: not only its interpreter."""
    script = os.path.join(tmp_path, "test_it")
    with open(script, "w", encoding="utf-8") as file:
        file.write(
            f"#!{exits} alive\n"
        )  # main gets "alive" and the script's path, which is no way to end
    os.chmod(script, 0o755)
    assert end(script, options=f"{CHECK}:only=test_*").status == 3
    assert end(script, options=f"{CHECK}:only=test").status == 0


def test_loaded_too_late_it_cannot_tell(exits: str) -> None:
    ended = end(exits, "alive", "late", LIBRARY, preload="")
    assert ended.status == 2 and "cannot tell" in ended.err
    assert end(exits, "alive", "late", LIBRARY, preload="", options="at_exit=report").status == 0


@pytest.mark.parametrize(
    "options, subject",
    [
        ("at_exit=typo", "at_exit"),
        (f"{CHECK}:no_such_option=1", "no_such_option"),
        (f"{CHECK}:strict=yes", "strict"),
        (f"{CHECK}:rules=/nonexistent", "/nonexistent"),
        (f"{CHECK}:baseline=/nonexistent", "/nonexistent"),
    ],
)
def test_a_check_that_is_not_the_one_that_was_asked_for(
    exits: str, options: str, subject: str
) -> None:
    """0 would say that what was asked for was found to be well."""
    ended = end(exits, "joined", "return", options=options)
    assert ended.status == 2
    (said,) = [line for line in ended.reports if "cannot tell" in line]
    assert subject in said and "correct it" in said
    assert end(exits, "joined", "exit_4", options=options).status == 4


def test_options_of_no_check_are_only_noted(exits: str) -> None:
    ended = end(exits, "joined", "return", options="no_such_option=1:rules=/nonexistent")
    assert ended.status == 0 and len(ended.reports) == 2
    assert "no option 'no_such_option'" in ended.err
    assert "cannot be read: /nonexistent; correct it, or leave it out" in ended.err


@pytest.mark.parametrize(
    "wrong, said",
    [
        ("no_such_option=1", "no option 'no_such_option'"),
        ("strict=yes", "unusable value for 'strict'"),
        ("format=yaml", "unusable value for 'format'"),
        ("only='test_*", "a quote does not end in the value of 'only'"),
    ],
)
def test_what_means_nothing_is_told_on_stderr_wherever_notes_go(
    exits: str, tmp_path: Any, wrong: str, said: str
) -> None:
    options = f"log_path={tmp_path}/log:{wrong}"
    ended = end(exits, "joined", "return", options=options)
    assert ended.status == 0 and said in ended.err and not os.listdir(tmp_path)
    ended = end(exits, "joined", "return", options=f"format=json:{options}")
    assert ended.status == 0 and said in ended.err and not os.listdir(tmp_path)


def test_files_are_meant_where_the_program_started(exits: str, tmp_path: Path) -> None:
    """It goes elsewhere before it exits."""
    (tmp_path / "later").mkdir()
    (tmp_path / "mine").write_text("name:stays  stays while the test runs\n")
    (tmp_path / "engine").symlink_to(SHELL)
    known = ["run", "--baseline", "known", "--update-baseline", "--", exits, "alive", "elsewhere"]
    subprocess.run(
        [SHELL, *known], env=environment(), cwd=tmp_path, capture_output=True, timeout=TIMEOUT_S
    )
    for options, status in (("rules=mine", 0), ("baseline=known", 0), ("engine=engine", 3)):
        ended = end(exits, "alive", "elsewhere", options=f"{CHECK}:{options}", cwd=str(tmp_path))
        assert (ended.status, len(ended.reports)) == (status, status and 1), ended.err
