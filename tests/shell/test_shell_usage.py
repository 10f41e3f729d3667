# SPDX-License-Identifier: MIT
"""The command line: help, what is wrong with it, what words may name, and the exit status."""

import os
import re
import shlex
import shutil
import signal
import subprocess
from typing import Any, List, Tuple

import pytest
from run_gdb import ROOT
from run_shell import BLIND, CLEAN, LEAKS, SETTLED, SHELL, USAGE, environment, run_shell
from workshop import LIBRARY, Workshop

LOOKS = ("list", "explain", "groups", "check", "info", "stacks")


def wrong(*words: str, **how: Any) -> str:
    run = run_shell(*words, **how)
    assert (run.status, run.out) == (USAGE, ""), run
    assert run.err.count("\n") == 1 and run.err.startswith("threadleak")
    return run.err


# ---- help ----------------------------------------------------------------------------------------------


def test_help_names_every_subcommand() -> None:
    run = run_shell("--help")
    assert run.status == 0 and run.err == ""
    for name in (*LOOKS, "filter", "diff", "run", "gdb"):
        assert f"\n  {name} " in run.out
    assert run_shell("help") == run_shell("-h") == run


@pytest.mark.parametrize("name", [*LOOKS, "filter", "diff"])
def test_each_subcommand_has_help(name: str) -> None:
    run = run_shell(name, "--help")
    assert run.status == 0 and run.err == ""
    assert f"\nUsage: threadleak {name} " in run.out
    assert run_shell("help", name) == run_shell(name, "-h") == run
    assert "gdb" not in run.out.lower()
    assert ("TARGET" in run.out) == (name not in ("filter", "diff"))


@pytest.mark.parametrize("name", ["watch", "top", "metrics", "snapshot", "merge"])
def test_help_may_be_asked_for_behind_a_target(name: str) -> None:
    assert run_shell(name, "4711", "--help") == run_shell(name, "--help")


def test_help_behind_the_command_of_run_is_its_own() -> None:
    run = run_shell("run", "--no-check", "--", "echo", "--help", "it")
    assert (run.status, run.out) == (0, "--help it\n"), run


@pytest.mark.parametrize("name", ["history", "trace", "info", "graph", "explain", "suggest"])
def test_the_help_of_a_command_with_one_target_promises_no_folder(name: str) -> None:
    lines = run_shell(name, "--help").out.splitlines()
    assert "folder" not in " ".join(lines)
    examples = lines[lines.index("example:") + 1 :]
    assert examples and all(re.search(r" (core|\d+)\b", each) for each in examples)


def test_version() -> None:
    run = run_shell("--version")
    assert run.status == 0 and run.out.startswith("threadleak 0.")


# ---- what is wrong -------------------------------------------------------------------------------------


def test_wrong_command_lines() -> None:
    assert "which subcommand?" in wrong()
    assert "did you mean 'stacks'?" in wrong("stack", "1")
    assert "no subcommand 'zzzz'. See" in wrong("zzzz")
    assert "no subcommand '--stop'" in wrong("--stop")
    assert "\\x1b[2J" in wrong("\033[2J")
    for name in LOOKS:
        assert f"see `threadleak {name} --help`" in wrong(name)
        assert "unknown option --nope" in wrong(name, "--nope", "1")
    assert "see `threadleak top --help`" in wrong("top", "--sort", "nothing", "1")
    assert "TARGET ID..." in run_shell("explain", "--help").out
    assert "unknown class 'leaky'" in wrong("list", "--class", "leaky", "1")
    assert "it takes one target, and there are 2" in wrong("info", "1", "2")
    mine = str(os.getpid())
    which = f"which thread? Give an ID behind {mine}, as `threadleak list {mine}` shows"
    assert which in wrong("explain", mine)
    assert "which target? TARGET: it stands before the ID" in wrong("explain", "--id", "2", "1")
    assert "give two" in wrong("diff", "1")


def test_watch_and_top_take_each_others_word() -> None:
    assert "cannot show growth" in wrong("watch", "--interval", "1h", "--for", "10m", "1")
    assert "'x' is no length of time" in wrong("watch", "--interval", "x", "1")
    assert run_shell("top", "--every", "9s", "--once", str(os.getpid())).status == CLEAN


def test_a_program_alone_is_no_target() -> None:
    assert "is a program: its core file comes after it" in wrong("list", "/bin/true")
    assert "needs no program" in wrong("list", "/bin/true", str(os.getpid()))


# ---- filter --------------------------------------------------------------------------------------------


def test_the_examples_of_filter_run_as_they_stand(tmp_path: Any) -> None:
    lines = run_shell("filter", "--help").out.splitlines()
    examples = [shlex.split(line) for line in lines[lines.index("example:") + 1 :]]
    assert len(examples) == 3
    for program, *words in examples:
        run = run_shell(*words, cwd=str(tmp_path))
        assert program == "threadleak" and (run.status, run.err) == (0, ""), run
    (file,) = tmp_path.iterdir()
    shown = run_shell("filter", "list", "--rules", str(file)).out
    assert shown == "1: class=unjoined site:legacy_start max=4 its join comes later\n"
    missing = str(tmp_path / "none")
    assert "cannot be read" in wrong("filter", "list", "--rules", missing)
    assert "cannot be read" in wrong("filter", "remove", "1", "--rules", missing)


def test_filter_edits_a_file(tmp_path: Any) -> None:
    rules = str(tmp_path / "rules")
    assert "--rules" in wrong("filter", "list")
    open(rules, "w", encoding="utf-8").close()
    run = run_shell("filter", "--rules", rules, "add", "name:pool-*", "they", "live", "long")
    assert (run.status, run.out) == (0, "rule 1: name:pool-* they live long\n")
    assert run_shell("filter", "list", "--rules", rules).out == "1: name:pool-* they live long\n"
    assert "has no reason" in wrong("filter", "add", "name:x", "--rules", rules)
    run_shell("filter", "remove", "1", "--rules", rules)
    assert run_shell("filter", "list", "--rules", rules).out == "There are no rules.\n"


def test_rules_make_it_green(workshop: Workshop, tmp_path: Any) -> None:
    rules = tmp_path / "rules"
    rules.write_text("class=unjoined site:main it is so\n")
    pid = str(workshop.live(workshop.program("plain")).pid)
    assert run_shell("check", pid, *SETTLED).status == LEAKS
    assert run_shell("check", pid, *SETTLED, "--rules", str(rules)).status == CLEAN
    rules.write_text("nonsense\n")
    assert f"{rules}:1: a rule is FIELD:GLOB REASON" in wrong("check", pid, "--rules", str(rules))


# ---- targets -------------------------------------------------------------------------------------------


def test_what_is_no_target(tmp_path: Any) -> None:
    text = tmp_path / "text"
    text.write_text("hello\n")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty").mkdir()
    (tmp_path / "short").write_bytes(b"\x7fELF\x02\x01")
    for word, says in {
        "999999999": "999999999",
        str(tmp_path / "nothing"): "No such file or directory",
        str(text): "is no core file, nor a program",
        str(tmp_path / "pipe"): "is no core file, nor a program",
        str(tmp_path / "short"): "is no core file, nor a program",
        str(tmp_path / "empty"): "there is no core file in the folder",
        "": "No such file or directory",
        "99999999999999999999": "No such file or directory",
    }.items():
        run = run_shell("list", word)
        assert (run.status, run.out) == (BLIND, ""), (word, run)
        assert run.err.startswith("threadleak: cannot tell: ") and says in run.err
        assert run.err.count("\n") == 1


def test_options_stand_anywhere(workshop: Workshop) -> None:
    program = workshop.program("plain")
    core = workshop.core(program)
    want = run_shell("list", "--all", *SETTLED, program.path, core)
    assert want.status == LEAKS
    assert run_shell("list", program.path, "--all", core, *SETTLED) == want
    assert run_shell("list", program.path, core, "--all", *SETTLED) == want
    assert run_shell("list", *SETTLED, "--all", "--", program.path, core) == want
    folder, name = os.path.split(core)
    assert run_shell("list", "--all", *SETTLED, name, cwd=folder).first_line == want.first_line
    hint = f"`threadleak explain {program.path} {core} 2` says more."
    assert (
        hint in want.out
        and hint.replace(f"{program.path} {core}", name)
        in run_shell("check", name, *SETTLED, cwd=folder).out
    )
    explained = run_shell("explain", "--id", "2", core)
    assert explained.status == 0 and explained == run_shell("explain", core, "--id", "2")


def test_ids_stand_behind_the_target(workshop: Workshop) -> None:
    program = workshop.program("plain")
    running, core = workshop.live(program), workshop.core(program)
    pid = str(running.pid)
    for words in ([pid], [core], [program.path, core]):
        explained = run_shell("explain", *words, "1", "2")
        assert explained.status == 0 and explained.err == ""
        assert re.findall("^thread ([0-9]+)", explained.out, re.M) == ["1", "2"]
        assert run_shell("suggest", *words, "2") == run_shell("suggest", *words, "--id", "2")
    both = run_shell("explain", core, "1", "--id", "2").out
    assert re.findall("^thread ([0-9]+)", both, re.M) == ["1", "2"]
    assert run_shell("explain", "1", "--id", "2", core).out == both
    unknown = run_shell("explain", core, "99")
    assert unknown.status == BLIND and "99" in unknown.err


@pytest.fixture(scope="module")
def folder(workshop: Workshop, tmp_path_factory: Any) -> str:
    """Cores: one clean, one with leaks, one with neither registry nor libc's symbols, a text file."""
    made = tmp_path_factory.mktemp("cores")
    quiet, plain = workshop.program("quiet"), workshop.program("plain")
    untold = workshop.program("quiet", strip=True, flags=("-static",))
    for name, core in {
        "core.1": workshop.core(quiet),
        "core.2": workshop.core(plain),
        "core.3": workshop.core(untold, preload=""),
    }.items():
        os.symlink(core, made / name)
    (made / "notes.txt").write_text("no core\n")
    return str(made)


def lines_of(folder: str, *words: str) -> List[str]:
    return run_shell(*words, folder).out.replace(folder + "/", "").splitlines()


def test_of_several_targets_each_has_a_line(folder: str) -> None:
    assert lines_of(folder, "list", *SETTLED) == [
        "core.1: threadleak: 0 leaked threads of 2",
        "core.2: threadleak: 1 leaked thread (1 unjoined) of 2",
        "core.3: threadleak: cannot tell: no registry was found: start the program with"
        f" LD_PRELOAD={LIBRARY}, or link it with the library",
    ]
    assert lines_of(folder, "stacks")[2].startswith("core.3: 2 threads, ")
    assert lines_of(folder, "check", *SETTLED)[:2] == lines_of(folder, "list", *SETTLED)[:2]


def test_the_status_is_the_worst(folder: str) -> None:
    one, two, three = (f"{folder}/core.{number}" for number in (1, 2, 3))
    for words, status in {
        (one, one): CLEAN,
        (one, two): LEAKS,
        (one, three): BLIND,
        (two, three): LEAKS,
        (one, "/nonexistent"): BLIND,
    }.items():
        assert run_shell("check", *SETTLED, *words).status == status, words
        assert run_shell("list", *SETTLED, *words).status == status, words


def test_json_of_several_targets_is_a_line_each(folder: str) -> None:
    import json

    run = run_shell("list", folder, "/nonexistent", "--format", "json", *SETTLED)
    shown = [json.loads(line) for line in run.out.splitlines()]
    names = [f"{folder}/core.{number}" for number in (1, 2, 3)] + ["/nonexistent"]
    assert [each["name"] for each in shown] == names
    assert [bool(each["error"]) for each in shown] == [False, False, True, True]
    assert [len(each["threads"]) for each in shown] == [0, 1, 0, 0]
    assert run.status == LEAKS and run.err == ""


def test_a_folder_is_several_targets_whatever_it_holds(workshop: Workshop, tmp_path: Any) -> None:
    os.symlink(workshop.core(workshop.program("quiet")), tmp_path / "one")
    run = run_shell("list", str(tmp_path))
    assert run.out == f"{tmp_path}/one: threadleak: 0 leaked threads of 2\n"
    assert run_shell("info", str(tmp_path)).status == CLEAN


def test_output_goes_to_a_file(folder: str, tmp_path: Any) -> None:
    file = tmp_path / "report"
    words = ["list", *SETTLED, folder]
    run = run_shell(*words, "--output", str(file))
    assert run.out == f"threadleak: written to {file}\n" and run.status == LEAKS
    assert file.read_text() == run_shell(*words).out
    assert "cannot be written" in wrong(*words, "--output", str(tmp_path / "no" / "file"))


def test_output_to_a_hyphen_is_standard_output(folder: str, tmp_path: Any) -> None:
    for words in (
        ["list", *SETTLED, folder],
        ["list", *SETTLED, f"{folder}/core.2"],
        ["merge", "/none"],
    ):
        for option in ("--output=-", "-o-")[: 1 if words[0] == "merge" else 2]:
            assert run_shell(*words, option, cwd=str(tmp_path)) == run_shell(*words)
    assert os.listdir(tmp_path) == []


def test_a_snapshot_and_run_have_no_use_for_a_hyphen(tmp_path: Any) -> None:
    assert "-o FILE" in wrong("snapshot", "-o", "-", "4711", cwd=str(tmp_path))
    assert "--output FILE" in wrong("run", "--output", "-", "--", "true", cwd=str(tmp_path))
    assert os.listdir(tmp_path) == []


# ---- the terminal and the pipe -------------------------------------------------------------------------


def shell(command: str, **env: str) -> "subprocess.CompletedProcess[str]":
    argv = ["bash", "-c", command, "bash", SHELL]
    return subprocess.run(argv, env=environment(**env), capture_output=True, text=True, timeout=60)


def test_a_broken_pipe_is_quiet(workshop: Workshop) -> None:
    pid = workshop.live(workshop.program("leaky")).pid
    done = shell(f'"$1" list --all --format json {pid} {pid} | head -c 1; exit ${{PIPESTATUS[0]}}')
    assert done.stderr == "" and done.returncode in (128 + 13, LEAKS)


def test_a_full_disk_is_no_success(workshop: Workshop) -> None:
    pid = workshop.live(workshop.program("quiet")).pid
    done = shell(f'"$1" list {pid} >/dev/full')
    assert done.returncode == BLIND
    assert done.stderr == "threadleak: the output cannot be written: No space left on device\n"
    assert shell(f'"$1" list {pid} >&-').returncode == BLIND


def interrupt(*command: str) -> Tuple[int, str]:
    """Once it has said something: status and stderr."""
    with subprocess.Popen(
        command,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        try:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
            process.send_signal(signal.SIGINT)
            return process.wait(60), process.communicate(timeout=60)[1]
        finally:
            process.kill()


def test_an_interrupt_is_quiet() -> None:
    status, said = interrupt(SHELL, "run", "--", "sh", "-c", "echo ready; exec sleep 60")
    assert status in (-signal.SIGINT, 128 + signal.SIGINT) and said == ""


def test_an_interrupt_in_the_middle_of_the_imports_is_quiet(tmp_path: Any) -> None:
    """Of the command's, that is: the interpreter's own come before its first line."""
    package = tmp_path / "gdb" / "threadleak"
    package.mkdir(parents=True)
    (tmp_path / "scripts").mkdir()
    (package / "in_shell.py").write_text(
        "import time\nprint('ready', flush=True)\ntime.sleep(60)\n"
    )
    shutil.copy(os.path.join(ROOT, "gdb", "threadleak", "lean_typing.py"), package)
    command = shutil.copy(SHELL, tmp_path / "scripts")
    assert interrupt(command) == (-signal.SIGINT, "")


def test_the_working_directory_changes_nothing(workshop: Workshop, tmp_path: Any) -> None:
    """Neither a module of that name, nor PYTHONPATH."""
    for name in "struct", "argparse", "threadleak", "gdb":
        (tmp_path / f"{name}.py").write_text("raise SystemExit('hijacked')\n")
    pid = str(workshop.live(workshop.program("quiet")).pid)
    how = {"cwd": str(tmp_path), "env": {"PYTHONPATH": str(tmp_path)}}
    assert run_shell("list", pid, **how).first_line == "threadleak: 0 leaked threads of 2"


def test_names_that_the_locale_cannot_write(workshop: Workshop) -> None:
    pid = str(workshop.live(workshop.program("hostile")).pid)
    run = run_shell("list", pid, *SETTLED, env={"LC_ALL": "POSIX", "PYTHONIOENCODING": "ascii"})
    assert run.first_line == "threadleak: 6 leaked threads (6 unjoined) of 7"


def test_it_runs_through_a_link(tmp_path: Any) -> None:
    link = tmp_path / "tl"
    os.symlink(os.path.join(ROOT, "scripts", "threadleak"), link)
    done = subprocess.run([link, "--version"], env=environment(), capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith("threadleak ")


def test_without_the_probe_it_says_how_to_get_it(tmp_path: Any) -> None:
    shutil.copytree(os.path.join(ROOT, "gdb"), tmp_path / "gdb")
    (tmp_path / "scripts").mkdir()
    command = shutil.copy(SHELL, tmp_path / "scripts")
    pid = str(os.getpid())
    for name in "list", "stacks":
        done = subprocess.run(
            [command, name, pid], env=environment(), capture_output=True, text=True, timeout=60
        )
        assert done.returncode == BLIND and done.stderr.count("\n") == 1
        assert done.stderr.startswith("threadleak: cannot tell: the probe cannot be loaded, `make`")
    help = subprocess.run([command, "--help"], env=environment(), capture_output=True, text=True)
    assert help.returncode == 0 and help.stderr == ""
