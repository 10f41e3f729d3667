# SPDX-License-Identifier: MIT
"""aarch64, from elsewhere: the probe compiles for it, and reads a core of a program that ran there.

QEMU's user mode writes cores of its guest, with less in them than the kernel's: no NT_FILE and no NT_ARM_TLS,
and no page of code. What the guest printed about itself gives both notes, and what is to be found.
"""

import os
import shutil
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Tuple

import pytest

REPO = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPO / "gdb"))

from threadleak.target import probe_abi as abi  # noqa: E402
from threadleak.target.probe import Probe  # noqa: E402

CC, QEMU = "aarch64-linux-gnu-gcc", "qemu-aarch64"
pytestmark = pytest.mark.skipif(
    not shutil.which(CC) or not shutil.which(QEMU), reason=f"needs {CC} and {QEMU}"
)
EM_AARCH64 = 183
NT_PRSTATUS, NT_ARM_TLS, NT_FILE = 1, 0x401, 0x46494C45
FUTEX, PPOLL, TGKILL = 98, 73, 131
_NHDR = struct.Struct("<III")


class Fact(NamedTuple):
    what: str
    tid: int
    pthread: int
    thread_pointer: int
    local: int  # an address on its stack, and the word that is there
    value: int


class Guest(NamedTuple):
    program: str
    core: Path  # as QEMU wrote it
    full: Path  # with the notes of a kernel
    facts: Dict[int, Fact]


def _note(name: bytes, kind: int, content: bytes) -> bytes:
    name += b"\0"
    padded = [part + b"\0" * (-len(part) % 4) for part in (name, content)]
    return _NHDR.pack(len(name), len(content), kind) + b"".join(padded)


def _with_kernel_notes(core: bytes, facts: Dict[int, Fact], maps: List[List[str]]) -> bytes:
    """The notes move to the end of the file."""
    phoff = struct.unpack_from("<Q", core, 32)[0]
    kind, _, at, _, _, size = struct.unpack_from("<IIQQQQ", core, phoff)
    assert kind == 4  # PT_NOTE
    notes, end = b"", at + size
    while at < end:
        name_size, size, kind = _NHDR.unpack_from(core, at)
        content = at + _NHDR.size + (name_size + 3 & ~3)
        after = content + (size + 3 & ~3)
        notes += core[at:after]
        at = after
        if kind == NT_PRSTATUS:
            (tid,) = struct.unpack_from("<I", core, content + 32)
            notes += _note(b"LINUX", NT_ARM_TLS, struct.pack("<Q", facts[tid].thread_pointer))
    rows, paths = b"", b""
    for row in maps:
        start, end = (int(part, 16) for part in row[0].split("-"))
        rows += struct.pack("<QQQ", start, end, int(row[2], 16) // 4096)
        paths += row[5].encode() + b"\0"
    notes += _note(b"CORE", NT_FILE, struct.pack("<QQ", len(maps), 4096) + rows + paths)
    header = struct.pack("<IIQQQQ", 4, 0, len(core), 0, 0, len(notes))
    return core[:phoff] + header + core[phoff + len(header) :] + notes


def _facts(text: str) -> Tuple[Dict[int, Fact], List[List[str]]]:
    facts, maps = {}, []
    for what, *rest in map(str.split, text.splitlines()):
        if what == "map":
            maps.append(rest)
        else:
            numbers = [int(word, 0) for word in rest]
            facts[numbers[0]] = Fact(what, *numbers)
    return facts, [row for row in maps if row[-1].startswith("/")]


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guest]:
    folder = tmp_path_factory.mktemp("aarch64")
    program = str(folder / "threads")
    source = str(REPO / "tests/probe/aarch64_threads.c")
    flags = ["-std=gnu11", "-D_GNU_SOURCE", "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-pthread"]
    subprocess.run([CC, *flags, source, "-o", program], check=True)
    # the guest's core is written only where the host's may be
    command = f"ulimit -c unlimited; exec {QEMU} -L /usr/aarch64-linux-gnu {program}"
    ran = subprocess.run(
        ["sh", "-c", command], cwd=folder, stdout=subprocess.PIPE, text=True, timeout=60
    )
    (core,) = folder.glob("qemu_*.core")
    facts, maps = _facts(ran.stdout)
    full = folder / "full.core"
    full.write_bytes(_with_kernel_notes(core.read_bytes(), facts, maps))
    yield Guest(program, core, full, facts)
    for each in folder.glob("*core*"):  # QEMU's own is large
        os.unlink(each)


def _threads(probe: Probe) -> List[Dict[str, int]]:
    count = probe.info().thread_count
    for index in range(count):
        assert probe.look(index)
    return [probe.thread(index) for index in range(count)]


def _check_threads(probe: Probe, guest: Guest) -> List[Dict[str, int]]:
    info = probe.info()
    assert (info.kind, info.machine, info.missing) == (abi.CORE, EM_AARCH64, 0)
    threads = _threads(probe)
    assert {thread["tid"] for thread in threads} == set(guest.facts)
    for thread in threads:
        fact = guest.facts[thread["tid"]]
        assert 0 <= fact.local - thread["sp"] < 8192
        assert probe.read(fact.local, 8) == struct.pack("<Q", fact.value)
    assert guest.facts[threads[0]["tid"]].what == "main"  # the one that died is first
    return threads


def test_core_of_qemu(guest: Guest) -> None:
    """Nothing tells which files were mapped: what depends on them is unknown, never guessed."""
    probe = Probe.of_core(str(guest.core), None)
    for thread in _check_threads(probe, guest):
        assert (thread["pthread"], thread["syscall"]) == (0, -1)
        assert thread["state"] == abi.ALIVE
    probe.close()


def test_threads(guest: Guest) -> None:
    probe = Probe.of_core(str(guest.full), None)
    assert probe.info().program == guest.program
    calls = {"thread": FUTEX, "pauses": PPOLL, "main": TGKILL}
    for thread in _check_threads(probe, guest):
        fact = guest.facts[thread["tid"]]
        assert thread["pthread"] == fact.pthread
        assert thread["state"] == abi.BLOCKED
        assert thread["syscall"] == calls[fact.what]
    probe.close()


def _names(probe: Probe, index: int) -> Tuple[List[str], int]:
    assert probe.unwind(index, 64)
    frames, end = list(probe.stacks())[probe.thread(index)["stack"] - 1]
    names = []
    for frame in frames:
        flags = 0 if frame & abi.EXACT else abi.RETURN
        found = probe.symbolize(frame & ~abi.EXACT, flags)
        names += [function or "?" for function, _, _ in found]
    return names, end


def test_stacks(guest: Guest) -> None:
    probe = Probe.of_core(str(guest.full), None)
    depths = []
    for index, thread in enumerate(_threads(probe)):
        names, end = _names(probe, index)
        own = [name for name in names if name in ("innermost", "recursive", "waits", "pauses")]
        what = guest.facts[thread["tid"]].what
        if what == "thread":
            depths.append(own.count("recursive"))
            assert own == ["innermost"] + ["recursive"] * depths[-1] + ["waits"]
            assert end == abi.COMPLETE
        elif what == "pauses":
            assert own == ["pauses"]
            assert end == abi.COMPLETE
        else:
            assert "main" in names and "abort" in names
        assert probe.thread(index)["state"] == abi.BLOCKED  # as it was before
    assert sorted(depths) == [2, 3, 4]
    probe.close()


def _compile(source: Path) -> str:
    flags = [
        "-std=gnu11",
        "-D_GNU_SOURCE",
        "-fPIC",
        "-O2",
        "-Wall",
        "-Wextra",
        "-Wshadow",
        "-Werror",
    ]
    command = [CC, *flags, f"-I{REPO}/helper/include", "-c", str(source), "-o", os.devnull]
    ran = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    return ran.stderr if ran.returncode else ""


def test_compiles() -> None:
    with ThreadPoolExecutor(2) as pool:
        assert not [
            error for error in pool.map(_compile, (REPO / "helper/probe").glob("*.c")) if error
        ]
