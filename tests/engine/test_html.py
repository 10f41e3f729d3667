# SPDX-License-Identifier: MIT
"""The page of `--format html`, whatever the watched program calls its threads: only our own elements are in it, and
the script gets its data whole."""

import json
import re
from html.parser import HTMLParser
from typing import Any, Dict, List, Optional, Tuple

from hypothesis import example, given, settings
from hypothesis import strategies as st
from image import record
from test_judge import CLOSED, ENDED, INNER, report
from threadleak.show import html
from threadleak.show.sanitize import clean

Attributes = List[Tuple[str, Optional[str]]]
# A page takes its time on a machine that does much else.
FEW = settings(max_examples=40)


class Elements(HTMLParser):
    """What a browser takes the page for."""

    def __init__(self, page: str):
        super().__init__()
        self.found: List[Tuple[str, Tuple[str, ...]]] = []
        self.data = ""
        self._in_data = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Attributes) -> None:
        self.found.append((tag, tuple(name for name, _ in attrs)))
        self._in_data = ("id", "data") in attrs

    def handle_endtag(self, tag: str) -> None:
        self._in_data = False

    def handle_data(self, data: str) -> None:
        self.data += data if self._in_data else ""


# No name is so long (15 bytes, prctl(2)): a rule that matched would take its line away from the unused ones.
UNUSED = "name:longer-than-a-name-can-be why"


def elements(name: bytes, rule: str = UNUSED) -> Elements:
    shown = report([record(2, name=name[:15])], rules=[rule])
    return Elements(html.document(shown, shown.verdicts))


def read(shown: Elements) -> Dict[str, Any]:
    data: Dict[str, Any] = json.loads(shown.data)
    return data


HOSTILE = (
    b"</script><img ",
    b"<!--<script",
    b'" onload="x()"',
    b"$data $script",
    b"\xff\x1b[2J\xe2\x80\xae",
)


@FEW
@given(st.binary(max_size=15).map(lambda name: name.split(b"\0")[0]))
@example(HOSTILE[0])
@example(HOSTILE[1])
@example(HOSTILE[2])
@example(HOSTILE[3])
@example(HOSTILE[4])
def test_any_name_is_text(name: bytes) -> None:
    shown = elements(name)
    assert shown.found == elements(b"worker").found
    data = read(shown)
    told = data["texts"][data["columns"]["name"][1]]
    assert told == clean(told)
    if name.isascii() and name.decode().isprintable():
        assert told == name.decode()


def test_rules_and_findings_are_text() -> None:
    plain, hostile = elements(b"x"), elements(b"x", "name:<b>* </td><script>alert(1)</script>")
    assert [tag for tag, _ in hostile.found].count("script") == 2
    assert not any(tag == "b" and not attributes for tag, attributes in hostile.found[-20:])
    assert {tag for tag, _ in hostile.found} <= {tag for tag, _ in plain.found} | {"td", "tr"}


@FEW
@given(st.text(max_size=60), st.text(max_size=60))
def test_so_is_what_is_said_where_nothing_could_be_read(sentence: str, target: str) -> None:
    shown = Elements(html.failure(sentence, target or "x", "body"))
    assert shown.found == Elements(html.failure("no", "x", "body")).found
    assert shown.data == "null"


def test_each_text_frame_and_stack_is_there_once() -> None:
    shown = report([record(id) for id in range(2, 402)])
    data = read(Elements(html.document(shown, shown.verdicts)))
    for key in ("texts", "frames", "stacks", "lists", "kinds"):
        values = list(map(json.dumps, data[key]))
        assert len(values) == len(set(values)), key
    assert len(data["columns"]["id"]) == 401 and len(data["kinds"]) < 10


def text(data: Dict[str, Any], number: int) -> str:
    """As view.js has it."""
    told = data["texts"][number]
    return told if isinstance(told, str) else "".join(text(data, each) for each in told)


def test_the_name_of_a_scope_is_there_once() -> None:
    """Of ten thousand requests each may have one of its own."""
    shown = report(
        [record(2, scope=CLOSED), record(3, ENDED, scope=CLOSED), record(4, scope=INNER)]
    )
    data = read(Elements(html.document(shown, shown.verdicts)))
    assert sum("closed" == each for each in data["texts"]) == 1
    assert not any("`closed`" in each for each in data["texts"])
    rows = range(1, 4)
    why = [text(data, data["lists"][data["columns"]["why"][row]][0]) for row in rows]
    assert why[0] == "It is alive although the scope `closed` ended 4.9 s ago."
    assert "the scope `closed` around its own ended" in why[2]
    scopes = [text(data, data["columns"]["scope"][row]) for row in rows]
    assert scopes == ["closed", "closed", "inner in closed"]


def test_the_scripts_write_no_html() -> None:
    for name in html.SCRIPTS:
        with open(f"{html.FOLDER}/{name}", encoding="utf-8") as file:
            assert not re.search(
                r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|Function\(",
                file.read(),
            )
