# SPDX-License-Identifier: MIT
"""`threadleak metrics`: once, into a file, and as a server."""

import os
import re
import shutil
import signal
import subprocess
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, Tuple

import pytest
from growing import Growing
from run_shell import BLIND, CLEAN, SHELL, USAGE, environment, run_shell
from workshop import LIBRARY, READY_S, Workshop, line_of

pytest.importorskip("prometheus_client", reason="needs python3-prometheus-client")
UNJOINED = "leave_unjoined"


def numbers(text: str) -> Dict[str, float]:
    """Series without process and pid -> value."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    pairs = (line.rsplit(" ", 1) for line in lines)
    return {re.sub(r'(process|pid)="[^"]*",?', "", name): float(value) for name, value in pairs}


@contextmanager
def server(*words: str) -> Iterator[Tuple["subprocess.Popen[str]", str]]:
    command = [SHELL, "metrics", "--listen", "0", *words]
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=environment(), text=True) as process:
        try:
            assert process.stderr is not None
            line = process.stderr.readline()
            found = re.fullmatch(
                r"threadleak: listening at (http://127\.0\.0\.1:\d+/metrics)\n", line
            )
            assert found, line
            yield process, found.group(1)
        finally:
            process.kill()


def get(url: str, **headers: str) -> str:
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=30) as answer:
        return str(answer.read().decode())


def test_once(growing: Growing) -> None:
    growing.make("uuuajj")
    done = run_shell("metrics", growing.pid)
    assert (done.status, done.err) == (CLEAN, "")
    assert f'threadleak_up{{pid="{growing.pid}",process="grows"}} 1.0' in done.out
    told = numbers(done.out)
    assert told['threadleak_threads{class="unjoined",}'] == 3
    assert told['threadleak_threads{class="alive",}'] == 2
    assert told['threadleak_threads{class="untracked",}'] == 0
    assert told["threadleak_threads_created_total{}"] == 6
    assert told["threadleak_threads_joined_total{}"] == 2
    assert told["threadleak_creations_failed_total{}"] == 0
    assert told["threadleak_library{}"] == 1
    assert told["threadleak_unjoined_stack_bytes{}"] % 3 == 0
    assert told["threadleak_unjoined_stack_bytes{}"] >= 3 * (64 << 10)
    assert 2 <= told["threadleak_threads_peak{}"] <= 8
    with open(f"/proc/{growing.pid}/stat", encoding="ascii") as stat:
        ticks = int(stat.read().rsplit(") ", 1)[1].split()[19])
    with open("/proc/stat", encoding="ascii") as file:
        booted = next(int(line.split()[1]) for line in file if line.startswith("btime"))
    started = booted + ticks / os.sysconf("SC_CLK_TCK")
    assert abs(told["threadleak_start_time_seconds{}"] - started) < 10
    site = f"{UNJOINED} (grows.c:{line_of('grows', '/* creates unjoined */')})"
    assert told[f'threadleak_site_threads{{class="unjoined",site="{site}"}}'] == 3
    assert told[f'threadleak_site_created_total{{site="{site}"}}'] == 3


def test_the_rest_is_other(growing: Growing) -> None:
    growing.make("uuuajj")
    told = numbers(run_shell("metrics", "--top-sites", "1", growing.pid).out)
    sites = {name for name in told if name.startswith("threadleak_site_threads")}
    assert len(sites) == 4 and told['threadleak_site_threads{class="alive",site="other"}'] == 1
    assert not any("other" in name for name in told if "site_created" in name)


def test_openmetrics(growing: Growing) -> None:
    out = run_shell("metrics", "--format", "openmetrics", growing.pid).out
    assert out.endswith("# EOF\n") and "# TYPE threadleak_threads_created counter\n" in out
    assert not [line for line in out.splitlines() if re.match(r"threadleak_\w+_created\{", line)]


def test_without_the_library(workshop: Workshop) -> None:
    """glibc's lists tell what is unjoined; what only the library knows is not there."""
    bare = Growing(workshop.program("grows").path, preload="")
    try:
        bare.make("uaujj")
        with server(bare.pid) as (_, url):
            for letters, unjoined, alive in (("", 2, 2), ("ujjaj", 3, 3), ("uu", 5, 3)):
                bare.make(letters)
                told = numbers(get(url))
                assert told['threadleak_threads{class="unjoined",}'] == unjoined
                assert told['threadleak_threads{class="alive",}'] == alive
                held = told["threadleak_unjoined_stack_bytes{}"]
                assert held >= unjoined * (64 << 10) and held % unjoined == 0
        done = run_shell("metrics", bare.pid)
    finally:
        bare.kill()
    assert (done.status, done.err) == (CLEAN, "")
    told = numbers(done.out)
    assert told["threadleak_up{}"] == 1 and told["threadleak_library{}"] == 0
    assert told['threadleak_threads{class="unjoined",}'] == 5
    assert not any("untracked" in name or "total" in name or "site" in name for name in told)


def test_never_absent_and_never_none_leaked(growing: Growing) -> None:
    growing.kill()
    gone = run_shell("metrics", growing.pid)
    assert gone.status == BLIND
    assert f'reason="there is no process {growing.pid}"' in gone.out
    assert numbers(gone.out)["threadleak_up{}"] == 0


def test_lists_of_another_process_are_not_counted(workshop: Workshop) -> None:
    """A child by _Fork has its parent's."""
    running = workshop.start(workshop.program("forked"), "_Fork", ready="", preload="")
    done = run_shell("metrics", running.line())
    told = numbers(done.out)
    assert done.status == BLIND and "are not this process's own" in done.err, done
    assert told["threadleak_up{}"] == 0 and not any("unjoined" in name for name in told)


def test_another_program_takes_the_place(workshop: Workshop) -> None:
    """exec: its lists lie elsewhere."""
    path = workshop.program("grows").path
    pipe = subprocess.PIPE
    command = ["bash", "-c", f"read line; exec {path}"]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            assert process.stdin is not None and process.stdout is not None
            with server(str(process.pid)) as (_, url):
                before = get(url)
                assert 'process="bash"' in before
                assert numbers(before)['threadleak_threads{class="unjoined",}'] == 0
                process.stdin.write("go\nuuu\n")
                process.stdin.flush()
                assert [process.stdout.readline() for _ in range(2)] == ["ready\n", "done\n"]
                assert numbers(get(url))['threadleak_threads{class="unjoined",}'] == 3
        finally:
            process.kill()


@pytest.mark.parametrize(
    "name, argument, preload, reason",
    [
        ("late", LIBRARY, "", "the library was loaded too late, by dlopen, and sees no thread"),
        ("goes_past", "alive", None, "the registry has no creation at all: the calls go past the"),
    ],
)
def test_a_library_that_sees_nothing(
    workshop: Workshop, name: str, argument: str, preload: Any, reason: str
) -> None:
    """What list says, and status 2, wherever threads are counted."""
    pid = str(workshop.start(workshop.program(name), argument, preload=preload).pid)
    done = run_shell("metrics", pid)
    assert done.status == BLIND and f"cannot tell: {reason}" in done.err, done
    told = numbers(done.out)
    assert told["threadleak_up{}"] == 0 and f'reason="{reason}' in done.out
    assert not any("unjoined" in series or "total" in series for series in told)
    assert reason in run_shell("list", pid).out
    assert reason in run_shell("top", "--once", "--interval", "0.1", pid).out
    for words in (("history",), ("history", "--format", "openmetrics")):
        done = run_shell(*words, pid)
        assert done.status == BLIND and reason in done.out + done.err, done
    watched = run_shell("watch", "--every", "100ms", "--for", "300ms", pid)
    assert watched.status == BLIND and f"cannot tell: process {pid}: {reason}" in watched.err
    assert "no library in it" not in watched.out


@pytest.mark.parametrize("argument, untracked", [("cancels", 10), ("goes-on", 0)])
def test_threads_that_ended_unseen(workshop: Workshop, argument: str, untracked: int) -> None:
    """They are not alive, wherever threads are counted, and hide none that the registry does not know."""
    running = workshop.start(workshop.program("ended_unseen"), argument)
    pid = str(running.pid)
    told = numbers(run_shell("metrics", pid).out)
    assert told["threadleak_up{}"] == 1 and "threadleak_threads_peak{}" not in told
    classes = ("alive", "untracked", "unjoined")
    found = [told[f'threadleak_threads{{class="{each}",}}'] for each in classes]
    assert found[1:] == [untracked, 0] and 1 <= found[0] <= 2  # one may just be ending
    sites = [told[name] for name in told if re.match(r'\w+site_threads{class="alive"', name)]
    assert len(sites) == 1 and sites[0] <= 1
    done = run_shell("watch", "--every", "200ms", "--for", "1s", pid)
    assert done.status == CLEAN and "0 alarms in 6 looks" in done.out, done
    assert "ended unseen" in run_shell("top", "--once", "--interval", "0.1", pid).out
    note = r"note: [\d,]+ detached threads ended unseen: the history counts them as alive\n"
    assert re.search(note, run_shell("history", pid).out)
    running.end()


def test_a_child_that_has_the_registry_of_its_parent(workshop: Workshop) -> None:
    running = workshop.start(workshop.program("forked"), "_Fork", ready="")
    done = run_shell("metrics", running.line())
    assert done.status == BLIND
    assert f"cannot tell: the registry is that of process {running.pid}, and this" in done.err
    assert not any("unjoined" in name for name in numbers(done.out))


def test_all_and_by_name(growing: Growing, workshop: Workshop) -> None:
    embedded = Growing(workshop.program("grows", link="static").path, preload="")
    bare = Growing(workshop.program("grows").path, preload="")
    try:
        found = run_shell("metrics", "--all").out
        named = run_shell("metrics", "--name", "gro?s").out
    finally:
        embedded.kill()
        bare.kill()
    for each, is_there in ((growing, True), (embedded, True), (bare, False)):
        assert (f'threadleak_up{{pid="{each.pid}",process="grows"}} 1.0' in found) == is_there
    assert f'threadleak_library{{pid="{bare.pid}",process="grows"}} 0.0' in named
    assert f'threadleak_library{{pid="{growing.pid}",process="grows"}} 1.0' in named


def test_all_finds_it_in_what_is_loaded_and_in_a_child_by_clone(
    workshop: Workshop, tmp_path: Any
) -> None:
    """Under another name, as where an archive is in a plugin; a child whose end is told to nobody is not our keeper."""
    renamed = shutil.copy(LIBRARY, str(tmp_path / "other.so"))
    growing = Growing(workshop.program("grows").path, preload=renamed)
    running = workshop.start(workshop.program("forked"), "clone", ready="")
    child = running.line()
    try:
        found = run_shell("metrics", "--all").out
    finally:
        growing.kill()
    assert f'threadleak_up{{pid="{growing.pid}",process="grows"}} 1.0' in found
    assert f'threadleak_up{{pid="{running.pid}",process="forked"}} 1.0' in found
    assert f'threadleak_up{{pid="{child}",process="forked"}} 0.0' in found


def test_whoever_reads_the_library_does_not_have_it(growing: Growing) -> None:
    """As whoever debugs a process does: it maps the files of that as data."""
    words = [SHELL, "top", "--interval", "0.1", growing.pid]
    how: Dict[str, Any] = dict(stdout=subprocess.PIPE, env=environment(), text=True)
    with subprocess.Popen(words, **how) as top:
        try:
            assert top.stdout is not None and "threadleak top: grows" in top.stdout.readline()
            with open(f"/proc/{top.pid}/maps", encoding="utf-8") as maps:
                assert "/libthreadleak.so" in maps.read()
            found = run_shell("metrics", "--all").out
        finally:
            top.kill()
    assert f'pid="{growing.pid}"' in found and f'pid="{top.pid}"' not in found


def test_a_name_that_nobody_has() -> None:
    """Once, that is no clean result; --listen waits for such a process."""
    done = run_shell("metrics", "--name", "nonesuch*")
    sentence = "cannot tell: there is no process with a name like 'nonesuch*'"
    assert done.status == BLIND and sentence in done.err, done
    assert numbers(done.out)["threadleak_processes"] == 0


def test_people_are_told_how_many_and_the_label_stays(workshop: Workshop) -> None:
    few = {"THREADLEAK_OPTIONS": "max_records=5"}
    running = workshop.start(workshop.program("crowd"), "8", "0", env=few)
    done = run_shell("metrics", str(running.pid))
    assert done.status == BLIND and "4 threads dropped for lack of room" in done.err, done
    assert 'reason="N threads dropped for lack of room: nothing is known of them"' in done.out


@pytest.mark.parametrize(
    "name, argument, number", [("comes_and_goes", "", 0), ("untracked", "clone", 1)]
)
def test_untracked_is_what_stays(workshop: Workshop, name: str, argument: str, number: int) -> None:
    """Whatever comes and goes while it is looked at is none."""
    running = workshop.start(workshop.program(name), argument)
    with server(str(running.pid)) as (_, url):
        scrapes = [numbers(get(url)) for _ in range(30)]
    running.end()
    assert {each['threadleak_threads{class="untracked",}'] for each in scrapes} == {number}
    assert min(each['threadleak_threads{class="alive",}'] for each in scrapes) >= 1


def test_a_zombie_is_named_as_one_that_has_ended(growing: Growing) -> None:
    growing.process.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, int(growing.pid), os.WEXITED | os.WNOWAIT)
    done = run_shell("metrics", growing.pid)
    reason = f"process {growing.pid} has ended"
    labels = f'pid="{growing.pid}",process="grows",reason="{reason}"'
    assert done.status == BLIND and f"threadleak_down{{{labels}}} 1.0" in done.out, done


def test_a_file_is_replaced_whole(growing: Growing, tmp_path: object) -> None:
    path = f"{tmp_path}/threadleak.prom"
    with open(path, "w", encoding="utf-8") as file:
        file.write("before\n")
        before = os.fstat(file.fileno()).st_ino
    done = run_shell("metrics", "-o", path, growing.pid)
    assert (done.status, done.out) == (CLEAN, f"threadleak: written to {path}\n")
    assert os.stat(path).st_ino != before and os.listdir(str(tmp_path)) == ["threadleak.prom"]
    with open(path, encoding="utf-8") as file:
        assert numbers(file.read())["threadleak_up{}"] == 1
    shown = run_shell("metrics", "-o", "-", growing.pid, cwd=str(tmp_path))
    assert numbers(shown.out)["threadleak_up{}"] == 1
    assert os.listdir(str(tmp_path)) == ["threadleak.prom"]
    none = run_shell("metrics", "-o", "/no/such/folder/x", growing.pid)
    assert (none.status, none.err) == (
        USAGE,
        "threadleak: /no/such/folder/x cannot be written: No such file or directory\n",
    )


def test_a_server(growing: Growing) -> None:
    with server(growing.pid) as (process, url):
        assert numbers(get(url))['threadleak_threads{class="unjoined",}'] == 0
        growing.make("uu")
        assert numbers(get(url))['threadleak_threads{class="unjoined",}'] == 2
        assert get(url, Accept="application/openmetrics-text").endswith("# EOF\n")
        with pytest.raises(urllib.error.HTTPError, match="404"):
            get(url.replace("/metrics", "/"))
        growing.kill()
        ended = get(url)
        assert f'reason="process {growing.pid} has ended"' in ended
        assert numbers(ended)["threadleak_up{}"] == 0
        process.send_signal(signal.SIGTERM)
        assert process.wait(READY_S) == CLEAN


def test_processes_that_begin_meanwhile(workshop: Workshop, tmp_path: object) -> None:
    path = f"{tmp_path}/grows-{os.getpid()}"
    shutil.copy(workshop.program("grows").path, path)
    with server("--name", os.path.basename(path)) as (_, url):
        assert numbers(get(url))["threadleak_processes"] == 0
        one, other = Growing(path), Growing(path)
        found = get(url)
        assert numbers(found)["threadleak_processes"] == 2
        assert all(f'pid="{each.pid}"' in found for each in (one, other))
        one.kill()
        assert numbers(get(url))["threadleak_processes"] == 1
        other.kill()


def test_many_at_once(growing: Growing) -> None:
    with server(growing.pid) as (_, url):
        answers: List[str] = []
        threads = [
            threading.Thread(target=lambda: answers.append(get(url)), daemon=True)
            for _ in range(24)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(READY_S)
        assert len(answers) == 24 and len(set(answers)) == 1


@pytest.mark.parametrize(
    "words, sentence",
    [
        ((), "give PIDs, or --name GLOB, or --all; see `threadleak metrics --help`"),
        (("--all", "1"), "give PIDs, or --name GLOB, or --all; see `threadleak metrics --help`"),
        (("x",), "argument PID: 'x' is no PID; see `threadleak metrics --help`"),
        (("--listen", "0", "-o", "x", "1"), "--listen writes no file, and takes no --format"),
        (("--listen", "203.0.113.7:1", "1"), "203.0.113.7:1 cannot be listened at: "),
    ],
)
def test_usage(words: Tuple[str, ...], sentence: str) -> None:
    done = run_shell("metrics", *words)
    assert done.status == USAGE and done.err.startswith(f"threadleak metrics: {sentence}"), done
