# SPDX-License-Identifier: MIT
"""What a core lacks is told alike by the probe and by the engine's own reader of headers."""

import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPO / "gdb"))

from threadleak.target import elf, probe  # noqa: E402
from threadleak.target.base import TargetError  # noqa: E402

SEEDS = REPO / "build/fuzz/seeds/cores"


@pytest.fixture(scope="module", autouse=True)
def seeds() -> None:
    subprocess.run(["make", "-s", "build/fuzz/seeds/cores/x86_64"], cwd=REPO, check=True)


@pytest.mark.parametrize("name", ["x86_64", "aarch64", "snapshot", "overlapping"])
def test_cut(name: str, tmp_path: Path) -> None:
    whole = (SEEDS / name).read_bytes()
    opened = 0
    for size in range(len(whole), 0, -7):
        cut = tmp_path / "cut"
        cut.write_bytes(whole[:size])
        try:
            core = probe.Probe.of_core(str(cut), None)
        except TargetError as error:
            assert "cut short" in str(error) or size < 64
            continue
        opened += 1
        assert core.info().missing == elf.Core(str(cut)).missing == len(whole) - size
        core.close()
    assert opened > 100


def test_number_of_segments_in_a_section(tmp_path: Path) -> None:
    path = str(SEEDS / "pn_xnum")
    core = probe.Probe.of_core(path, None)
    assert core.info().missing == elf.Core(path).missing == 0
    core.close()
