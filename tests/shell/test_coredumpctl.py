# SPDX-License-Identifier: MIT
"""coredump:MATCH: cores that systemd-coredump keeps, by the real coredumpctl; by a stand-in what that one does not do on
demand, and where it cannot be had."""

import lzma
import os
import subprocess
from pathlib import Path
from typing import Any, Dict

import pytest
from journal import Journal, entry, why_not
from run_shell import BLIND, LEAKS, SETTLED, run_shell
from workshop import Workshop


@pytest.fixture(scope="module")
def core(workshop: Workshop) -> str:
    return workshop.core(workshop.program("leaky"))


@pytest.fixture(scope="module")
def real(core: str, tmp_path_factory: Any) -> Journal:
    """Of the same core in every way that systemd-coredump may keep it."""
    why = why_not()
    if why is not None:
        pytest.skip(why)
    folder = tmp_path_factory.mktemp("journal")
    whole = Path(core).read_bytes()
    packed, cut, second = (str(folder / name) for name in ("core.xz", "cut.xz", "core.zst"))
    Path(packed).write_bytes(lzma.compress(whole, preset=0))
    Path(cut).write_bytes(lzma.compress(whole[: len(whole) // 2], preset=0))
    subprocess.run(["zstd", "-q", core, "-o", second], check=True)
    return Journal(
        folder,
        [
            entry(11, "/srv/packed", 1_000, filename=packed, unit="packed.service"),
            entry(12, "/srv/zstandard", 2_000, filename=second, unit="zstandard.service"),
            entry(13, "/srv/open", 3_000, filename=core, unit="open.service"),
            entry(14, "/srv/inside", 4_000, core=whole, unit="inside.service"),
            entry(15, "/srv/cut", 5_000, filename=cut, truncated=1),
            entry(16, "/srv/deleted", 6_000, filename=f"{folder}/none.zst"),
            entry(17, "/srv/unkept", 7_000),
            entry(10, "/srv/packed", 600, filename=f"{folder}/none.zst"),
            entry(11, "/srv/other", 500, filename=packed, unit="packed.service"),
        ],
    )


@pytest.mark.parametrize("way", ["packed", "zstandard", "open", "inside"])
def test_the_real_one_has_it(core: str, real: Journal, way: str) -> None:
    bare = run_shell("groups", *SETTLED, core)
    assert bare.status == LEAKS and bare.err == ""
    for match in (f"/srv/{way}", way, f"{way}.service", f"COREDUMP_EXE=/srv/{way}"):
        if match != "packed.service":  # two programs ended in that
            found = run_shell("groups", *SETTLED, f"coredump:{match}", env=real.environment())
            assert found == bare
    assert real.left_behind() == [] and os.path.exists(core)


@pytest.mark.parametrize(
    "match, sentence",
    [
        ("nobody", "coredumpctl knows no core of nobody"),
        ("nobody.service", "coredumpctl knows no core of nobody.service"),
        ("999", "coredumpctl knows no core of 999"),
        (
            "11",
            "11 matches cores of 2 programs, 11 (/srv/packed), 11 (/srv/other): give the path of one",
        ),
        ("deleted", "coredumpctl keeps no core of deleted, of which it knows (missing)"),
        ("unkept", "coredumpctl keeps no core of unkept, of which it knows (none)"),
    ],
)
def test_the_real_one_has_none(real: Journal, match: str, sentence: str) -> None:
    done = run_shell("list", f"coredump:{match}", env=real.environment())
    assert done.status == BLIND and sentence in done.err
    assert real.left_behind() == []


def test_the_real_one_has_a_part_of_it(real: Journal) -> None:
    done = run_shell("list", "coredump:cut", env=real.environment())
    assert done.status == BLIND and "the core file is truncated" in done.err


COREDUMPCTL = """#!/bin/sh
# As coredumpctl(1) of systemd 252 does.
echo "$@" >> {folder}/calls
case " $* " in
    *COREDUMP_FILENAME*) echo {stored} ;;
    *" dump "*) for word; do case $word in --output=*) cp {core} "${{word#--output=}}" ;; esac; done ;;
    *" list "*none*) echo "No coredumps found." >&2; exit 1 ;;
    *" list "*several*) echo '[{{"time":1,"pid":7,"corefile":"present","exe":"/bin/a"}},
        {{"time":2,"pid":8,"corefile":"present","exe":"/bin/b"}}]' ;;
    *" list "*lost*) echo '[{{"time":1,"pid":7,"corefile":"missing","exe":"/bin/a"}}]' ;;
    *" list "*odd*) echo 'TIME PID' ;;
    *" list "*) echo '[{{"time":1,"pid":7,"corefile":"missing","exe":"/bin/a"}},
        {{"time":3,"pid":{pid},"corefile":"present","exe":"/bin/a"}}]' ;;
esac
"""


@pytest.fixture(params=["packed", "open"])
def coredumpctl(core: str, tmp_path: Path, request: Any) -> Dict[str, str]:
    """A stand-in in PATH: systemd-coredump would take all cores of this machine."""
    program = tmp_path / "coredumpctl"
    is_open = request.param == "open"  # what lies open is not dumped
    packed, stored = ("/nonexistent", core) if is_open else (core, "/nonexistent.zst")
    program.write_text(COREDUMPCTL.format(folder=tmp_path, core=packed, pid=42, stored=stored))
    program.chmod(0o755)
    (tmp_path / "tmp").mkdir()
    return {"PATH": f"{tmp_path}:/usr/bin:/bin", "TMPDIR": f"{tmp_path}/tmp"}


def test_a_core_of_coredumpctl(core: str, coredumpctl: Dict[str, str], tmp_path: Path) -> None:
    bare = run_shell("list", "--all", core)
    found = run_shell("list", "--all", "coredump:a.service", env=coredumpctl)
    assert found.first_line == bare.first_line and found.status == bare.status
    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls[0] == "--quiet --no-pager --json=short list COREDUMP_UNIT=a.service"
    assert calls[1] == (
        "--quiet --no-pager --field=COREDUMP_FILENAME list COREDUMP_PID=42 COREDUMP_UNIT=a.service"
    )
    if len(calls) > 2:
        assert calls[2].startswith("--quiet --no-pager --output=")
        assert calls[2].endswith("dump COREDUMP_PID=42 COREDUMP_UNIT=a.service")
    assert os.path.exists(core)
    assert os.listdir(tmp_path / "tmp") == []


@pytest.mark.parametrize(
    "match, sentence",
    [
        ("none", "coredumpctl knows no core of none"),
        ("several", "matches cores of 2 programs, 8 (/bin/b), 7 (/bin/a): give a PID"),
        ("lost", "keeps no core of lost, of which it knows (missing)"),
        ("odd", "wrote no list that could be read"),
        ("", "coredump:MATCH takes a PID, a program or a unit"),
    ],
)
def test_no_core_of_coredumpctl(coredumpctl: Dict[str, str], match: str, sentence: str) -> None:
    done = run_shell("list", f"coredump:{match}", env=coredumpctl)
    assert done.status == BLIND and sentence in done.err


def test_coredumpctl_is_not_there(tmp_path: Path) -> None:
    done = run_shell("list", "coredump:7", env={"PATH": str(tmp_path)})
    assert done.status != 0 and ("install systemd-coredump" in done.err or "env" in done.err)
