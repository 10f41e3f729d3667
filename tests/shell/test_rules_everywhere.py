# SPDX-License-Identifier: MIT
"""Rules, baselines and notes with real programs: in the shell and in GDB, live and in core files."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest
from run_gdb import run_gdb
from run_shell import CLEAN, LEAKS, SETTLED, USAGE, run_shell
from workshop import Running, Workshop

PLACEHOLDER = "WHY (say why such a thread is expected)"

SHARED = ("-shared", "-fPIC")
AT_END = ("--at-end", *SETTLED)


def declaring(workshop: Workshop, *flags: str, strip: bool = False) -> Running:
    library = workshop.program("declaring", flags=SHARED + flags, strip=strip)
    return workshop.start(workshop.program("declaring_host"), library.path)


def listed(*words: str) -> Dict[str, Dict[str, Any]]:
    shown = run_shell("list", "--all", "--format", "json", *AT_END, *words).document()
    return {each["name"]: each for each in shown["threads"] if not each["main"]}


# ---- notes -----------------------------------------------------------------------------------------------

DECLARED = "start:pool_main the pool lives as long as the process (declared by declaring)"


@pytest.mark.parametrize(
    "flags", [(), ("-Wl,--gc-sections", "-ffunction-sections", "-fdata-sections")]
)
def test_a_library_declares_its_threads(workshop: Workshop, flags: Tuple[str, ...]) -> None:
    running = declaring(workshop, *flags)
    found = listed(str(running.pid))
    assert found["pool"]["expected_by"] == DECLARED and not found["pool"]["leaked"]
    assert found["own"]["expected_by"] is None and found["own"]["leaked"]
    seen = run_gdb(
        "-p", str(running.pid), commands=["threadleak list --at-end --all", "threadleak list"]
    )
    assert seen.outputs[0].startswith("threadleak: 1 leaked thread (1 outlived) of 3\n")


def test_also_in_a_core_file(workshop: Workshop) -> None:
    core = declaring(workshop).dump_core()
    assert listed(core)["pool"]["expected_by"] == DECLARED


def test_the_file_is_asked_only_if_it_is_the_same_build(workshop: Workshop) -> None:
    """coredump_filter 1: anonymous memory alone, so that the note is not in the core."""
    for changed in (False, True):
        running = declaring(workshop, f"-DSALT={changed}")
        library = next(
            line.split()[-1]
            for line in Path(f"/proc/{running.pid}/maps").read_text().splitlines()
            if line.endswith("/declaring")
        )
        Path(f"/proc/{running.pid}/coredump_filter").write_text("1")
        core = running.dump_core()
        if changed:
            other = workshop.program("plugin", flags=SHARED)
            os.unlink(library)
            shutil.copy(other.path, library)
        assert (listed(core)["pool"]["expected_by"] is None) == changed


def test_without_symbols_a_note_needs_another_field(workshop: Workshop) -> None:
    assert listed(str(declaring(workshop, strip=True).pid))["pool"]["expected_by"] is None


# ---- rules and baselines -----------------------------------------------------------------------------------


def test_suggested_rules_make_it_green(workshop: Workshop, tmp_path: Path) -> None:
    pid = str(workshop.live(workshop.program("leaky")).pid)
    shown = run_shell("list", pid, *AT_END, "--format", "json").document()
    ids = [str(each["id"]) for each in shown["threads"]]
    suggested = run_shell("suggest", pid, *AT_END, "--id", *ids)
    assert suggested.status == CLEAN
    path = tmp_path / "rules"
    path.write_text(suggested.out)
    unread = run_shell("check", pid, *AT_END, "--rules", str(path))
    assert unread.status == 64 and f"{path}:1: " in unread.err
    assert "has no reason yet: replace `WHY " in unread.err
    path.write_text(suggested.out.replace(PLACEHOLDER, "it stays"))
    assert run_shell("check", pid, *AT_END, "--rules", str(path)).status == CLEAN
    one = run_shell("suggest", pid, *AT_END, "--id", ids[0]).out
    path.write_text(one.replace(PLACEHOLDER, "it stays"))
    assert run_shell("check", pid, *AT_END, "--rules", str(path)).status == LEAKS
    by_gdb = run_gdb("-p", pid, commands=[f"threadleak suggest --at-end --settle-ms 0 {ids[0]}"])
    assert by_gdb.outputs[0].startswith(one)


def test_a_baseline_outlives_a_rebuild(workshop: Workshop, tmp_path: Path) -> None:
    """Other addresses, other lines, other inlining of nothing that creates threads."""
    known = str(tmp_path / "known")
    first = str(workshop.live(workshop.program("leaky")).pid)
    words = ("--baseline", known)
    assert run_shell("check", first, *AT_END, *words, "--update-baseline").status == CLEAN
    rebuilt = workshop.program("leaky", flags=("-DREBUILT", "-no-pie", "-fno-pie", "-O1"))
    pid = str(workshop.live(rebuilt).pid)
    done = run_shell("check", pid, *AT_END, *words)
    assert done.status == CLEAN, done.out
    core = workshop.core(workshop.program("leaky"))
    assert run_shell("check", core, *AT_END, *words).status == CLEAN
    by_gdb = run_gdb(
        "-p", first, commands=[f"threadleak check --exit --at-end --settle-ms 0 --baseline {known}"]
    )
    assert by_gdb.status == CLEAN
    lines = Path(known).read_text().splitlines()
    Path(known).write_text("\n".join(lines[:-1]) + "\n")
    assert run_shell("check", first, *AT_END, *words).status == LEAKS


def test_a_baseline_of_several_targets_is_not_written(workshop: Workshop, tmp_path: Path) -> None:
    pid = str(workshop.live(workshop.program("leaky")).pid)
    known = tmp_path / "known"
    done = run_shell("check", pid, pid, "--baseline", str(known), "--update-baseline")
    assert done.status == USAGE and "takes one target" in done.err and not known.exists()


def test_several_files_of_rules(workshop: Workshop, tmp_path: Path) -> None:
    pid = str(workshop.live(workshop.program("leaky")).pid)
    files: List[str] = []
    for number, line in enumerate(("class=unjoined name:* x", "name:* y")):
        path = tmp_path / f"rules{number}"
        path.write_text(line + "\n")
        files += ["--rules", str(path)]
    assert run_shell("check", pid, *AT_END, *files).status == CLEAN
    assert run_shell("check", pid, *AT_END, *files[:2]).status == LEAKS


def test_edits_of_a_file_keep_what_else_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "rules"
    path.write_text("# ours\nrace:x\n  name:a first\n\nthread:b\n")
    words = ("filter", "--rules", str(path))
    assert run_shell(*words, "list").out == "1: name:a first\n2: thread:b\n"
    assert run_shell(*words, "add", "name:c", "third").out == "rule 3: name:c third\n"
    assert run_shell(*words, "remove", "2").out == "removed: thread:b\n"
    assert path.read_text() == "# ours\nrace:x\n  name:a first\n\nname:c third\n"


def test_run_without_the_built_in_rules(tmp_path: Path) -> None:
    source, program = tmp_path / "omp.c", str(tmp_path / "omp")
    source.write_text("int main(void) {\n#pragma omp parallel num_threads(2)\n{}\nreturn 0; }\n")
    subprocess.run(["gcc", "-fopenmp", str(source), "-o", program], check=True)
    words = ("run", "--settle-ms", "0")
    assert run_shell(*words, "--", program).status == CLEAN
    for without in (["--no-builtin"], ["--options", "no_builtin=1"]):
        seen = run_shell(*words, *without, "--", program)
        assert seen.status == LEAKS and "1 leaked thread (1 outlived)" in seen.err


def test_the_built_in_rules_are_printed() -> None:
    done = run_shell("filter", "builtin")
    assert done.status == CLEAN and "module:libgomp.so* idle=yes libgomp keeps" in done.out
    assert run_gdb(commands=["threadleak filter builtin"]).outputs == [done.out]
