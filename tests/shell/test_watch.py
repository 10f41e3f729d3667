# SPDX-License-Identifier: MIT
"""`threadleak watch`: what leaks makes an alarm, what only comes and goes makes none."""

import json
import os
import shutil
import signal
import subprocess
from typing import Any, Dict, Iterator, List

import pytest
from growing import Growing
from run_shell import BLIND, CLEAN, LEAKS, SHELL, USAGE, Run, environment, run_shell
from workshop import READY_S, Running, Workshop, line_of

LOOKS = ("--every", "250ms", "--for", "1s")  # five


def watch(*words: Any, **env: str) -> Run:
    return run_shell("watch", *map(str, words), env=env)


def alarms(done: Run) -> List[Dict[str, Any]]:
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert {line["schema"] for line in lines} == {"threadleak-watch/1"}
    assert lines[-1]["status"] == done.status
    return lines[:-1]


def plan(running: Running, every: str, span: str) -> str:
    who = f"comes_and_goes ({running.pid})"
    return f"threadleak watch: looks at {who} every {every} for {span}"


@pytest.fixture
def leaking(workshop: Workshop) -> Iterator[Running]:
    running = workshop.start(workshop.program("comes_and_goes"), "leaks")
    yield running
    running.end()


def test_a_leak(leaking: Running) -> None:
    done = watch(*LOOKS, leaking.pid)
    place = f"leave_one (comes_and_goes.c:{line_of('comes_and_goes', '/* creates unjoined */')})"
    who = f"alarm: comes_and_goes, process {leaking.pid}: threads created at {place}"
    first, alarm, last = done.out.splitlines()
    assert first == plan(leaking, "250 ms", "1 s")
    assert alarm.startswith(f"{who} rose in each of 5 looks, from ")
    assert last == "threadleak watch: 1 alarm in 5 looks at 1 process"
    assert (done.status, done.err) == (LEAKS, "")


def test_a_busy_pool_is_none(workshop: Workshop) -> None:
    busy = workshop.start(workshop.program("comes_and_goes"))
    done = watch("--every", "100ms", "--for", "2s", busy.pid)
    assert (done.status, done.err) == (CLEAN, "")
    assert done.out.splitlines() == [
        plan(busy, "100 ms", "2 s"),
        "threadleak watch: 0 alarms in 21 looks at 1 process",
    ]


@pytest.mark.parametrize("argument, status", [("leaks", LEAKS), ("", CLEAN)])
def test_without_the_library(workshop: Workshop, argument: str, status: int) -> None:
    """Finished threads that nobody joined are not among the kernel's."""
    bare = workshop.start(workshop.program("comes_and_goes"), argument, preload="")
    done = watch("--every", "100ms", "--for", "1s", bare.pid)
    assert (done.status, done.err) == (status, "")
    assert "no library in it" in done.out
    assert ("threads that began in finish (comes_and_goes.c:" in done.out) == (status == LEAKS)
    assert "work (" not in done.out


@pytest.mark.parametrize("preload", [None, ""])
def test_many_that_are_blocked_at_one_place(workshop: Workshop, preload: Any) -> None:
    crowd = workshop.start(workshop.program("crowd"), "40", "0", preload=preload)
    done = watch(*LOOKS, "--threshold", 40, "--format", "json", crowd.pid)
    (alarm,) = alarms(done)
    assert done.status == LEAKS
    assert (alarm["kind"], alarm["threads"], alarm["before"]) == ("blocked", 40, None)
    assert alarm["frame"]["function"] == "block"
    assert watch(*LOOKS, "--threshold", 41, crowd.pid).status == CLEAN
    assert watch(*LOOKS, "--threshold", 0, crowd.pid).status == CLEAN


@pytest.mark.parametrize("preload", [None, ""])
def test_what_a_rule_expects_is_none(workshop: Workshop, tmp_path: Any, preload: Any) -> None:
    """All threads of a place, of whatever class they are: of another place there still is one."""
    rules = tmp_path / "known.rules"
    leaking = workshop.start(workshop.program("comes_and_goes"), "leaks", preload=preload)
    words = (*LOOKS, "--rules", rules, leaking.pid)
    rules.write_text("class=alive,unjoined start:finish it is a demonstration\n")
    done = watch(*words)
    assert (done.status, done.out.count("alarm:")) == (CLEAN, 0), done.out
    (note,) = [line for line in done.out.splitlines() if " rose in each of 5 looks" in line]
    assert note.startswith("note: comes_and_goes, process ")
    assert (
        f": expected by class=alive,unjoined start:finish it is a demonstration ({rules}:1)" in note
    )
    rules.write_text("class=alive start:finish those that are alive alone\n")
    assert watch(*words).status == LEAKS


def test_rules_that_cannot_be_read(leaking: Running, tmp_path: Any) -> None:
    done = watch(*LOOKS, "--rules", tmp_path / "none", leaking.pid)
    assert (done.status, done.out) == (USAGE, "") and str(tmp_path / "none") in done.err


def test_a_process_that_is_stopped(leaking: Running) -> None:
    """Nothing can rise in it, so that there is nothing to be told."""
    os.kill(leaking.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, leaking.pid, os.WSTOPPED | os.WNOWAIT)  # it may be just running
    done = watch(*LOOKS, leaking.pid)
    why = "it is stopped, by a signal or a debugger, so nothing changes: this look does not count"
    assert done.out.splitlines()[1:] == [
        f"note: process {leaking.pid}: {why}",
        f"note: process {leaking.pid}: 0 looks are too few",
        "threadleak watch: 0 alarms in 5 looks at 1 process",
    ]
    assert (done.status, done.err.count("\n")) == (BLIND, 1)


def test_a_pool_that_has_only_grown_before(growing: Growing) -> None:
    growing.make("uuuuaaaa")
    done = watch(*LOOKS, growing.pid)
    assert (done.status, done.out.count("alarm:")) == (CLEAN, 0)


def test_a_command(workshop: Workshop, tmp_path: Any) -> None:
    """Names of the process reach it by the environment alone; it is run once for a place, however often that is seen."""
    path = tmp_path / "$(touch x);`touch y`"
    shutil.copy(workshop.program("comes_and_goes").path, path)
    program = workshop.program("comes_and_goes")._replace(path=str(path))
    leaking = workshop.start(program, "leaks")
    told = tmp_path / "told"
    command = 'echo "$THREADLEAK_ALARM $THREADLEAK_PID $THREADLEAK_FUNCTION $THREADLEAK_PROCESS" >> $TOLD; echo out'
    words = ("watch", *LOOKS, "--format", "json", "--exec", command, str(leaking.pid))
    done = run_shell(*words, env={"TOLD": str(told)}, cwd=str(tmp_path))
    assert len(alarms(done)) == 1
    first, *rest = done.err.splitlines()
    assert first.startswith("threadleak watch: looks at $(touch x);`tou (") and rest == ["out"]
    assert told.read_text() == f"growth {leaking.pid} leave_one $(touch x);`tou\n"
    assert sorted(os.listdir(tmp_path)) == sorted([path.name, "told"])


def test_a_command_that_fails_is_told(leaking: Running) -> None:
    done = watch(*LOOKS, "--exec", "exit 7", leaking.pid)
    assert done.status == LEAKS
    assert "note: the command of --exec ended with status 7" in done.out.splitlines()


def test_processes_that_begin_later(workshop: Workshop) -> None:
    """It goes on until there is an alarm, whatever --for says."""
    path = os.path.join(workshop.new_folder("late"), f"later-{os.getpid()}")
    shutil.copy(workshop.program("comes_and_goes").path, path)
    words = [SHELL, "watch", "--every", "100ms", "--for", "400ms", "--until-alarm", "--name"]
    pipe = subprocess.PIPE
    watching = subprocess.Popen(
        [*words, f"late?-{os.getpid()}"], stdout=pipe, stderr=pipe, env=environment(), text=True
    )
    program = workshop.program("comes_and_goes")._replace(path=path)
    leaking = workshop.start(program, "leaks")
    out, err = watching.communicate(timeout=READY_S)
    assert (watching.returncode, err) == (LEAKS, "")
    name = os.path.basename(path)
    assert f"{name}, process {leaking.pid}: threads created at leave_one" in out


class Watching:
    """With lines read as they come, until it is interrupted."""

    def __init__(self, *words: Any):
        pipe = subprocess.PIPE
        how: Dict[str, Any] = dict(stdout=pipe, stderr=pipe, env=environment(), text=True)
        self._process = subprocess.Popen([SHELL, "watch", *map(str, words)], **how)
        assert self._process.stdout is not None and self._process.stderr is not None
        self.out, self.err = self._process.stdout, self._process.stderr

    def interrupt(self) -> Run:
        self._process.send_signal(signal.SIGINT)
        return self.end()

    def end(self) -> Run:
        out, err = self._process.communicate(timeout=READY_S)
        return Run(self._process.returncode, out, err)


def test_an_interrupt_after_an_alarm(workshop: Workshop) -> None:
    crowd = workshop.start(workshop.program("crowd"), "40", "0")
    watching = Watching("--every", "1h", "--for", "2h", "--threshold", 40, crowd.pid)
    assert watching.out.readline().startswith("threadleak watch: looks at crowd (")
    assert watching.out.readline().startswith("alarm: ")
    done = watching.interrupt()
    assert done.status == LEAKS
    *_, last = done.out.splitlines()
    assert last == "threadleak watch: 1 alarm in 1 look at 1 process"
    assert "note: interrupted after 1 look" in done.out.splitlines()


def test_an_interrupt_before_it_can_be_told(workshop: Workshop) -> None:
    """What is known of how it is looked at is told with the first look."""
    bare = workshop.start(workshop.program("comes_and_goes"), preload="")
    watching = Watching("--every", "1h", "--for", "2h", bare.pid)
    assert watching.out.readline() == plan(bare, "1 h", "2 h") + "\n"
    assert watching.out.readline().startswith(f"note: process {bare.pid}: no library in it")
    done = watching.interrupt()
    assert done.status == BLIND
    assert done.out.splitlines() == [
        "note: interrupted after 1 look",
        f"note: process {bare.pid}: 1 look is too few",
        "threadleak watch: 0 alarms in 1 look at 1 process",
    ]
    assert done.err.startswith("threadleak: cannot tell: interrupted after 1 look; ")


def test_a_process_that_goes_on(leaking: Running) -> None:
    os.kill(leaking.pid, signal.SIGSTOP)
    watching = Watching("--every", "100ms", "--for", "300ms", "--until-alarm", leaking.pid)
    assert watching.out.readline().startswith("threadleak watch: looks at ")
    assert "it is stopped" in watching.out.readline()
    os.kill(leaking.pid, signal.SIGCONT)
    done = watching.end()
    assert (done.status, done.out.count("alarm: ")) == (LEAKS, 1)


def test_an_interrupt_in_json(leaking: Running) -> None:
    watching = Watching("--every", "1h", "--for", "2h", "--format", "json", leaking.pid)
    assert watching.err.readline() == plan(leaking, "1 h", "2 h") + "\n"
    done = watching.interrupt()
    assert alarms(done) == [] and done.status == BLIND
    assert json.loads(done.out)["unknown"][0].startswith("interrupted after ")


def test_an_interrupt_that_is_ignored(leaking: Running) -> None:
    words = [SHELL, "watch", *LOOKS, str(leaking.pid)]
    how: Dict[str, Any] = dict(stdout=subprocess.PIPE, env=environment(), text=True)
    ignore = lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)  # noqa: E731
    with subprocess.Popen(words, preexec_fn=ignore, **how) as watching:
        assert watching.stdout is not None and watching.stdout.readline()
        watching.send_signal(signal.SIGINT)
        assert "1 alarm in 5 looks" in watching.communicate(timeout=READY_S)[0]


def test_a_process_that_ends(growing: Growing) -> None:
    words = [SHELL, "watch", "--every", "50ms", "--for", "1h", growing.pid]
    pipe = subprocess.PIPE
    watching = subprocess.Popen(words, stdout=pipe, stderr=pipe, env=environment(), text=True)
    growing.make("j")
    growing.end()
    out, err = watching.communicate(timeout=READY_S)
    assert watching.returncode == BLIND and "0 alarms" in out
    assert err.startswith("threadleak: cannot tell: ") and err.count("\n") == 1


@pytest.mark.parametrize(
    "words, status, told",
    [
        (("999999999",), BLIND, "cannot tell: there is no process 999999999"),
        (("--name", "no-such-*", *LOOKS), BLIND, "no process with a name like 'no-such-*'"),
        ((), USAGE, "give PIDs, or --name GLOB"),
        (("--name", "x", "1"), USAGE, "give PIDs, or --name GLOB"),
        (("x",), USAGE, "'x' is no PID"),
        (("--every", "0s", "1"), USAGE, "'0s' is no length of time"),
        (("--every", "10", "--for", "19s", "1"), USAGE, "2 looks cannot show growth"),
    ],
)
def test_what_cannot_be_watched(words: Any, status: int, told: str) -> None:
    done = watch(*words)
    assert done.status == status and told in done.err and done.err.count("\n") == 1


def test_more_processes_than_files_may_be_open(workshop: Workshop) -> None:
    """What cannot be looked at is told, in a few words, and the others are."""
    path = os.path.join(workshop.new_folder("many"), f"many-{os.getpid()}")
    shutil.copy(workshop.program("plain").path, path)
    program = workshop.program("plain")._replace(path=path)
    running = [workshop.start(program) for _ in range(12)]
    words = [SHELL, "watch", "--every", "50ms", "--for", "100ms", "--name", os.path.basename(path)]
    for limit, status in ((("-n", "30"), BLIND), (("-Sn", "30"), CLEAN)):
        script = f'ulimit {" ".join(limit)}; exec "$@"'
        how: Dict[str, Any] = dict(env=environment(), capture_output=True, text=True)
        done = subprocess.run(["bash", "-c", script, "bash", *words], **how)
        assert done.returncode == status
        assert ("Too many open files" in done.stderr) == (status == BLIND)
        assert done.stderr.count("\n") == (status == BLIND)
    for each in running:
        each.end()


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone can become another user")
def test_what_belongs_to_another_user(workshop: Workshop) -> None:
    """The kernel tells everybody how many threads it has: who cannot see the finished ones is blind."""
    busy = workshop.start(workshop.program("comes_and_goes"))
    how: Dict[str, Any] = dict(user=65534, group=65534, extra_groups=[])
    how.update(capture_output=True, text=True, env=environment())
    try:
        may_run = subprocess.run([SHELL, "--version"], **how).returncode == 0
    except PermissionError:
        may_run = False
    if not may_run:
        pytest.skip("another user cannot read this checkout")
    done = subprocess.run([SHELL, "watch", *LOOKS, str(busy.pid)], **how)
    assert done.returncode == BLIND
    assert "its finished threads cannot be seen: " in done.stderr
