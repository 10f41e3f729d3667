# SPDX-License-Identifier: MIT
"""What threads wait for: each program of tests/programs/waits says in its line "expect:" what has to be reported,
optimized or not, stripped or not, live and in a core, by the probe and by GDB."""

import json
import os
import subprocess
from typing import Any, Dict, Iterator, List, NamedTuple

import pytest
from run_gdb import run_gdb
from workshop import COMPILERS, LINKED, PROGRAMS, Program, Running, Workshop, in_builds

FOLDER = os.path.join(PROGRAMS, "waits")
SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "waits_of.py")
SAMPLES = sorted(name for name in os.listdir(FOLDER) if name.endswith((".c", ".cc")))
DEBUG = "/usr/lib/debug"
CANNOT = 77  # status of a sample that this machine does not let do what it is about
BUILDS = [
    ("-O0", False),
    ("-O2", True),
    ("-O0", True),
    ("-O2", False),
]  # and whether it is stripped
BY_GDB = BUILDS[:2]  # GDB takes longer


class Expected(Dict[str, str]):
    """Of one sample, by the words of its line."""

    @classmethod
    def of(cls, name: str) -> "Expected":
        with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
            line = next(line for line in file if "expect:" in line)
        return cls(word.split("=", 1) for word in line.split("expect:")[1].split())


class Seen(NamedTuple):
    subject: Dict[str, Any]
    names: Dict[int, str]  # tid -> name, as the kernel had it
    by_pthread: Dict[int, str]


def build(workshop: Workshop, name: str, level: str, strip: bool) -> str:
    source = os.path.join(FOLDER, name)
    base, extension = os.path.splitext(name)
    path = os.path.join(workshop.new_folder(base), base)
    flags = ["-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-g", level, "-o", path, source]
    subprocess.run([*COMPILERS[extension], *flags], check=True)
    if strip:
        subprocess.run(["strip", path], check=True)
    return path


def start(workshop: Workshop, path: str) -> Running:
    running = workshop.start(Program(os.path.basename(path), path, path, LINKED), ready="")
    if running.line() != "ready":
        assert running.process.wait(60) == CANNOT, running.errors()
        pytest.skip("this machine does not let it")
    return running


def rows(text: str) -> List[Dict[str, Any]]:
    return [json.loads(line[1:]) for line in text.splitlines() if line.startswith("@{")]


def by_probe(*arguments: str) -> List[Dict[str, Any]]:
    argv = ["/usr/bin/python3", "-I", SCRIPT, *arguments]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return rows(done.stdout)


def by_gdb(*arguments: str) -> List[Dict[str, Any]]:
    return rows(run_gdb(*arguments, commands=[f"source {SCRIPT}"]).out)


def thread_names(pid: int) -> Dict[int, str]:
    names = {}
    for tid in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{tid}/comm", encoding="ascii") as file:
            names[int(tid)] = file.read().strip()
    return names


def looks(workshop: Workshop, name: str, level: str, strip: bool) -> Iterator[Any]:
    """(how it was looked at, what was seen)"""
    path = build(workshop, name, level, strip)
    with_gdb = (level, strip) in BY_GDB
    running = start(workshop, path)
    names = thread_names(running.pid)
    found = [("live", by_probe(f"{running.pid}"))]
    if with_gdb:
        found.append(("live, GDB", by_gdb("-p", f"{running.pid}")))
        # what timeouts went on with after GDB's stop is restart_syscall
        found.append(("after GDB", by_probe(f"{running.pid}")))
    core = running.dump_core()
    found.append(("core", by_probe(core, path)))
    if with_gdb:
        found.append(("core, GDB", by_gdb(path, core)))
    for how, threads in found:
        by_pthread = {row["pthread"]: names[row["tid"]] for row in threads}
        subject = next(row for row in threads if names[row["tid"]] == "subject")
        yield how, Seen(subject, names, by_pthread)


def words(value: Any) -> str:
    return str(value).replace(", ", ",").replace(" ", "_")


def check(seen: Seen, expected: Expected, strip: bool) -> None:
    subject = seen.subject
    if "running" in expected:
        assert "kind" not in subject
        return
    if "names" in expected and subject["kind"] == "futex":
        assert strip and subject["confidence"] == "low" and subject["owner"] is None
        return
    if "found" in expected and subject["object"] is None:
        assert subject["kind"] == expected["kind"] and subject["confidence"] == "medium"
        assert subject["owner"] is None and subject["owner_tid"] is None
        return
    for key in ("kind", "confidence", "call"):
        assert key not in expected or words(subject[key]) == expected[key], key
    for key in ("flavour", "detail"):
        assert key not in expected or words(subject[key]).replace(",_", ",") == expected[key], key
    for key in ("timed", "shared"):
        assert subject[key] == (expected.get(key) == "yes"), key
    assert (subject["deadline_ns"] is not None) == ("deadline" in expected)
    assert ",".join(map(str, subject["fds"])) == expected.get("fds", "")
    assert not subject["in_kernel_hands"]
    if "group" in expected:
        assert subject["word"] % 8 // 4 == int(expected["group"])
    check_names(subject, expected, strip)
    check_owner(seen, expected.get("owner"))


def check_names(subject: Dict[str, Any], expected: Expected, strip: bool) -> None:
    for key in ("object", "mutex"):
        if key not in expected:
            continue
        assert subject[key], key
        known, in_libc = subject[key + "_name"], expected[key].startswith("_IO_")
        if expected[key] == "-" or (strip and not in_libc):
            assert known is None, key
        else:
            assert known is not None and words(known) in expected[key].split("|"), key


def check_owner(seen: Seen, owner: Any) -> None:
    subject = seen.subject
    if owner == "gone":
        assert subject["owner"] is None and subject["owner_tid"] not in seen.names
    elif owner is None:
        assert subject["owner"] is None and subject["owner_tid"] is None
    else:
        assert seen.by_pthread[subject["owner"]] == owner
        assert subject["owner_tid"] is None or seen.names[subject["owner_tid"]] == owner


@pytest.mark.parametrize("name, level, strip", in_builds(SAMPLES, BUILDS))
def test_sample(workshop: Workshop, name: str, level: str, strip: bool) -> None:
    expected = Expected.of(name)
    level = "-O2" if "optimized" in expected else level
    for how, seen in looks(workshop, name, level, strip):
        try:
            check(seen, expected, strip)
        except AssertionError as error:
            pytest.fail(f"{how}: {error}\n{seen}")


def has_debug_information(library: str) -> bool:
    """Of Debian's package libc6-dbg."""
    text = subprocess.run(["readelf", "-n", library], capture_output=True, text=True).stdout
    build_id = text.partition("Build ID: ")[2].split("\n")[0]
    return os.path.exists(f"{DEBUG}/.build-id/{build_id[:2]}/{build_id[2:]}.debug")


@pytest.mark.parametrize(
    "name",
    [
        "mutex_timed.c",
        "mutex_clock.c",
        "std_timed_mutex.cc",
        "std_semaphore_timed.cc",
        "semaphore.c",
    ],
)
def test_functions_that_are_inlined(workshop: Workshop, name: str) -> None:
    """GDB names them where it has debug information, also libc's."""
    running = start(workshop, build(workshop, name, "-O2", False))
    with open(f"/proc/{running.pid}/maps", encoding="utf-8") as file:
        libc = next(line.split()[-1] for line in file if "/libc.so" in line)
    if not has_debug_information(libc):
        pytest.skip("no debug information of libc: libc6-dbg is not installed")
    names = thread_names(running.pid)
    target = ("-p", f"{running.pid}")
    commands = [f"source {SCRIPT}"]
    seen = rows(
        run_gdb(*target, commands=commands, early=[f"set debug-file-directory {DEBUG}"]).out
    )
    by_pthread = {row["pthread"]: names[row["tid"]] for row in seen}
    subject = next(row for row in seen if names[row["tid"]] == "subject")
    check(Seen(subject, names, by_pthread), Expected.of(name), False)


RUST = {
    "mutex": "Rust mutex",
    "rwlock": "Rust rwlock",
    "condition": "Rust condition variable",
    "barrier": "Rust condition variable",
    "park": "Rust park",
    "channel": "Rust park",
    "join": "join",
}


@pytest.mark.skipif(not os.path.exists("/usr/bin/rustc"), reason="no rustc: see scripts/setup")
@pytest.mark.parametrize("level, strip", [("0", False), ("2", False), ("2", True)])
def test_rust(workshop: Workshop, level: str, strip: bool) -> None:
    path = os.path.join(workshop.new_folder("rust"), "rust_locks")
    source = os.path.join(FOLDER, "rust_locks.rs")
    flags = ["-C", f"opt-level={level}", "-C", f"strip={'symbols' if strip else 'none'}"]
    subprocess.run(["/usr/bin/rustc", *flags, "-o", path, source], check=True)
    running = start(workshop, path)
    names = thread_names(running.pid)
    found = [by_probe(f"{running.pid}")]
    if not strip:
        found.append(by_gdb("-p", f"{running.pid}"))
    found.append(by_probe(running.dump_core(), path))
    for threads in found:
        seen = {names[row["tid"]]: row for row in threads if row.get("kind") != "time"}
        for name, kind in RUST.items():
            unnamed = strip and kind != "join"
            assert seen[name]["kind"] == ("futex" if unnamed else kind)
            assert seen[name]["owner"] is None or kind == "join"
