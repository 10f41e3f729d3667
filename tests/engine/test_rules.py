# SPDX-License-Identifier: MIT
"""The language of rules, and their files."""

from pathlib import Path

import pytest
from threadleak.judge.rule_files import load_rules, save_lines
from threadleak.judge.values import function_names
from threadleak.target.base import Frame
from threadleak.judge.rules import RuleError, parse_rule

LINES = ["name:worker-* pool threads live as long as the process", "class=unjoined site:old x"]


@pytest.mark.parametrize(
    "line, message",
    [
        ("", "a rule is FIELD:GLOB REASON"),
        ("worker-*", "a rule is FIELD:GLOB REASON"),
        ("tid:7 reason", "'tid:7' is no condition: FIELD:GLOB has a field of module, through"),
        ("name: reason", "has no glob"),
        ("name:worker-*", "has no reason"),
        ("class=leaky name:x y", "unknown class 'leaky'"),
    ],
)
def test_what_is_no_rule(line: str, message: str) -> None:
    with pytest.raises(RuleError, match=message):
        parse_rule(line)


def test_parts() -> None:
    rule = parse_rule("class=unjoined  site:start_[ab]?  its  join comes later")
    assert rule.classes == ("unjoined",)
    assert [each[:2] for each in rule.conditions] == [("site", "start_[ab]?")]
    assert rule.reason == "its join comes later"
    assert rule.pattern == "class=unjoined site:start_[ab]?"


@pytest.mark.parametrize(
    "glob, value, applies",
    [
        ("work*", "worker", True),
        ("work", "worker", False),
        ("Work*", "worker", False),
        ("a?b", "a b", True),
        ("[0-9]*", "7up", True),
        ("[!0-9]*", "7up", False),
        ("*\\x1b*", "a\\x1bb", True),
        ("*", "", True),
        ("a.c", "abc", False),
    ],
)
def test_globs(glob: str, value: str, applies: bool) -> None:
    rule = parse_rule(f"name:{glob} reason")
    assert rule.applies("alive", lambda field: (value,)) == applies


def test_a_function_is_known_with_and_without_its_arguments() -> None:
    frames = [Frame(1, "use_openmp()"), Frame(2, "main"), Frame(3)]
    names = function_names(frames)
    assert names == ("use_openmp()", "use_openmp", "main")
    for glob in ("use_openmp", "use_openmp()", "use_*"):
        assert parse_rule(f"site:{glob} reason").applies("alive", lambda field: names)


def test_a_long_name_cannot_stall_a_glob() -> None:
    rule = parse_rule("name:" + "*a" * 30 + "b reason")
    assert not rule.applies("alive", lambda field: ("a" * 60,))


def test_rules_speak_of_threads_that_are_alive_unless_they_name_a_class() -> None:
    def values(field: str) -> "tuple[str, ...]":
        return ("x",)

    plain, named = parse_rule("name:x y"), parse_rule("class=unjoined name:x y")
    classes = ("unjoined", "outlived", "alive", "untracked")
    assert [plain.applies(each, values) for each in classes] == [False, True, True, True]
    assert [named.applies(each, values) for each in classes] == [True, False, False, False]


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "rules"
    path.write_text("# comment\n\n  " + "\n".join(LINES) + "\n")
    rules = load_rules(str(path))
    assert [str(rule) for rule in rules] == LINES
    save_lines(str(path), map(str, rules))
    assert [str(rule) for rule in load_rules(str(path))] == LINES


def test_errors_name_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "rules"
    path.write_text(f"{LINES[0]}\n\nname:x\n")
    with pytest.raises(RuleError, match=f"{path}:3: the rule name:x has no reason"):
        load_rules(str(path))
    with pytest.raises(RuleError, match="cannot be read"):
        load_rules(str(tmp_path / "none"))
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(RuleError, match="cannot be read"):
        load_rules(str(path))
    with pytest.raises(RuleError, match="cannot be written"):
        save_lines(str(tmp_path), [])
