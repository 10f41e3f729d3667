# SPDX-License-Identifier: MIT
"""The library itself under ThreadSanitizer, in a storm of creations, polls, joins and detaches, with history and
events: what it does without locks has to be atomic throughout."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STORM = ROOT / "tests/programs/storm.c"
# its own runtime clears the TLS of a thread anew while others may look for that thread
SUPPRESSED = "race:__tsan_tls_initialization\n"
FLAGS = "-std=gnu11 -D_GNU_SOURCE -g -O1 -fno-exceptions -fsanitize=thread -Wno-tsan".split()


def test_no_race_in_the_library(tmp_path: Path) -> None:
    interposed = re.findall(r"^ *X\((\w+)\)", (ROOT / "helper/runtime/real.h").read_text(), re.M)
    program = str(tmp_path / "storm")
    sources = sorted(map(str, (ROOT / "helper/runtime").glob("*.c")))
    build = ["gcc", *FLAGS, "-DTHREADLEAK_WRAP", '-DTHREADLEAK_COMMAND="none"']
    build.append("-DEND_ROUND=3")  # in the fourth it ends the thread for itself, before it calls us
    build += [f"-I{ROOT / 'helper' / folder}" for folder in ("include", "runtime")]
    build += [str(STORM), *sources, "-Wl,--eh-frame-hdr", "-o", program]
    build += [f"-Wl,--wrap={name}" for name in interposed]
    if subprocess.run(build, stderr=subprocess.PIPE, text=True).returncode:
        pytest.skip("gcc has no ThreadSanitizer (libtsan2)")
    suppressions = tmp_path / "suppressions"
    suppressions.write_text(SUPPRESSED)
    # it wants its memory where newer kernels randomize more than it expects
    as_it_lies = [shutil.which("setarch") or "setarch", "--addr-no-randomize"]
    ran = subprocess.run(
        [*as_it_lies, program],
        env={
            "TSAN_OPTIONS": f"suppressions={suppressions}:exitcode=66",
            "THREADLEAK_OPTIONS": "events=16384",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=300,
    )
    if "unexpected memory mapping" in ran.stderr:
        pytest.skip("ThreadSanitizer does not run here: its memory is taken")
    assert "WARNING: ThreadSanitizer" not in ran.stderr and ran.returncode == 0, ran.stderr
    threads, events = map(int, re.findall(r"\d+", ran.stdout))
    assert threads == 1 + 4 + 4 * 400
    # created, started, finished, joined; a detached one may not have begun yet
    assert events >= 3 * threads
