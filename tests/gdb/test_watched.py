# SPDX-License-Identifier: MIT
"""A process that `watch` looks at, look by look, with what happens in between at our command."""

import json
import subprocess
from typing import Iterator

import pytest
from growing import Growing
from threadleak.commands.watched import Watched
from threadleak.judge.rule_set import load_all
from threadleak.show.style import PLAIN
from threadleak.show.watch import alarm_line
from workshop import LIBRARY, Workshop


@pytest.fixture(params=[LIBRARY, ""], ids=["library", "bare"])
def growing(workshop: Workshop, request: pytest.FixtureRequest) -> Iterator[Growing]:
    made = Growing(workshop.program("grows").path, request.param)
    yield made
    made.kill()


def watched(growing: Growing) -> Watched:
    return Watched(int(growing.pid), 0, load_all())


def look_after_each(seen: Watched, growing: Growing, *steps: str) -> None:
    for letters in steps:
        growing.make(letters)
        assert seen.look()


def test_a_leak_is_told_with_the_third_look(growing: Growing) -> None:
    seen = watched(growing)
    for letters in ("u", "u", "ua"):
        assert seen.rising(3) == []
        growing.make(letters)
        assert seen.look()
    (alarm,) = seen.rising(3)
    assert (alarm.before, alarm.threads, alarm.looks) == (1, 3, 3)
    assert alarm.frame is not None
    assert alarm.frame.function == ("leave_unjoined" if alarm.what == "created" else "finish")


def test_two_that_call_one_function_are_two(workshop: Workshop) -> None:
    growing = Growing(workshop.program("grows").path)
    seen = watched(growing)
    look_after_each(seen, growing, "hhlu", "hlu", "hhhl")
    alarms = seen.rising(3)
    growing.kill()
    found = {tuple(frame.function for frame in alarm.chain): alarm for alarm in alarms}
    assert set(found) == {("spawn", "http_request"), ("spawn", "log_rotate")}
    request = found["spawn", "http_request"]
    assert (request.before, request.threads) == (2, 6)
    assert [frame.function for frame in request.creation_stack][:3] == [
        *("spawn", "http_request", "main"),
    ]
    shown = json.loads(alarm_line(request, 0.0, PLAIN, True))
    assert [frame["function"] for frame in shown["callers"]] == ["http_request"]
    assert len(shown["creation_stack"]) == len(request.creation_stack)


def test_a_leak_by_callers_that_take_turns(workshop: Workshop) -> None:
    """None of them makes a thread in every look; it is told by what they have in common, and once."""
    growing = Growing(workshop.program("grows").path)
    seen = watched(growing)
    look_after_each(seen, growing, "h", "l", "hh", "l")
    (alarm,) = seen.rising(4)
    growing.make("hl")
    assert seen.look() and seen.looks == 5
    assert [each.frame and each.frame.function for each in seen.rising(5)] == ["spawn"]
    growing.kill()
    assert [frame.function for frame in alarm.chain] == ["spawn"]
    assert (alarm.before, alarm.threads, alarm.looks) == (1, 5, 4)
    callers = [(chain[0].function, number) for chain, number in alarm.callers]
    assert callers == [("http_request", 3), ("log_rotate", 2)]
    text = alarm_line(alarm, 0.0, PLAIN, False)
    assert "threads created at spawn (grows.c:" in text and "from 1 to 5 (most called by " in text
    shown = json.loads(alarm_line(alarm, 0.0, PLAIN, True))
    assert [each["threads"] for each in shown["most_by"]] == [3, 2]


def test_a_caller_that_rises_by_itself_is_told_alone(workshop: Workshop) -> None:
    growing = Growing(workshop.program("grows").path)
    seen = watched(growing)
    look_after_each(seen, growing, "h", "hl", "h", "hl")
    (alarm,) = seen.rising(4)
    growing.kill()
    assert [frame.function for frame in alarm.chain] == ["spawn", "http_request"]
    assert (alarm.before, alarm.threads, alarm.callers) == (1, 4, ())


def test_two_calls_in_one_line_are_one_place(workshop: Workshop) -> None:
    growing = Growing(workshop.program("grows").path)
    seen = watched(growing)
    look_after_each(seen, growing, "lb", "c", "b", "cc")
    (alarm,) = seen.rising(4)
    growing.kill()
    assert [frame.function for frame in alarm.chain] == ["spawn", "leave_by_one_of_two"]
    assert (alarm.before, alarm.threads) == (1, 5)


def test_callers_of_whom_none_leaks(workshop: Workshop) -> None:
    growing = Growing(workshop.program("grows").path)
    seen = watched(growing)
    look_after_each(seen, growing, "hhlb", "j", "l", "j", "c")
    assert seen.rising(3) == []
    growing.kill()


def test_one_look_without_a_rise_is_enough(growing: Growing) -> None:
    seen = watched(growing)
    look_after_each(seen, growing, "u", "uj", "j", "uu", "u")
    assert seen.rising(5) == seen.rising(4) == [] and len(seen.rising(3)) == 1


def test_too_few_looks_tell_nothing(growing: Growing) -> None:
    seen = watched(growing)
    growing.make("u")
    assert seen.look() and seen.look()
    assert seen.rising_in_all(4) is None
    assert seen.look()
    assert seen.rising_in_all(4) == []
    assert seen.rising_in_all(10) is None


BEFORE = """
import os, sys, threading
print("ready", flush=True)
for line in sys.stdin.buffer.raw:
    if line.startswith(b"exec"):
        os.execv(sys.argv[1], sys.argv[1:])
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    print("done", flush=True)
"""


def test_another_program_begins_anew(workshop: Workshop) -> None:
    """By exec. Its first site is another one than that of the program before, although it has the same number."""
    process = subprocess.Popen(
        ["/usr/bin/python3", "-c", BEFORE, workshop.program("grows").path],
        env={"LD_PRELOAD": LIBRARY, "PATH": "/usr/bin:/bin"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def tell(line: str, answer: str) -> None:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(line + "\n")
        process.stdin.flush()
        assert process.stdout.readline() == answer

    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    seen = Watched(process.pid, 0, load_all())
    for _ in range(3):
        tell("thread", "done\n")
        assert seen.look()
    assert len(seen.rising(3)) == 1
    tell("exec", "ready\n")
    tell("uuuuuuu", "done\n")
    assert seen.look()
    assert seen.rising(3) == [] and (seen.looks, seen.name) == (1, "grows")
    process.kill()
    process.communicate()


def test_its_end(growing: Growing) -> None:
    seen = watched(growing)
    assert seen.look()
    growing.end()
    assert not seen.look()
