# SPDX-License-Identifier: MIT
"""`threadleak run`: the check at exit of a program, and of whatever a test driver starts; what is said of all of them
in the end, and the exit status."""

import json
import os
import re
import signal
import subprocess
import tempfile
from typing import Any, List

import pytest
from run_shell import BLIND, CLEAN, LEAKS, SHELL, TIMEOUT_S, environment, run_shell
from workshop import Workshop, line_of

JOINED = "import threading, os; t = threading.Thread(target=int); t.start(); t.join(); "


class Done:
    """With a folder of its own, where core files are."""

    def __init__(self, folder: Any, *words: str, stdin: str = "", **env: str):
        done = subprocess.run(
            [SHELL, "run", *words],
            input=stdin,
            cwd=folder,
            env=environment(**env),
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )
        assert "Traceback" not in done.stderr, done.stderr
        self.status, self.out, self.err = done.returncode, done.stdout, done.stderr
        self.lines = done.stderr.splitlines()

    def rows(self) -> List[List[str]]:
        """Of the summary: result, program, what."""
        at = next(i for i, line in enumerate(self.lines) if line.startswith("PROCESS"))
        return [re.split(r"  +", line)[1:] for line in self.lines[at + 1 :]]


@pytest.fixture
def grows(workshop: Workshop) -> str:
    return workshop.program("grows").path


def python(code: str) -> List[str]:
    return ["--", "/usr/bin/python3", "-c", code]


# ---- one program -----------------------------------------------------------------------------------


def test_a_program_that_leaks(grows: str, tmp_path: Any) -> None:
    """Its report, and no more."""
    done = Done(tmp_path, "--settle-ms", "0", "--", grows, "0", stdin="uua\n")
    assert (done.status, done.out) == (LEAKS, "ready\ndone\n")
    assert done.lines[0].startswith(
        "threadleak: 3 leaked threads (2 unjoined, 1 outlived) at the exit of"
    )
    assert (
        f"leave_unjoined at grows.c:{line_of('grows', '/* creates unjoined */')}" in done.lines[0]
    )
    assert not any(line.startswith("PROCESS") for line in done.lines)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("letters", ["", "jj\n"])
def test_a_program_that_does_not(grows: str, tmp_path: Any, letters: str) -> None:
    done = Done(tmp_path, "--", grows, "0", stdin=letters)
    assert (done.status, done.err) == (CLEAN, "")


def test_its_own_status_counts_first(grows: str, tmp_path: Any) -> None:
    done = Done(tmp_path, "--", grows, "7", stdin="u\n")
    assert done.status == 7 and "1 leaked thread " in done.err


def test_the_status_of_leaks_may_be_another(grows: str, tmp_path: Any) -> None:
    assert Done(tmp_path, "--exitcode", "9", "--", grows, "0", stdin="u\n").status == 9
    assert Done(tmp_path, "--exitcode", "0", "--", grows, "0", stdin="u\n").status == 0


def test_what_a_rule_expects(grows: str, tmp_path: Any) -> None:
    rules = tmp_path / "with: colon"
    rules.write_text("site:keep_alive  they live as long as the process\n")
    done = Done(tmp_path, "--rules", "with: colon", "--", grows, "0", stdin="aa\n")
    assert (done.status, done.err) == (CLEAN, "")
    assert Done(tmp_path, "--rules", str(tmp_path / "none"), "--", grows).status == 64


def test_exec_is_not_checked(tmp_path: Any) -> None:
    """Of a program that created threads; one that did not has nothing to leak."""
    code = "os.execl('/bin/true', 'true')"
    done = Done(tmp_path, *python(JOINED + code))
    assert done.status == BLIND
    assert "it ended without a check: by _exit, by a signal, or by exec" in done.err
    assert Done(tmp_path, *python("import os; " + code)).status == CLEAN


def test_exit_without_exit_handlers(tmp_path: Any) -> None:
    """Clean if no thread was there; else nobody has looked at those that were."""
    assert Done(tmp_path, *python(JOINED + "os._exit(0)")).status == CLEAN
    waits = (
        "import threading, os; lock = threading.Lock(); lock.acquire(); "
        "threading.Thread(target=lock.acquire, daemon=True).start(); os._exit({})"
    )
    done = Done(tmp_path, *python(waits.format(0)))
    assert done.status == BLIND and "it ended by _exit while threads were there" in done.err
    assert Done(tmp_path, *python(waits.format(5))).status == 5


def test_a_program_that_becomes_a_daemon(tmp_path: Any) -> None:
    """Its parents end by _exit, with nothing left behind."""
    code = JOINED + "pid = os.fork()\nif pid: os.waitpid(pid, 0); os._exit(0)\n" + JOINED
    assert Done(tmp_path, *python(code)).status == CLEAN


def test_a_death_by_signal_is_passed_on(tmp_path: Any) -> None:
    done = Done(tmp_path, *python(JOINED + "os.kill(os.getpid(), 9)"))
    assert done.status == -signal.SIGKILL and "it died of SIGKILL" in done.err


@pytest.mark.parametrize("limit", ["0", "unlimited"])
def test_an_abort_says_what_is_mostly_behind_it_and_how_to_know(limit: str, tmp_path: Any) -> None:
    (tmp_path / "dies.cc").write_text(
        "#include <thread>\n#include <unistd.h>\nint main() { std::thread t(pause); }\n"
    )
    subprocess.run(["g++", "-g", "-o", "dies", "dies.cc"], check=True, cwd=tmp_path)
    done = subprocess.run(
        ["bash", "-c", f"ulimit -c {limit}; exec {SHELL} run -- ./dies"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    said = done.stderr.splitlines()[-1]
    assert done.returncode == -signal.SIGABRT
    assert (
        "SIGABRT, as a std::thread that is neither joined nor detached ends its program: " in said
    )
    if limit == "0":
        tells = "`threadleak check --at-end CORE` names it"
        assert said.endswith(f": `ulimit -c unlimited`, then {tells}")
        return
    command = re.search(": `threadleak (.*)` names it$", said)
    assert command is not None, said
    checked = run_shell(*command[1].split(), cwd=str(tmp_path))
    assert checked.status == LEAKS and "main (dies.cc:3)" in checked.out


def test_a_death_that_does_not_matter(tmp_path: Any) -> None:
    """Nothing is said of what had no threads."""
    for number in signal.SIGKILL, signal.SIGRTMIN + 3:
        done = Done(tmp_path, *python(f"import os; os.kill(os.getpid(), {int(number)})"))
        assert (done.status, done.err) == (-number, "")
    done = Done(tmp_path, *python(JOINED + f"os.kill(os.getpid(), {signal.SIGRTMIN + 3})"))
    assert f"it died of signal {signal.SIGRTMIN + 3}" in done.err


def test_a_program_without_the_library(tmp_path: Any) -> None:
    (tmp_path / "empty.c").write_text("int main(void) { return 0; }\n")
    subprocess.run(["gcc", "-static", "-o", "static", "empty.c"], check=True, cwd=tmp_path)
    done = Done(tmp_path, "--", "./static")
    assert done.status == BLIND
    assert re.fullmatch(
        r"threadleak: cannot tell whether threads of \./static, process \d+, leaked:"
        r" it is statically linked\n",
        done.err,
    )
    done = Done(tmp_path, "--", "env", "./static")
    assert done.status == BLIND and "it became static by exec, which told nothing" in done.err
    done = Done(tmp_path, "--", "env", "-i", "/bin/true")
    assert done.status == BLIND and "it became true by exec, which told nothing" in done.err


@pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace takes root")
@pytest.mark.parametrize("way", [["--net"], ["--net", "--user", "--map-root-user", "--mount"]])
def test_another_network_namespace(grows: str, tmp_path: Any, way: List[str]) -> None:
    (tmp_path / "tmp").mkdir()
    tells = ("--settle-ms", "0", "--only", "grows", "--", "unshare", *way, grows, "0")
    done = Done(tmp_path, *tells, stdin="j\n", TMPDIR=str(tmp_path / "tmp"))
    assert (done.status, done.err) == (CLEAN, "")
    driver = f"unshare {' '.join(way)} {grows} 0; true"
    report = tmp_path / "report.json"
    done = Done(
        tmp_path, "--settle-ms", "0", "--report", str(report), "--", "sh", "-c", driver, stdin="u\n"
    )
    assert done.status == LEAKS
    ((result, program, what),) = done.rows()
    assert (result, program) == ("leaked", f"{grows} 0") and "1 leaked thread (1 unjoined)" in what
    assert json.loads(report.read_text())["summary"]["leaked"] == 1
    assert os.listdir(tmp_path / "tmp") == []


@pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace takes root")
def test_another_root_that_is_in_the_same_network_namespace(grows: str, tmp_path: Any) -> None:
    """Where the file of the socket is not."""
    apart = 'mount -t tmpfs none "$TMPDIR" && "$@"; true'
    driver = ["unshare", "--mount", "sh", "-c", apart, "sh", grows, "0"]
    done = Done(tmp_path, "--settle-ms", "0", "--", *driver, stdin="u\n", TMPDIR=str(tmp_path))
    assert done.status == LEAKS and "1 leaked thread (1 unjoined)" in done.err


@pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace takes root")
@pytest.mark.parametrize("code", ["", "os._exit(0)"])
def test_whoever_is_not_heard_is_not_clean(tmp_path: Any, code: str) -> None:
    """In the driver's view, too: `run` itself hears nothing of it. A path of a socket has 107 bytes at most, so the
    folder has a short one."""
    apart = 'mount -t tmpfs none "$TMPDIR"; "$@"; echo $?'
    driver = ["unshare", "--mount", "--net", "sh", "-c", apart, "sh", *python(JOINED + code)[1:]]
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        done = Done(tmp_path, "--", *driver, TMPDIR=folder)
        assert done.out == f"{BLIND}\n"
        assert "`threadleak run` cannot be told of this program" in done.err
        driver[-1] = "pass"
        done = Done(tmp_path, "--", *driver, TMPDIR=folder)
        assert (done.status, done.out, done.err) == (CLEAN, "0\n", "")  # nothing to tell


def test_nothing_is_left_where_nobody_reads_its_summary(grows: str, tmp_path: Any) -> None:
    reads, writes = os.pipe()
    os.close(reads)
    with os.fdopen(writes, "wb") as nobody:
        done = subprocess.run(
            [SHELL, "run", "--settle-ms", "0", "--", "sh", "-c", f"{grows} 0; true"],
            input=b"u\n",
            env=environment(TMPDIR=str(tmp_path)),
            stdout=subprocess.DEVNULL,
            stderr=nobody,
            timeout=TIMEOUT_S,
        )
    assert (done.returncode, os.listdir(tmp_path)) == (LEAKS, [])


def test_what_outlives_the_run_is_not_told_of_it(tmp_path: Any) -> None:
    """Where nobody listens any more, a program ends as if nobody had."""
    os.mkfifo(tmp_path / "go")
    os.mkfifo(tmp_path / "status")
    later = f"""read word < go; /usr/bin/python3 -c "{JOINED}"; echo $? > status"""
    daemon = f"setsid sh -c '{later}' >/dev/null 2>&1 </dev/null &"
    (tmp_path / "daemon").write_text(daemon)
    done = Done(tmp_path, "--", "sh", "daemon")
    assert done.status == CLEAN
    (tmp_path / "go").write_text("go\n")
    assert (tmp_path / "status").read_text() == "0\n"


def test_programs_that_cannot_be_run_are_not_judged(tmp_path: Any) -> None:
    (tmp_path / "broken").write_text("#!/no/such/interpreter\n")
    (tmp_path / "broken").chmod(0o755)
    done = Done(tmp_path, "--", "./broken")
    assert done.status == 126 and done.err.count("\n") == 1


def made_by_main(workshop: Workshop, folder: Any, name: str) -> Done:
    """What leaks was made in one line."""
    done = Done(folder, "--settle-ms", "0", "--", workshop.program(name).path)
    made = f"made by main at {name}.cc:{line_of(name, 'made here')}"
    assert (done.status, done.lines[0].rpartition(": ")[2]) == (LEAKS, made), done.err
    return done


def test_one_line_is_one_group_though_a_vector_grows_there(
    workshop: Workshop, tmp_path: Any
) -> None:
    done = made_by_main(workshop, tmp_path, "vector")
    assert [line for line in done.lines if line.startswith("4 outlived threads, ids 2-5, ")]
    assert done.err.count("  created at:") == 1


def test_two_lambdas_of_a_line_are_two_groups_in_optimized_code(
    workshop: Workshop, tmp_path: Any
) -> None:
    done = made_by_main(workshop, tmp_path, "lambdas")
    shown = [line.split(", ids ")[1] for line in done.lines if " outlived threads, ids " in line]
    assert [line[:4] for line in sorted(shown)] == ["2, 4", "3, 5"], done.err
    for number in 1, 2:
        assert f"started in main::{{lambda()#{number}}}, through " in done.err


# ---- what it starts --------------------------------------------------------------------------------


def test_a_driver_that_ignores_it(grows: str, tmp_path: Any) -> None:
    script = f"echo u | {grows} 0; echo aa | {grows} 0; echo j | {grows} 0; {grows} 0; true"
    done = Done(tmp_path, "--settle-ms", "0", "--", "bash", "-c", script)
    assert done.status == LEAKS
    (line,) = [line for line in done.lines if " processes with threads " in line]
    assert line.startswith("threadleak: 2 of 3 processes with threads leaked some (")
    first, second = done.rows()
    assert first[:2] == second[:2] == ["leaked", f"{grows} 0"]
    assert first[2].startswith("1 leaked thread (1 unjoined)")
    assert second[2].startswith("2 leaked threads (2 outlived)")


def test_a_driver_with_an_opinion_of_its_own(grows: str, tmp_path: Any) -> None:
    done = Done(tmp_path, "--", "bash", "-c", f"echo u | {grows} 0; exit 8")
    assert done.status == 8 and "1 of 1 process with threads leaked some" in done.err


def test_shells_and_the_like_make_no_noise(tmp_path: Any) -> None:
    (tmp_path / "Makefile").write_text(
        "all:\n\t@dash -c 'ls >/dev/null; true'; gcc -E - </dev/null >/dev/null\n"
    )
    done = Done(tmp_path, "--", "make", "-j4", "all")
    assert (done.status, done.out, done.err) == (CLEAN, "", "")


def test_several_that_are_clean(grows: str, tmp_path: Any) -> None:
    done = Done(tmp_path, "--", "bash", "-c", f"for i in 1 2 3; do echo j | {grows} 0; done")
    assert done.status == CLEAN
    assert re.fullmatch(
        r"threadleak: no threads leaked in 3 processes with threads \(\d more had none\)\n",
        done.err,
    )


def test_many_at_once(grows: str, tmp_path: Any) -> None:
    """More of them than the socket's queue holds."""
    script = f"for i in $(seq 30); do echo j | {grows} 0 >/dev/null & done; wait; exit 0"
    done = Done(tmp_path, "--", "bash", "-c", script)
    assert done.status == CLEAN
    assert "no threads leaked in 30 processes with threads" in done.err


def test_a_child_that_is_not_checked(grows: str, tmp_path: Any) -> None:
    script = f"echo j | {grows} 0; /usr/bin/python3 -c '{JOINED}os.kill(os.getpid(), 9)'; true"
    done = Done(tmp_path, "--", "bash", "-c", script)
    assert done.status == BLIND
    assert (
        "threadleak: cannot tell whether threads leaked in 1 of 2 processes with threads"
        in done.err
    )
    ((result, program, what),) = done.rows()
    assert result == "cannot tell" and program.startswith("/usr/bin/python3 -c ")
    assert what == "it ended without a check: by _exit, by a signal, or by exec"


def test_a_fork_child_is_checked_in_its_own_right(tmp_path: Any) -> None:
    code = (
        "import os, sys, threading; t = threading.Thread(target=int); t.start(); t.join()\n"
        "pid = os.fork()\n"
        "if pid == 0: t = threading.Thread(target=int); t.start(); t.join(); os.kill(os.getpid(), 9)\n"
        "os.waitpid(pid, 0)"
    )
    done = Done(tmp_path, *python(code))
    assert done.status == BLIND
    assert "cannot tell whether threads leaked in 1 of 2 processes with threads" in done.err


def test_what_runs_on_is_told(tmp_path: Any) -> None:
    """It ends when the test lets it."""
    os.mkfifo(tmp_path / "gate")
    gate = os.open(tmp_path / "gate", os.O_RDWR)
    code = JOINED + "print('ready', flush=True); os.close(1); os.close(2); open('gate').read()"
    script = f'coproc /usr/bin/python3 -c "{code}"; read -u ${{COPROC[0]}} x; disown; exit 0'
    done = Done(tmp_path, "--", "bash", "-c", script)
    os.close(gate)
    assert done.status == BLIND
    assert "it was still running when the command had ended" in done.err


def test_only_what_is_named(grows: str, tmp_path: Any) -> None:
    (tmp_path / "test_leaks").symlink_to(grows)
    (tmp_path / "test_clean").write_text(f"#!/bin/bash\necho j | {grows} 0\n")
    (tmp_path / "test_clean").chmod(0o755)
    script = "echo u | ./test_leaks 0; ./test_clean; true"
    both = Done(tmp_path, "--only", "test_*", "--", "bash", "-c", script)
    assert both.status == LEAKS
    clean = Done(tmp_path, "--only", "test_c*", "--only", "none", "--", "bash", "-c", script)
    assert (clean.status, clean.err) == (CLEAN, "")
    none = Done(tmp_path, "--only", "no-such", "--", "bash", "-c", script)
    assert none.status == BLIND
    assert (
        none.err == "threadleak: cannot tell: no program that was started matches --only no-such\n"
    )


# ---- what is written -------------------------------------------------------------------------------


def test_a_report_in_a_file(grows: str, tmp_path: Any) -> None:
    script = f"cd /; echo u | {grows} 0; echo u | {grows} 0; true"
    done = Done(tmp_path, "--output", "report", "--", "bash", "-c", script)
    assert (done.status, done.err) == (LEAKS, "")
    lines = (tmp_path / "report").read_text().splitlines()
    assert (
        sum(
            line.startswith("threadleak: 1 leaked thread (1 unjoined) at the exit")
            for line in lines
        )
        == 2
    )
    assert any(
        line.startswith("threadleak: 2 of 2 processes with threads leaked some") for line in lines
    )


@pytest.mark.parametrize("format", ["json", "junit", "tap", "sarif"])
def test_documents_need_a_file(format: str, tmp_path: Any) -> None:
    done = Done(tmp_path, "--format", format, "--", "true")
    assert done.status == 64 and done.err.count("\n") == 1
    done = Done(tmp_path, "--format", format, "--output", "no/such/folder", "--", "echo", "ran")
    assert (done.status, done.out) == (64, "")


def test_where_nothing_can_be_written(tmp_path: Any) -> None:
    words = ["--format", "tap", "--output", "out", "--", "echo", "ran"]
    done = Done(tmp_path, *words, TMPDIR="/no/such")
    assert (done.status, done.out) == (64, "") and done.err.count("\n") == 1
    done = Done(tmp_path, "--format", "tap", "--output", "/dev/full", "--", "echo", "ran")
    assert (done.status, done.out) == (BLIND, "ran\n")
    assert "/dev/full cannot be written: No space left on device" in done.err
    done = Done(tmp_path, "--rules", "a'b\"c", "--", "echo", "ran")
    assert (done.status, done.out) == (64, "")


def test_a_core_of_what_leaked(grows: str, tmp_path: Any) -> None:
    script = f"echo u | {grows} 0; echo j | {grows} 0; true"
    done = Done(tmp_path, "--core-on-leak", "--", "bash", "-c", script)
    assert done.status == LEAKS
    (core,) = [name for name in os.listdir(tmp_path) if name.endswith(".core")]
    assert f"threadleak: process {core.split('.')[1]} at its exit: written to {core}" in done.lines
    seen = subprocess.run([SHELL, "check", core], cwd=tmp_path, capture_output=True, text=True)
    assert seen.returncode == LEAKS
    assert seen.stdout.startswith("threadleak: 1 leaked thread (1 unjoined) of 2\n")
