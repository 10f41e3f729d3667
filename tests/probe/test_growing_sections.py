# SPDX-License-Identifier: MIT
"""Sections that are made to fill all memory: compressed ones, which are read otherwise, and shared ones."""

import lzma
import os
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path
from typing import List, Optional, Tuple

import pytest

REPO = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPO / "gdb"))

from threadleak.target.probe import Probe  # noqa: E402
from threadleak.target.probe_abi import EXACT, RETURN  # noqa: E402

SOURCE = """
#include <unistd.h>
__attribute__((noinline)) static int waits(void) { return pause(); }
int main(void) { return write(1, "", 1) + waits(); }
"""
# Units of DWARF 4, as many as ranges, and all of them share these.
SHARED_RANGES = """
.section .debug_abbrev,"",@progbits
.byte 1, 0x11, 0, 0x55, 0x17, 0x11, 1, 0, 0, 0
.section .debug_info,"",@progbits
.rept 20000
.long 20; .value 4; .long 0; .byte 8
.byte 1; .long 0; .quad 0
.endr
.section .debug_ranges,"",@progbits
.rept 20000
.quad 0x10, 0x20
.endr
.quad 0, 0
.section .note.GNU-stack,"",@progbits
"""
Place = Tuple[Optional[str], Optional[str], Optional[int]]
PAUSE = 34
LARGE = 768 << 20  # of zeros


def build(folder: Path, *flags: str) -> Path:
    program = folder / "program"
    command = ["gcc", "-x", "c", "-", "-O0", "-o", str(program), *flags]
    subprocess.run(command, input=SOURCE.encode(), check=True)
    return program


def places(program: Path) -> Tuple[List[Place], int]:
    """What the stack of the running program shows, and by how many bytes that made us grow."""
    with subprocess.Popen([str(program)], stdout=subprocess.PIPE) as child:
        try:
            assert child.stdout and child.stdout.read(1)
            look, found = Probe.of_process(child.pid), []
            for _ in range(6000):
                time.sleep(0.01)
                if look.look(0) and look.thread(0)["syscall"] == PAUSE:
                    break
            look.unwind(0, 3)
            before = grown()
            for frame in next(look.stacks())[0]:
                flags = 0 if frame & EXACT else RETURN
                found += look.symbolize(frame & ~EXACT, flags)
            after = grown()
            look.close()
        finally:
            child.kill()
    return found, after - before


def grown() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status[status.index("VmHWM:") :].split()[1]) << 10


def zeros_in_xz() -> bytes:
    packer = lzma.LZMACompressor(preset=0)
    return b"".join(packer.compress(bytes(1 << 24)) for _ in range(LARGE >> 24)) + packer.flush()


def zeros_in_zlib() -> bytes:
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(1 << 24)) for _ in range(LARGE >> 24)) + packer.flush()


def with_section(program: Path, change: str, name: str, content: bytes) -> None:
    (program.parent / "section").write_bytes(content)
    subprocess.run(
        ["objcopy", change, f"{name}={program.parent}/section", str(program)], check=True
    )


@pytest.mark.parametrize("how", ["zlib", "zlib-gnu"])
def test_compressed_debugging_information(tmp_path: Path, how: str) -> None:
    program = build(tmp_path, "-g", "-Wl,--build-id")
    subprocess.run(["objcopy", f"--compress-debug-sections={how}", str(program)], check=True)
    found, _ = places(program)
    assert ("waits", 3) in [(function, line) for function, _, line in found]


def test_what_compressed_sections_may_become(tmp_path: Path) -> None:
    program = build(tmp_path, "-g")
    packed = zeros_in_zlib()
    with_section(program, "--update-section", ".debug_info", packed)
    data = bytearray(program.read_bytes())
    at = data.index(packed)
    headers = struct.unpack_from("<Q", data, 40)[0]
    count = struct.unpack_from("<H", data, 60)[0]
    for i in range(count):
        header = headers + 64 * i
        if struct.unpack_from("<Q", data, header + 24)[0] == at:
            flags = struct.unpack_from("<Q", data, header + 8)[0]
            struct.pack_into("<Q", data, header + 8, flags | 0x800)  # SHF_COMPRESSED
            break
    section = struct.pack("<IIQQ", 1, 0, LARGE, 1) + packed  # Elf64_Chdr
    data[at : at + len(packed)] = section[: len(packed)]
    os.unlink(program)
    program.write_bytes(data)
    program.chmod(0o700)
    found, more = places(program)
    assert more < 64 << 20 and "waits" in [function for function, _, _ in found]


def test_small_symbol_tables(tmp_path: Path) -> None:
    """.gnu_debugdata, which distributions put into stripped programs, is read."""
    program = build(tmp_path)
    table = lzma.compress(program.read_bytes())
    subprocess.run(["strip", str(program)], check=True)
    assert "waits" not in [function for function, _, _ in places(program)[0]]
    with_section(program, "--add-section", ".gnu_debugdata", table)
    assert "waits" in [function for function, _, _ in places(program)[0]]
    with_section(program, "--update-section", ".gnu_debugdata", table[: len(table) // 2])
    assert len(places(program)[0]) == 3


def test_what_small_symbol_tables_may_become(tmp_path: Path) -> None:
    program = build(tmp_path, "-s")
    with_section(program, "--add-section", ".gnu_debugdata", zeros_in_xz())
    found, more = places(program)
    assert more < 64 << 20 and len(found) == 3


def test_ranges_that_units_share(tmp_path: Path) -> None:
    (tmp_path / "ranges.s").write_text(SHARED_RANGES)
    found, more = places(build(tmp_path, "-x", "assembler", str(tmp_path / "ranges.s")))
    assert more < 512 << 20 and "waits" in [function for function, _, _ in found]
