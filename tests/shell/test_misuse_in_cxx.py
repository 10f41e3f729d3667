# SPDX-License-Identifier: MIT
"""A std::thread that is used wrongly: the places are the user's, and not those in libstdc++."""

import re
import subprocess
from typing import List

import pytest
from run_shell import environment
from workshop import LIBRARY, Workshop

TIMEOUT_S = 60


def functions(program: str, text: str) -> List[str]:
    """Those of the calls that end at its addresses, without what is inlined there."""
    places = re.findall(r"\((\S+)\+0x([0-9a-f]+)\)", text)
    assert {file for file, _ in places} == {program}, text
    words = ["addr2line", "--functions", "--inlines", "--demangle", "-e", program]
    found = []
    for _, offset in places:
        call = f"{int(offset, 16) - 1:#x}"
        told = subprocess.run([*words, call], capture_output=True, text=True, check=True)
        found.append(told.stdout.splitlines()[-2].partition("(")[0])
    return found


@pytest.mark.parametrize(
    "what, sentence, places",
    [
        ("join", "is joined twice", ["joins", "joins_by_handle", "creates"]),
        (
            "detach",
            "is detached although it was joined",
            ["detaches", "joins_by_handle", "creates"],
        ),
    ],
)
def test_the_places_are_the_users(
    workshop: Workshop, what: str, sentence: str, places: List[str]
) -> None:
    program = workshop.program("misused").path
    env = environment(LD_PRELOAD=LIBRARY)
    done = subprocess.run(
        [program, what], env=env, capture_output=True, text=True, timeout=TIMEOUT_S
    )
    first = done.stderr.splitlines()[0]
    assert first.startswith(f"threadleak: thread 2 {sentence}: at "), done
    assert functions(program, first) == places
