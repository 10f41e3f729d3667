# SPDX-License-Identifier: MIT
"""threadleak-core-handler: the core goes on as it came, and what it does not hold is beside it and is used."""

import os
import re
import resource
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List, Optional

import pytest
from journal import Journal, entry, why_not
from run_gdb import ROOT, run_gdb
from run_shell import BLIND, run_shell
from workshop import Running, Workshop

sys.path.insert(0, os.path.join(ROOT, "gdb"))

from threadleak.target import coredumpctl, sidecar  # noqa: E402

HANDLER = os.path.join(ROOT, "build", "threadleak-core-handler")
CORE = os.urandom(5000) + bytes(300_000) + b"end" + bytes(10_000)
NAMED = re.compile(
    r"\d  condition  "
)  # behind the tid; the function that it started in is called so too
PATTERN = "/proc/sys/kernel/core_pattern"


def handle(
    *words: str, core: bytes = CORE, env: Optional[Dict[str, str]] = None
) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(
        [HANDLER, *words], input=core, capture_output=True, env=env, timeout=30, check=False
    )
    return subprocess.CompletedProcess(words, done.returncode, "", done.stderr.decode())


@pytest.fixture(scope="module")
def running(workshop: Workshop) -> Running:
    return workshop.live(workshop.program("explained"), preload="", env={"SECRET": "hush-hush"})


@pytest.fixture(scope="module")
def core(workshop: Workshop, tmp_path_factory: Any) -> str:
    """A kernel's, of a program without the library, and its sidecar."""
    dying = workshop.start(workshop.program("explained"), preload="")
    made = tmp_path_factory.mktemp("handled") / "made"
    assert handle("-p", str(dying.pid), "-o", str(made)).returncode == 0
    core = dying.dump_core()
    shutil.move(f"{made}.threadleak", core + ".threadleak")
    return core


def test_the_core_goes_on_unchanged(running: Running, tmp_path: Path) -> None:
    done = handle("-p", str(running.pid), "-o", f"{tmp_path}/core.%e.%p.%%")
    assert (done.returncode, done.stderr) == (0, "")
    core = tmp_path / f"core.explained.{running.pid}.%"
    assert core.read_bytes() == CORE
    assert core.stat().st_blocks * 512 < len(CORE) // 2  # zeros are holes
    sidecar = Path(f"{core}.threadleak")
    for each in (core, sidecar):
        assert stat.S_IMODE(each.stat().st_mode) == 0o600
    assert b"hush-hush" not in sidecar.read_bytes()


def test_a_page_at_a_time_through_a_pipe_is_the_same(running: Running, tmp_path: Path) -> None:
    words = [HANDLER, "-p", str(running.pid), "-o", f"{tmp_path}/core"]
    with subprocess.Popen(words, stdin=subprocess.PIPE) as handler:
        assert handler.stdin is not None
        for at in range(0, len(CORE), 1000):
            handler.stdin.write(CORE[at : at + 1000])
            handler.stdin.flush()
    assert handler.returncode == 0 and (tmp_path / "core").read_bytes() == CORE


def test_nothing_is_overwritten_and_no_link_followed(running: Running, tmp_path: Path) -> None:
    (tmp_path / "core").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "core.1.threadleak").write_text("mine")
    done = handle("-p", str(running.pid), "-o", f"{tmp_path}/core")
    assert not (tmp_path / "elsewhere").exists()
    assert (tmp_path / "core.1").read_bytes() == CORE
    assert (tmp_path / "core.1.threadleak").read_text() == "mine"
    assert (
        done.returncode == 0 and "core.1.threadleak cannot be written: File exists" in done.stderr
    )


def test_a_name_of_a_process_is_no_path(tmp_path: Path) -> None:
    folder = tmp_path / "cores"
    folder.mkdir()
    script = "open('/proc/self/comm', 'w').write('../../x y\\x1b'); print(flush=True); input()"
    words = ["/bin/sh", "-c", 'ulimit -c unlimited; exec /usr/bin/python3 -c "$0"', script]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"\n"
        assert handle("-p", str(process.pid), "-o", f"{folder}/%e").returncode == 0
        process.communicate(b"\n")
    assert sorted(os.listdir(folder)) == ["______x_y_", "______x_y_.threadleak"]


def test_the_handler_behind_it_gets_the_core(running: Running, tmp_path: Path) -> None:
    next = tmp_path / "next"
    next.write_text(
        f'#!/bin/sh\ncat > {tmp_path}/got\nprintf "%s|" "$@" > {tmp_path}/words\nexit 7\n'
    )
    next.chmod(0o755)
    sidecar = tmp_path / "beside"
    done = handle("-p", str(running.pid), "-s", str(sidecar), "--", str(next), "a b", "-p", "9")
    assert done.returncode == 7
    assert (tmp_path / "got").read_bytes() == CORE
    assert (tmp_path / "words").read_text() == "a b|-p|9|"
    assert sidecar.read_bytes().endswith(b"\nend 0\n\n")


def test_no_core_is_lost_where_something_fails(running: Running, tmp_path: Path) -> None:
    missing = f"{tmp_path}/none/sidecar"
    done = handle("-p", str(running.pid), "-s", missing, "-o", f"{tmp_path}/core", "--", "/none")
    assert done.returncode == 0 and (tmp_path / "core").read_bytes() == CORE
    assert "none/sidecar cannot be written: No such file" in done.stderr
    assert "/none cannot be run: No such file" in done.stderr
    done = handle("-p", "999999999", "-o", f"{tmp_path}/gone.%e")
    assert done.returncode == 0 and (tmp_path / "gone.unknown").read_bytes() == CORE
    assert "process 999999999 has no sidecar" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("-p", "1"),
        ("-p", "x", "-o", "/x"),
        ("-p", "1", "-o", "/x", "y"),
        ("-p", "1", "--none"),
        ("-p", "99999999999999999999", "-o", "/x"),
    ],
)
def test_wrong_usage(words: List[str]) -> None:
    assert handle(*words).returncode == 64


def test_a_path_that_is_none(running: Running, tmp_path: Path) -> None:
    done = handle("-p", str(running.pid), "-o", "core")
    assert done.returncode == 1 and "core is no absolute path" in done.stderr
    done = handle("-p", str(running.pid), "-o", f"{tmp_path}/none/core")
    assert done.returncode == 1 and "is lost" in done.stderr


@pytest.mark.parametrize("limit", [0, 8192])
def test_the_limit_on_cores_holds(limit: int, tmp_path: Path) -> None:
    def prepare() -> None:
        resource.setrlimit(resource.RLIMIT_CORE, (limit, resource.RLIM_INFINITY))

    with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, preexec_fn=prepare) as process:
        done = handle("-p", str(process.pid), "-o", f"{tmp_path}/core")
        process.communicate()
    assert (tmp_path / "core").exists() == bool(limit)
    if not limit:
        assert done.returncode == 0 and "by its limit (ulimit -c 0): nothing is" in done.stderr
    else:
        assert (tmp_path / "core").read_bytes() == CORE[:limit]
        assert done.returncode == 1 and "is not whole" in done.stderr


def test_names_and_open_files_are_told_of_a_core(core: str) -> None:
    bare = core + ".bare"
    os.link(core, bare)
    shown = run_shell("list", "--all", core).out
    assert NAMED.search(shown)
    assert not NAMED.search(run_shell("list", "--all", bare).out)
    told = run_shell("info", core)
    assert re.search(rf"^sidecar: +{core}.threadleak, of \S+, 20", told.out, re.M)
    assert "sidecar" not in run_shell("info", bare).out
    assert "condition" in run_shell("stacks", core).out
    document = run_shell("list", "--all", "--stacks", "--format", "json", core).document()
    assert document["target"]["host"] == os.uname().nodename
    waits = [each["wait"]["text"] for each in document["threads"] if each["wait"]]
    assert any(re.search(r"fd \d+ \(the read end of pipe \d+\)", text) for text in waits)


def test_gdb_takes_it_too(core: str, workshop: Workshop) -> None:
    done = run_gdb(
        workshop.program("explained").path,
        core,
        commands=["threadleak list --all", "threadleak info"],
    )
    assert NAMED.search(done.out) and "sidecar:" in done.out


def test_another_sidecar_is_refused(core: str, running: Running, tmp_path: Path) -> None:
    mine = tmp_path / "core"
    os.link(core, mine)
    handle("-p", str(running.pid), "-o", f"{tmp_path}/other")
    shutil.copy(tmp_path / "other.threadleak", f"{mine}.threadleak")
    done = run_shell("list", "--all", str(mine))
    assert f"core.threadleak is not used: it is of another process, {running.pid}" in done.err
    assert not NAMED.search(done.out)
    whole = Path(core + ".threadleak").read_bytes()
    Path(f"{mine}.threadleak").write_bytes(whole[:-9])
    assert "it is damaged, or was cut short" in run_shell("list", "--all", str(mine)).err
    Path(f"{mine}.threadleak").write_bytes(whole.replace(b"/1\n", b"/2\n", 1))
    assert "its version is 2, and 1 is read here" in run_shell("info", str(mine)).out


def test_a_core_of_coredumpctl_gets_its_own_sidecar(
    core: str, running: Running, tmp_path: Path, monkeypatch: Any
) -> None:
    why = why_not()
    if why is not None:
        pytest.skip(why)
    journal = Journal(tmp_path, [entry(42, "/srv/a", 1_000, filename=core)])
    (tmp_path / "kept").mkdir()
    mine, later = (f"{tmp_path}/kept/core.a.42.{time}.threadleak" for time in (1, 2))
    shutil.copy(core + ".threadleak", mine)
    handle("-p", str(running.pid), "-o", later[: -len(".threadleak")])
    monkeypatch.setattr(sidecar, "FOLDER", f"{tmp_path}/kept")
    monkeypatch.setenv("PATH", journal.environment()["PATH"])
    unpacked = coredumpctl.unpack("42")
    found = os.readlink(unpacked.core + ".threadleak")
    unpacked.close()
    assert os.path.exists(later) and found == mine


def test_the_settings_are_printed() -> None:
    shown = run_shell("core-handler")
    assert shown.status == 0 and re.search(
        rf"^kernel.core_pattern=\|{HANDLER} -p %P ", shown.out, re.M
    )


@pytest.mark.parametrize("name, sign", [("%z.%p", "%z"), ("%p.%", "%"), ("%%%P", "%P")])
def test_a_sign_that_stands_for_nothing(name: str, sign: str) -> None:
    shown = run_shell("core-handler", "--output", f"/var/cores/{name}")
    assert (shown.status, shown.out) == (BLIND, "")
    assert f"{sign} in /var/cores/{name} stands for nothing" in shown.err
    assert run_shell("core-handler", "--output", "/var/cores/%p%e%t%u%h%%z").status == 0


@pytest.mark.skipif(
    os.environ.get("THREADLEAK_CORE_PATTERN") != "1",
    reason="changes the machine's core_pattern for a moment: THREADLEAK_CORE_PATTERN=1",
)
def test_called_by_the_kernel(workshop: Workshop, tmp_path: Path) -> None:
    dying = workshop.start(workshop.program("explained"), preload="")
    before = Path(PATTERN).read_text()
    try:
        Path(PATTERN).write_text(f"|{HANDLER} -p %P -o {tmp_path}/core.%%p")
        dying.process.send_signal(6)
        dying.process.wait(30)
    finally:
        Path(PATTERN).write_text(before)
    core = f"{tmp_path}/core.{dying.pid}"
    shown = run_shell("list", "--all", core)
    assert NAMED.search(shown.out) and shown.err == ""
