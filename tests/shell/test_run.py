# SPDX-License-Identifier: MIT
"""`threadleak run`: the program runs as it does without us, and the library is in it and in what it starts. What is
checked is in test_run_check.py."""

import os
import shutil
import signal
import subprocess
from typing import Any, Dict, List, Optional

import pytest
from run_gdb import ROOT
from run_shell import SHELL, TIMEOUT_S
from workshop import LIBRARY, STATIC, Workshop

PRELOADED = os.path.realpath(os.path.dirname(LIBRARY)) + "/libthreadleak.so.0"


def begin(*words: str, env: Optional[Dict[str, str]] = None, **how: Any) -> "subprocess.Popen[str]":
    clean = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"} if env is None else env
    pipe = subprocess.PIPE
    how = {"stdin": pipe, "stdout": pipe, "stderr": pipe, "text": True, **how}
    return subprocess.Popen([SHELL, "run", *words], env=clean, **how)


class Done:
    def __init__(self, process: "subprocess.Popen[str]", stdin: str = ""):
        self.out, self.err = process.communicate(stdin, timeout=TIMEOUT_S)
        self.status = process.returncode


def run(*words: str, stdin: str = "", **how: Any) -> Done:
    return Done(begin(*words, **how), stdin)


def environment_of(*words: str, env: Dict[str, str]) -> List[str]:
    return run("--no-check", *words, "--", "/usr/bin/env", env=env).out.splitlines()


@pytest.fixture(
    params=[("--no-check",), (), ("--core-on-leak", "--timeout", "60")],
    ids=["no-check", "check", "core-on-leak"],
)
def how(request: Any) -> Any:
    """The program takes our place, or is our child."""
    return request.param


def test_the_status_and_the_streams_are_the_programs(how: Any) -> None:
    done = run(*how, "--", "bash", "-c", "cat; echo bad >&2; exit 7", stdin="some words\n")
    assert (done.out, done.err, done.status) == ("some words\n", "bad\n", 7)


def test_the_library_is_there_and_in_what_is_started(how: Any) -> None:
    look = "grep -c /libthreadleak.so /proc/self/maps >&2; env | grep ^LD_PRELOAD="
    done = run(*how, "--", "bash", "-c", f"bash -c '{look}; exec bash -c \"{look}\"'")
    assert done.out.splitlines() == [f"LD_PRELOAD={PRELOADED}"] * 2
    assert [int(line) > 0 for line in done.err.splitlines()] == [True, True]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1])
def test_a_signal_ends_it_as_it_ends_the_program(how: Any, number: int) -> None:
    process = begin(*how, "--", "bash", "-c", "echo ready; exec sleep 60")
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    process.send_signal(number)
    assert Done(process).status == -number


def test_a_signal_that_is_handled(how: Any) -> None:
    script = "trap 'echo caught; exit 4' TERM; echo ready; while :; do sleep 0.05; done"
    process = begin(*how, "--", "bash", "-c", script)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    process.terminate()
    done = Done(process)
    assert (done.out, done.status) == ("caught\n", 4)


def test_signals_are_as_they_were(how: Any) -> None:
    """What is ignored, blocked and caught; SIGPIPE, which Python ignores, is not."""
    script = "grep -E '^Sig(Blk|Ign)' /proc/self/status"
    bare = subprocess.run(["bash", "-c", script], capture_output=True, text=True).stdout
    assert run(*how, "--", "bash", "-c", script).out == bare
    ignoring = f"trap '' INT QUIT; {SHELL} run {' '.join(how)} -- bash -c \"{script}\""
    done = subprocess.run(["bash", "-c", ignoring], capture_output=True, text=True)
    ignored = {line.split()[0]: int(line.split()[1], 16) for line in done.stdout.splitlines()}
    before = {line.split()[0]: int(line.split()[1], 16) for line in bare.splitlines()}
    assert ignored["SigIgn:"] == before["SigIgn:"] | 0b110
    assert ignored["SigBlk:"] == before["SigBlk:"]


def test_the_process_is_the_same() -> None:
    process = begin("--no-check", "--", "bash", "-c", "echo $$ $(ps -o pgid= -p $$)")
    done = Done(process)
    assert done.out.split() == [str(process.pid), str(os.getpgid(0))]


def test_the_environment_is_as_it_was() -> None:
    """Python sets LC_CTYPE in the C locale; what is in the environment need not be text."""
    env = {"A": "x=\udcff\n", "EMPTY": ""}
    command = [SHELL, "run", "--no-check", "--", "/usr/bin/env", "-0"]
    done = subprocess.run(command, env=env, capture_output=True)
    expected = {b"A=x=\xff\n", b"EMPTY=", b"LD_PRELOAD=" + PRELOADED.encode()}
    expected.add(b"ASAN_OPTIONS=verify_asan_link_order=0")
    assert set(done.stdout.rstrip(b"\0").split(b"\0")) == expected


def test_what_is_preloaded_already_stays_in_front() -> None:
    other = "/lib/x86_64-linux-gnu/libm.so.6"
    for before in (other, f"{other} {PRELOADED}"):
        found = environment_of(env={"LD_PRELOAD": before})
        assert f"LD_PRELOAD={other}:{PRELOADED}" in found


def test_a_program_with_a_sanitizer(tmp_path: Any, how: Any) -> None:
    """gcc's AddressSanitizer would refuse to start, since its library is not the first one."""
    (tmp_path / "empty.c").write_text("int main(void) { return 7; }\n")
    for sanitizer in "address", "thread", "undefined":
        program = str(tmp_path / sanitizer)
        command = ["gcc", f"-fsanitize={sanitizer}", "-o", program, str(tmp_path / "empty.c")]
        subprocess.run(command, check=True)
        done = run(*how, "--", program)
        assert (done.status, done.err) == (7, "")
    env = {"ASAN_OPTIONS": "exitcode=9"}
    assert "ASAN_OPTIONS=verify_asan_link_order=0:exitcode=9" in environment_of(env=env)


def test_options_of_the_library_are_added() -> None:
    env = {"THREADLEAK_OPTIONS": "frames=7"}
    assert "THREADLEAK_OPTIONS=frames=7" in environment_of(env=env)
    found = environment_of("--options", "frames=9:max_records=5", env=env)
    assert "THREADLEAK_OPTIONS=frames=7:frames=9:max_records=5" in found
    assert not any(line.startswith("THREADLEAK_OPTIONS") for line in environment_of(env={}))
    assert "keys" in run("--no-check", "--options", "help", "--", "true").err


def test_programs_that_cannot_be_run(tmp_path: Any, how: Any) -> None:
    text = tmp_path / "text"
    text.write_text("echo from a shell $1\n")
    for name, status in (("no-such-program", 127), ("./no/such", 127), (str(text), 126)):
        done = run(*how, "--", name)
        assert done.status == status
        assert done.err.startswith(f"threadleak: {name} ") and done.err.count("\n") == 1
    text.chmod(0o755)  # and is given to the shell, as execvp(3) does
    assert run(*how, "--", str(text), "once").out == "from a shell once\n"
    assert run(*how, "--", "text", env={"PATH": f"/nonexistent:{tmp_path}"}).status == 0


def test_a_program_is_found_without_a_path() -> None:
    assert run("--", "true", env={}).status == 0


def test_programs_that_cannot_be_preloaded(workshop: Workshop, tmp_path: Any) -> None:
    static = tmp_path / "static"
    (tmp_path / "empty.c").write_text("int main(void) { return 7; }\n")
    command = ["gcc", "-static", "-o", str(static), str(tmp_path / "empty.c")]
    subprocess.run(command, check=True)
    done = run("--no-check", "--", str(static))
    why = "it is statically linked"
    assert done.err == f"threadleak: {static} will not be watched: {why}\n"
    assert done.status == 7
    script = tmp_path / "script"
    script.write_text(f"#!{static}\n")
    script.chmod(0o755)
    assert why in run("--no-check", "--", str(script)).err


def test_a_static_program_that_has_the_library_is_watched(workshop: Workshop, how: Any) -> None:
    program = workshop.program("grows", link=STATIC)
    done = run(*how, "--", program.path)
    assert (done.out, done.err, done.status) == ("ready\n", "", 5)


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user, which root alone can")
def test_a_setuid_program_is_told() -> None:
    as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    if subprocess.run([*as_nobody, "test", "-x", SHELL]).returncode != 0:
        pytest.skip("the checkout is where no other user may go, as below /root")
    for how, says in ("--no-check", "will not be watched: it is setuid"), (
        "--",
        "leaked: it is setuid",
    ):
        command = [*as_nobody, SHELL, "run", how, "su", "--version"]
        done = subprocess.run(command, capture_output=True, text=True)
        assert says in done.stderr
        assert done.stdout.startswith("su from")


def test_a_library_that_cannot_be_named_in_ld_preload(tmp_path: Any) -> None:
    """Blanks and colons separate there (ld.so(8))."""
    copy = tmp_path / "a b"
    for folder in ("gdb", "scripts"):
        shutil.copytree(os.path.join(ROOT, folder), copy / folder)
    (copy / "build").mkdir()
    command = [str(copy / "scripts" / "threadleak"), "run", "--", "true"]
    missing = subprocess.run(command, capture_output=True, text=True)
    shutil.copy(PRELOADED, copy / "build")
    named = subprocess.run(command, capture_output=True, text=True)
    assert (missing.returncode, named.returncode) == (64, 64)
    assert "run `make`" in missing.stderr
    assert "cannot be preloaded, for its blank or colon" in named.stderr


@pytest.mark.parametrize("words", [[], ["--"], ["--no-such-option", "--", "true"]])
def test_wrong_usage(words: List[str]) -> None:
    done = run(*words)
    assert done.status == 64 and done.err.count("\n") == 1
