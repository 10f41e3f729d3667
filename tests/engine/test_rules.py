# SPDX-License-Identifier: MIT
"""The language of rules, and their files."""

import fnmatch
from pathlib import Path
from typing import Dict, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadleak.judge import builtin
from threadleak.judge.foreign import foreign_rule, is_foreign
from threadleak.judge.globs import escaped, matcher
from threadleak.judge.rule_files import load_lines, load_rules, save_lines
from threadleak.judge.rules import MADE_BY, RuleError, parse_rule
from threadleak.judge.values import function_names
from threadleak.target.base import Frame

LINES = ["name:worker-* pool threads live as long as the process", "class=unjoined site:old x"]


def values(**known: str) -> "Dict[str, Tuple[str, ...]]":
    return {field: (text,) for field, text in known.items()}


def applies(line: str, class_: str = "alive", **known: str) -> bool:
    return parse_rule(line).applies(class_, lambda field: values(**known).get(field, ()))


@pytest.mark.parametrize(
    "line, message",
    [
        ("", "a rule is FIELD:GLOB REASON"),
        ("worker-*", "a rule is FIELD:GLOB REASON"),
        ("class=unjoined its join comes later", "a rule is FIELD:GLOB REASON"),
        ("detached=yes max=3 reason", "a rule is FIELD:GLOB REASON"),
        ("tid:7 reason", "'tid:7' is no condition: FIELD:GLOB has a field of module, through"),
        ("name:x strat:y reason", "'strat:y' is no condition"),
        ("name:x clas=alive reason", "'clas=alive' is no condition"),
        ("name: reason", "has no glob"),
        ("name:worker-*", "has no reason"),
        ("name:worker-* max=3", "the rule name:worker-\\* max=3 has no reason"),
        ("name:x WHY (say why such a thread is expected)", "the rule name:x has no reason yet"),
        ("class=leaky name:x y", "unknown class 'leaky'"),
        ("class= name:x y", "unknown class ''"),
        ("detached=maybe name:x y", "detached=maybe: it is yes or no"),
        ("idle= name:x y", "idle=: it is yes or no"),
        ("max=0 name:x y", "max=0: it is a number"),
        ("max=-1 name:x y", "max=-1: it is a number"),
        (
            "max=\u0663\u0663\u0663\u0663\u0663\u0663\u0663\u0663\u0663\u0663 name:x y",
            "it is a number",
        ),
        ("until=2027 name:x y", "until=2027: it is a day"),
        ("until=2027-13-01 name:x y", "it is a day"),
        ("until=2027-1-01 name:x y", "it is a day"),
    ],
)
def test_what_is_no_rule(line: str, message: str) -> None:
    with pytest.raises(RuleError, match=message):
        parse_rule(line)


def test_parts() -> None:
    rule = parse_rule("class=unjoined  site:start_[ab]?  its  join comes later", "x.rules:3")
    assert rule.classes == ("unjoined",)
    assert [each[:2] for each in rule.conditions] == [("site", "start_[ab]?")]
    assert rule.reason == "its join comes later"
    assert rule.pattern == "class=unjoined site:start_[ab]?"
    assert str(rule) == "class=unjoined site:start_[ab]? its join comes later"
    assert rule.told == f"{rule} (x.rules:3)"


@pytest.mark.parametrize(
    "reason",
    [
        "see https://bugs.example/1",
        "https://bugs.example/1",
        "TODO: ask",
        "Bug:12",
        "a=b is why",
        "why: so",
    ],
)
def test_what_a_reason_may_begin_with(reason: str) -> None:
    if reason.startswith("a=b"):
        with pytest.raises(RuleError, match="'a=b' is no condition"):
            parse_rule(f"name:x {reason}")
    else:
        assert parse_rule(f"name:x {reason}").reason == reason


@pytest.mark.parametrize(
    "glob, value, matches",
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
        ("*er", "worker", True),
        ("**", "x", True),
        ("[[]x]", "[x]", True),
    ],
)
def test_globs(glob: str, value: str, matches: bool) -> None:
    assert applies(f"name:{glob} reason", name=value) == matches


@given(
    st.text(alphabet="ab*?[]!-x", min_size=1, max_size=6), st.text(alphabet="ab[]!-x", max_size=6)
)
def test_globs_are_those_of_fnmatch(glob: str, text: str) -> None:
    assert bool(matcher(glob)(text)) == fnmatch.fnmatchcase(text, glob)


@given(st.text())
def test_an_escaped_text_matches_itself_and_is_one_word(text: str) -> None:
    glob = escaped(text)
    assert len(glob.split()) <= 1 and "".join(glob.split()) == glob
    if text:
        assert applies(f"name:{glob} reason", name=text)


def test_all_conditions_must_hold() -> None:
    line = "name:a* module:libx.so* detached=yes reason"
    known = {"name": "abc", "module": "libx.so.1", "detached": "yes"}
    assert applies(line, **known)
    for field in known:
        assert not applies(line, **{**known, field: "other"})
        assert not applies(line, **{each: text for each, text in known.items() if each != field})


def test_a_condition_twice_must_hold_twice() -> None:
    rule = parse_rule("site:a site:b reason")
    assert rule.applies("alive", lambda field: ("a", "b"))
    assert not rule.applies("alive", lambda field: ("a", "c"))


def test_what_costs_is_asked_last() -> None:
    asked = []

    def ask(field: str) -> Tuple[str, ...]:
        asked.append(field)
        return ("no",) if field in ("module", "detached") else ("x",)

    rule = parse_rule("stack:x idle=no site:x name:x module:x detached=no reason")
    assert not rule.applies("alive", ask)
    assert asked == ["detached", "module"] and not parse_rule("name:x y").applies("unjoined", ask)
    assert asked == ["detached", "module"]


def test_a_function_is_known_with_and_without_its_arguments() -> None:
    frames = [Frame(1, "use_openmp()"), Frame(2, "main"), Frame(3)]
    names = function_names(frames)
    assert names == ("use_openmp()", "use_openmp", "main")
    for glob in ("use_openmp", "use_openmp()", "use_*"):
        assert parse_rule(f"site:{glob} reason").applies("alive", lambda field: names)


def test_a_long_name_cannot_stall_a_glob() -> None:
    assert not applies("name:" + "*a" * 30 + "b reason", name="a" * 60)


@pytest.mark.parametrize(
    "words, spoken_of",
    [
        ("", ["outlived", "alive", "untracked"]),
        ("class=unjoined", ["unjoined"]),
        ("class=unjoined,outlived", ["unjoined", "outlived"]),
    ],
)
def test_rules_speak_of_threads_that_are_alive_unless_they_name_classes(
    words: str, spoken_of: "list[str]"
) -> None:
    line = f"name:x {words} y"
    classes = ("unjoined", "outlived", "alive", "untracked")
    assert [each for each in classes if applies(line, each, name="x")] == spoken_of
    assert parse_rule(line).covers_unjoined == ("unjoined" in spoken_of)


@pytest.mark.parametrize(
    "line, is_of_creation",
    [
        ("start:x y", True),
        ("module:x site:x through:x fingerprint:x y", True),
        ("start:x until=2099-01-01 y", True),
        ("start:x class=unjoined,outlived y", True),
        ("start:x class=unjoined y", False),  # a mark would cover the alive ones
        ("start:x class=outlived y", False),
        ("start:x max=3 y", False),
        ("start:x detached=yes y", False),
        ("start:x name:x y", False),
        ("scope:x y", False),
        ("start:x stack:x y", False),
        ("start:x idle=yes y", False),
    ],
)
def test_which_rules_a_site_can_be_marked_with(line: str, is_of_creation: bool) -> None:
    assert parse_rule(line).is_of_creation == is_of_creation


def test_the_last_day_counts() -> None:
    rule = parse_rule("name:x until=2027-06-30 y")
    assert not rule.is_over("2027-06-30") and rule.is_over("2027-07-01")
    assert not parse_rule("name:x y").is_over("2999-01-01")


# ---- files -----------------------------------------------------------------------------------------


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "rules"
    path.write_text("# comment\n\n  " + "\n".join(LINES) + "\n")
    rules = load_rules(str(path))
    assert [str(rule) for rule in rules] == LINES
    assert [rule.origin for rule in rules] == [f"{path}:3", f"{path}:4"]
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


FOREIGN = """# suppressions of a project
race:some::racy_function
thread:std::thread::_M_start
thread:^third_party/*.cc$
thread:libfoo.so
goleak.IgnoreTopFunction("poll_loop"),
IgnoreCreatedBy("Pool::start(int, char*)")
goleak.IgnoreAnyFunction("wait[0]")
name:ours it is of this project
"""


def test_lines_of_other_tools(tmp_path: Path) -> None:
    path = tmp_path / "suppressions"
    path.write_text(FOREIGN)
    rules = load_rules(str(path))
    assert [each.conditions[0][:2] for each in rules] == [
        (MADE_BY, "*std::thread::_M_start*"),
        (MADE_BY, "third_party/*.cc"),
        (MADE_BY, "*libfoo.so*"),
        ("top", "poll_loop"),
        ("site", "Pool::start(int,?char[*])"),
        ("stack", "wait[[]0]"),
        ("name", "ours"),
    ]
    assert rules[0].told == f"thread:std::thread::_M_start TSan suppression ({path}:3)"
    assert rules[3].told.endswith(f"goleak option ({path}:6)")
    assert [each.covers_unjoined for each in rules] == [True] * 3 + [False] * 4
    save_lines(str(path), map(str, rules))
    assert [str(rule) for rule in load_rules(str(path))] == [str(rule) for rule in rules]
    assert [line for line, rule in load_lines(str(path)) if rule is None] == []


def test_what_a_suppression_of_threads_speaks_of() -> None:
    rule = foreign_rule("thread:foo*bar", "")
    assert rule is not None and is_foreign("thread:foo*bar")
    for text, matches in (("a_foo_x_bar_b", True), ("foobar", True), ("bar foo", False)):
        assert rule.applies("unjoined", lambda field: (text,)) == matches
        assert not rule.applies("outlived", lambda field: (text,))
    literal = foreign_rule("thread:a?b", "")
    assert literal is not None and not literal.applies("unjoined", lambda field: ("axb",))


# ---- built-in ones ---------------------------------------------------------------------------------


def test_built_in_rules_can_be_read_and_speak_of_no_unjoined_thread() -> None:
    rules = builtin.rules()
    assert len(rules) > 20 and len({rule.pattern for rule in rules}) == len(rules)
    for rule in rules:
        assert not rule.covers_unjoined and rule.max is None and not rule.until, rule
        assert rule.origin == f"built in, version {builtin.VERSION}"


def test_built_in_rules_name_a_routine_a_file_or_no_record_at_all() -> None:
    for rule in builtin.rules():
        fields = {condition.field for condition in rule.conditions}
        is_bound = fields & {"start", "module"} or {"name", "site"} <= fields
        assert is_bound or rule.classes == ("untracked",), rule
        for condition in rule.conditions:
            if condition.field in ("start", "module", "site"):
                assert not condition.glob.strip("*?") == "", rule


def test_every_built_in_rule_says_where_the_fact_was_seen() -> None:
    path = Path(builtin.__file__).with_name("builtin.txt")
    told = False
    for line in path.read_text().splitlines():
        if line.startswith(("# measured", "# source")):
            told = True
        elif not line.strip():
            told = False
        elif not line.startswith("#"):
            assert told, line
