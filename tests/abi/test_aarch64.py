# SPDX-License-Identifier: MIT
"""The library on aarch64: its registry, history and events, read back here, and the trace that they make."""

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from frozen import FrozenTarget, describe, load

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests/engine"))

import trace_format  # noqa: E402
from threadleak.judge.recording import recording  # noqa: E402
from threadleak.judge.report import Report  # noqa: E402
from threadleak.judge.rule_set import RuleSet  # noqa: E402
from threadleak.judge.verdicts import Settings  # noqa: E402
from threadleak.read import abi_history as abi  # noqa: E402
from threadleak.read.events import events_of  # noqa: E402
from threadleak.read.look import look_at  # noqa: E402
from threadleak.read.locate import read_registry  # noqa: E402
from threadleak.show.trace import Trace  # noqa: E402

CC, QEMU = "aarch64-linux-gnu-gcc", "qemu-aarch64"
pytestmark = pytest.mark.skipif(
    not shutil.which(CC) or not shutil.which(QEMU), reason=f"needs {CC} and {QEMU}"
)
WARNINGS = ("-Wall", "-Wextra", "-Werror")


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What freeze.c writes down of itself there."""
    folder = tmp_path_factory.mktemp("aarch64")
    compile_ = [CC, "-D_GNU_SOURCE", "-g", f"-I{ROOT / 'helper/include'}"]
    library, program, written = (str(folder / name) for name in ("library.so", "freeze", "image"))
    # as the Makefile does
    flags = ["-std=gnu11", "-O2", "-fPIC", "-fvisibility=hidden", "-fno-exceptions", *WARNINGS]
    flags += ['-DTHREADLEAK_COMMAND="none"', "-shared", "-Wl,-z,defs,-z,now,-z,nodelete"]
    flags += [f"-Wl,--version-script={ROOT / 'build/exports.map'}"]
    sources = sorted(map(str, (ROOT / "helper/runtime").glob("*.c")))
    subprocess.run([*compile_, *flags, *sources, "-o", library], check=True)
    freeze = str(ROOT / "tests/abi/freeze.c")
    subprocess.run([*compile_, "-O1", freeze, library, "-pthread", "-o", program], check=True)
    run = [QEMU, "-L", "/usr/aarch64-linux-gnu", program, written]
    subprocess.run(run, check=True, timeout=120)
    return Path(written)


def test_it_is_read_like_one_of_x86_64(image: Path) -> None:
    """freeze.c does the same in both."""
    there = describe(FrozenTarget(load(image)))
    here = describe(FrozenTarget(load(ROOT / "tests/abi/registry-1.2.bin")))
    whole = ("library_version", "anomalies", "verdicts", "expected", "total", "overwritten", "torn")
    for same in whole:
        assert there[same] == here[same], same
    for lasted, frozen in zip(there["levels"], here["levels"]):  # into how many stretches it fell
        assert [sum(each) for each in list(zip(*lasted))[:3]] == list(frozen[0][:3])
    assert Counter(event[1] for event in there["events"]) == Counter(
        event[1] for event in here["events"]
    )
    assert [site["created"] for site in there["sites"][1:]] == [
        site["created"] for site in here["sites"][1:]
    ]


def test_its_trace(image: Path) -> None:
    """By the counter of that processor, CNTVCT_EL0, which QEMU has at another rate than the host's."""
    target = FrozenTarget(load(image))
    target.use_records(read_registry(target).copies[0])  # type: ignore[arg-type]
    report = Report(look_at(target), Settings(), RuleSet())  # type: ignore[arg-type]
    found = events_of(report.registry, target)  # type: ignore[arg-type]
    assert found is not None and found.is_timed
    head = abi.EVENTS.one(target.read(found.copy.header.events, abi.EVENTS.size))
    assert head.clock == abi.CLOCK_COUNTER and head.pairs_used >= 2
    times = {(event.kind, event.other or event.thread): event.time_ns for event in found.events}
    for record in found.copy.records:
        if record.creator:
            create = times["create", record.id]
            # the same look at the clock, by the rate that the library had then and by the reader's
            epoch_ns = found.copy.header.start_realtime_ns - found.copy.header.start_monotonic_ns
            assert abs(record.created_ns + epoch_ns - create) < 10_000_000
            assert create < times["start", record.id]
    shown = trace_format.parse("".join(Trace(report, recording(report, found)).chunks()))
    assert Counter(each.what for each in shown.arrows) == {"create": 10, "join": 1}
