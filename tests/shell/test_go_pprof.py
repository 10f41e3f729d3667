# SPDX-License-Identifier: MIT
"""`--format pprof`, as the real `go tool pprof` reads it."""

import html
import os
import re
import shutil
import subprocess
import xml.dom.minidom
from typing import Dict, List, NamedTuple, Tuple

import pytest
from growing import Growing
from run_gdb import ROOT, run_gdb
from run_shell import CLEAN, LEAKS, SETTLED, SHELL, USAGE, environment, run_shell
from screen import open_terminal
from workshop import Workshop, line_of, source_of

pytestmark = pytest.mark.skipif(not shutil.which("go"), reason="needs Go's pprof: golang-go")
COLUMNS = ("alive", "unjoined", "created", "stack")


def pprof(*words: str) -> str:
    env = {**os.environ, "HOME": "/tmp", "GOFLAGS": "", "PPROF_TMPDIR": "/tmp"}
    done = subprocess.run(
        ["go", "tool", "pprof", *words], capture_output=True, text=True, env=env, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


class Row(NamedTuple):
    """A sample, as -raw shows it."""

    values: Dict[str, int]
    labels: Dict[str, str]
    functions: List[str]  # innermost first


def rows(path: str) -> List[Row]:
    text = pprof("-raw", path)
    body, locations = text.split("Samples:\n")[1].split("Locations\n")
    names: Dict[str, List[str]] = {}
    for line in locations.split("Mappings\n")[0].splitlines():
        head = re.match(r"\s+(\d+): 0x\w+ (?:M=\d+ )?(.*)", line)
        if head:
            number, line = head.groups()
            names[number] = []
        function = re.match(r"\s*(.*?) \S*:\d+(?::\d+)? s=", line)
        if function:
            names[number].append(function.group(1))
    found: List[Row] = []
    for line in body.splitlines()[1:]:
        sample = re.match(r"([\s\d]+): ([\d ]+)$", line)
        if sample:
            values = dict(zip(COLUMNS, map(int, sample.group(1).split())))
            stack = [name for number in sample.group(2).split() for name in names[number]]
            found.append(Row(values, {}, stack))
        else:
            found[-1].labels.update(re.findall(r"([\w-]+):\[(.*?)\](?= |$)", line))
    return found


def profile(tmp_path: object, name: str, *words: str, status: int = LEAKS) -> str:
    path = f"{tmp_path}/{name}.pb.gz"
    done = run_shell(*words, "--format", "pprof", "-o", path)
    assert (done.status, done.out) == (status, f"threadleak: written to {path}\n"), done
    return path


def totals(found: List[Row]) -> Dict[str, int]:
    return {name: sum(row.values[name] for row in found) for name in COLUMNS}


def test_by_creation(growing: Growing, tmp_path: object) -> None:
    growing.make("uuuaajj")
    path = profile(tmp_path, "a", "groups", *SETTLED, growing.pid)
    found = rows(path)
    sums = totals(found)
    assert (sums["alive"], sums["unjoined"], sums["created"]) == (3, 3, 7)
    assert sums["stack"] >= 5 * (1 << 20), "of 5 threads whose stacks glibc made"
    unjoined = [row for row in found if row.values["unjoined"]]
    assert [row.functions[:2] for row in unjoined] == [["leave_unjoined", "main"]]
    assert unjoined[0].labels == {
        "name": "grows",
        "class": "unjoined",
        "state": "finished",
        "start": "finish",
    }
    gone = [row for row in found if row.functions[0] == "join"]
    assert [(row.values["created"], row.labels) for row in gone] == [(2, {"state": "finished"})]
    alive = [row for row in found if row.functions[0] == "keep_alive"]
    assert sum(row.values["alive"] for row in alive) == 2
    assert {row.labels["state"] for row in alive} == {"blocked"}
    assert [row.values["alive"] for row in found if row.functions == ["[the main thread]"]] == [1]


def test_what_pprof_makes_of_it(growing: Growing, tmp_path: object) -> None:
    growing.make("uuua")
    path = profile(tmp_path, "a", "list", *SETTLED, growing.pid)
    top = pprof("-top", "-sample_index=unjoined", path)
    assert re.search(r"\n +3 +100% +100% +3 +100% +leave_unjoined\n", top), top
    assert "Type: unjoined" in top and "3 leaked threads of 5" in pprof("-comments", path)
    assert pprof("-top", path) == top, "by default what leaks"
    assert "Type: alive" in pprof("-top", "-sample_index=alive", path)
    assert "leave_unjoined" in pprof("-tree", "-sample_index=unjoined", path)
    only = pprof("-top", "-sample_index=created", "-tagfocus=class=alive", path)
    assert "keep_alive" in only and "leave_unjoined" not in only
    lines = pprof("-top", "-lines", "-sample_index=unjoined", path)
    assert f"grows.c:{line_of('grows', '/* creates unjoined */')}" in lines
    with open(path, "rb") as file:
        assert file.read(2) == b"\x1f\x8b"
    built = subprocess.run(["readelf", "-n", f"/proc/{growing.pid}/exe"], capture_output=True)
    build_id = re.search(rb"Build ID: (\w+)", built.stdout)
    assert build_id is not None and f"Build ID: {build_id.group(1).decode()}" in top


@pytest.mark.skipif(not shutil.which("dot"), reason="needs graphviz")
@pytest.mark.parametrize(
    "name, drawn, shown",
    [
        ('a"b\\', "a'b/", "a'b"),  # pprof takes what follows the last slash for the file's name
        ("a\nb\udcffc", "a\\x0ab\\xffc", "a\\x0ab\\xffc"),
        ("<&\x1b\u202e", "<&\\x1b\\u202e", "<&\\x1b\\u202e"),
    ],
)
@pytest.mark.parametrize("strip", [False, True])
def test_pictures(
    workshop: Workshop, tmp_path: object, name: str, drawn: str, shown: str, strip: bool
) -> None:
    """Names of threads, of the program and of source files go into them: what Graphviz takes for its own syntax is none of
    theirs."""
    source = f"-fdebug-prefix-map={source_of('grows')}=/src/{name}.c"
    path = f"{tmp_path}/{name}"
    shutil.copy(workshop.program("grows", strip=strip, flags=(source,)).path, path)
    named = Growing(path)
    try:
        named.make("ua")
        created = profile(tmp_path, "a", "groups", *SETTLED, named.pid)
        blocked = profile(tmp_path, "b", "stacks", named.pid, status=CLEAN)
    finally:
        named.kill()
    assert {row.labels["name"] for row in rows(created) if "name" in row.labels} == {drawn}
    assert f"\nFile: {shown}\n" in "\n" + pprof("-top", created)
    for what, index in ((created, "created"), (blocked, "alive")):
        for granularity in ("-functions", "-lines", "-files", "-addresses"):
            picture = pprof("-svg", granularity, "-sample_index", index, what)
            seen = xml.dom.minidom.parseString(picture).toxml()
            assert ("keep_alive" in seen) == (
                not strip and index == "created" and granularity != "-files"
            )
            # it takes a backslash for one of Graphviz's
            assert drawn.replace("\\", "") in html.unescape(seen)


def test_counted_to_the_own_code(workshop: Workshop, tmp_path: object) -> None:
    """Not to what made the threads on its behalf, in a library of its own or inlined from a header."""
    program = workshop.program("cxx", flags=("-fopenmp",))
    core = workshop.core(program)
    path = profile(tmp_path, "a", "groups", *SETTLED, program.path, core, status=CLEAN)
    top = pprof("-top", "-sample_index=created", path)
    counted = re.findall(r"\n +1 +\S+% +\S+% +1 +\S+% +(\w+)", top)
    assert sorted(counted) == ["use_async", "use_jthread", "use_openmp", "use_thread"], top
    assert "std::" not in top and "4 100%" in " ".join(top.split()), top


def test_what_is_shown_first(growing: Growing, tmp_path: object) -> None:
    """Of what does not leak, and where nobody can be unjoined, those that are alive."""
    growing.make("a")
    path = profile(
        tmp_path, "none", "list", "--class", "alive", *SETTLED, growing.pid, status=CLEAN
    )
    assert "Type: alive" in pprof("-top", path)
    growing.make("u")
    path = profile(tmp_path, "some", "groups", *SETTLED, growing.pid)
    assert "Type: unjoined" in pprof("-top", path)
    path = profile(tmp_path, "where", "stacks", growing.pid, status=CLEAN)
    assert "Type: alive" in pprof("-top", path)


def test_the_difference_of_two(growing: Growing, tmp_path: object) -> None:
    growing.make("ua")
    before = profile(tmp_path, "before", "groups", *SETTLED, growing.pid)
    growing.make("uuujj")
    after = profile(tmp_path, "after", "groups", *SETTLED, growing.pid)
    shown = pprof("-top", "-sample_index=unjoined", "-diff_base", before, after)
    assert re.search(r"\n +3 .* leave_unjoined\n", shown), shown
    created = pprof("-top", "-sample_index=created", "-diff_base", before, after)
    assert re.search(r"\n +2 .* join\n", created) and "keep_alive" not in created


def test_two_processes_as_one(growing: Growing, workshop: Workshop, tmp_path: object) -> None:
    """Addresses differ (ASLR); places are the same."""
    other = Growing(workshop.program("grows").path)
    try:
        growing.make("uu")
        other.make("u")
        paths = [
            profile(tmp_path, each.pid, "groups", *SETTLED, each.pid) for each in (growing, other)
        ]
    finally:
        other.kill()
    merged = f"{tmp_path}/merged.pb.gz"
    pprof("-proto", "-output", merged, *paths)
    unjoined = [row for row in rows(merged) if row.values["unjoined"]]
    assert [row.values["unjoined"] for row in unjoined] == [3]


def documented(ending: str) -> List[str]:
    """The words of the one command of docs/production.md that ends so, without its files."""
    with open(os.path.join(ROOT, "docs", "production.md"), encoding="utf-8") as file:
        (words,) = re.findall(rf"(?m)^go tool pprof (.*) {re.escape(ending)} +#", file.read())
    return str(words).split()


@pytest.mark.parametrize("ending", ["*.pb.gz", "before.pb.gz now.pb.gz"])
def test_the_first_file_has_no_leak(growing: Growing, tmp_path: object, ending: str) -> None:
    """Then it is shown by default who is alive."""
    healthy = profile(tmp_path, "1", "groups", *SETTLED, growing.pid, status=CLEAN)
    growing.make("uuu")
    leaking = profile(tmp_path, "2", "groups", *SETTLED, growing.pid)
    shown = pprof(*documented(ending), healthy, leaking)
    assert re.search(r"\n +3 +100% +100% +3 +100% +leave_unjoined\n", shown), shown


@pytest.mark.parametrize("command", [("list", "--by", "blocked"), ("stacks",)])
def test_where_they_are(growing: Growing, tmp_path: object, command: Tuple[str, ...]) -> None:
    growing.make("uaa")
    status = CLEAN if command == ("stacks",) else LEAKS
    found = rows(profile(tmp_path, "a", *command, *SETTLED, growing.pid, status=status))
    assert totals(found)["alive"] == 3 and totals(found)["unjoined"] == 0
    waiting = [row for row in found if "stay" in row.functions]
    assert sum(row.values["alive"] for row in waiting) == 2
    assert {row.labels["start"] for row in waiting} == {"stay"}
    main = [row for row in found if "main" in row.functions]
    assert [row.labels["waits-for"] for row in main] == ["read"]


def test_without_the_library(workshop: Workshop, tmp_path: object) -> None:
    bare = Growing(workshop.program("grows").path, preload="")
    try:
        bare.make("ua")
        created = rows(profile(tmp_path, "a", "groups", *SETTLED, bare.pid))
        blocked = rows(profile(tmp_path, "b", "stacks", bare.pid, status=CLEAN))
    finally:
        bare.kill()
    assert totals(created)["alive"] == 2
    stay = [row for row in created if row.functions[0] == "stay"]
    assert stay[0].functions == ["stay", "[no creation stack was kept]"]
    assert totals(blocked)["alive"] == 2 and any("stay" in row.functions for row in blocked)


def test_a_core_in_shell_and_gdb(workshop: Workshop, tmp_path: object) -> None:
    program = workshop.program("leaky")
    core = workshop.core(program)
    of_shell = rows(profile(tmp_path, "shell", "groups", *SETTLED, program.path, core))
    path = f"{tmp_path}/gdb.pb.gz"
    shown = run_gdb(
        *(program.path, core),
        commands=[f"threadleak groups --settle-ms 0 --format pprof --output {path}"],
    )
    assert f"written to {path}" in shown.out, shown
    of_gdb = rows(path)
    assert totals(of_gdb) == totals(of_shell)
    plain = lambda found: sorted(
        (row.functions[0], row.values["created"]) for row in found
    )  # noqa: E731
    assert plain(of_gdb) == plain(of_shell)


def test_selected_threads(growing: Growing, tmp_path: object) -> None:
    growing.make("uuaj")
    words = ("groups", "--class", "unjoined", *SETTLED, growing.pid)
    found = rows(profile(tmp_path, "a", *words))
    assert totals(found)["created"] == 2 and totals(found)["alive"] == 0


def test_a_terminal_gets_none(growing: Growing) -> None:
    master, slave = open_terminal()
    command = [SHELL, "groups", "--format", "pprof", growing.pid]
    done = subprocess.run(
        command, stdout=slave, stderr=subprocess.PIPE, env=environment(), timeout=60
    )
    os.close(slave)
    os.close(master)
    assert done.returncode == USAGE
    assert done.stderr == (
        b"threadleak: this format is no text, so that it goes into a file: --output FILE\n"
    )


def test_a_pipe_does(growing: Growing) -> None:
    command = [SHELL, "stacks", "--format", "pprof", growing.pid]
    done = subprocess.run(command, capture_output=True, env=environment(), timeout=60)
    assert done.returncode == CLEAN and done.stdout[:2] == b"\x1f\x8b", done


@pytest.mark.parametrize(
    "words, sentence",
    [
        (("list", "--by", "blocked", "1"), "threadleak list: --by belongs to --format pprof"),
        (
            ("groups", "--format", "pprof", "1", "1"),
            "threadleak groups: --format pprof takes one target",
        ),
    ],
)
def test_usage(words: Tuple[str, ...], sentence: str) -> None:
    done = run_shell(*words)
    assert (done.status, done.err) == (USAGE, sentence + "\n")


def test_gdb_wants_a_file(workshop: Workshop) -> None:
    program = workshop.program("leaky")
    shown = run_gdb(
        program.path, workshop.core(program), commands=["threadleak stacks --format pprof"]
    )
    assert "this format is no text, so that it goes into a file: --output FILE" in shown.err
