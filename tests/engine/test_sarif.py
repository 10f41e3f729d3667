# SPDX-License-Identifier: MIT
"""SARIF: whatever a program calls its threads, functions and files, code scanning takes the document."""

import json
import re
from typing import Any, Dict, List
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from published import errors_of
from image import record
from test_cases import HOSTILE, no_controls
from test_judge import CLOSED, INNER, report
from threadleak.judge.classes import ALL, STUCK
from threadleak.read import abi
from threadleak.show import sarif
from threadleak.show.cases import BLIND, FAILED, PASSED, Case, document
from threadleak.show.sarif import is_readable
from threadleak.show.source_root import below

SCHEMA = "sarif-schema-2.1.0.json"
texts = st.one_of(
    st.sampled_from(
        [*HOSTILE, "f(x)[1](2)", "{lambda()#1}::operator()", "\\[no](1)", "../a/b.c", "/src/b c.c"]
    ),
    st.text(st.characters(), max_size=20),
)
maybe = st.one_of(st.none(), texts)
address = st.integers(0, 2**64 - 1).map(hex)
frames = st.fixed_dictionaries(
    {
        "pc": address,
        "function": maybe,
        "module": maybe,
        "offset": st.one_of(st.none(), address),
        "file": maybe,
        "line": st.one_of(st.none(), st.integers(0, 2**40)),
    }
)
stacks = st.lists(frames, max_size=3)
tids = st.integers(1, 4)
threads = st.fixed_dictionaries(
    {
        "id": st.one_of(st.none(), st.integers(1, 9), st.just("2.4")),
        "tid": tids,
        "pthread": address,
        "class": st.sampled_from(ALL),
        "leaked": st.booleans(),
        "confidence": st.sampled_from(["proof", "suspicion", None]),
        "expected_by": st.one_of(maybe, texts.map("baseline ".__add__)),
        "scope": maybe,
        "start": st.one_of(st.none(), frames),
        "creation_stack": stacks,
        "stack": st.one_of(st.none(), stacks),
        "fingerprint": st.one_of(st.none(), st.just("0123456789abcdef")),
        "why": st.lists(texts, max_size=2),
        "fix": maybe,
        "wait": st.one_of(
            st.none(),
            st.fixed_dictionaries(
                {
                    "text": texts,
                    "sentences": st.lists(texts, max_size=2),
                    "owner": st.just({"tid": 2}),
                }
            ),
        ),
    }
)
findings = st.fixed_dictionaries(
    {
        "kind": st.one_of(st.just(STUCK), texts),
        "text": texts,
        "blind": st.booleans(),
        "threads": st.lists(tids.map(lambda tid: {"tid": tid})),
        "members": st.integers(0, 4),
        "fix": maybe,
    }
)
reports = st.fixed_dictionaries(
    {
        "target": st.fixed_dictionaries({"exe": maybe, "core": maybe}),
        "threads": st.lists(threads, max_size=5),
        "findings": st.lists(findings, max_size=2),
    }
)
cases = st.builds(
    Case,
    texts,
    st.sampled_from((PASSED, FAILED, BLIND)),
    texts,
    shown=st.one_of(st.none(), reports),
    has_baseline=st.booleans(),
)


def run_of(found: List[Case], **how: Any) -> Dict[str, Any]:
    shown = json.loads(document("sarif", found, **how))
    assert errors_of(shown, SCHEMA) == []
    (run,) = shown["runs"]
    return run  # type: ignore[no-any-return]


def uris(value: Any) -> List[str]:
    if isinstance(value, dict):
        own = [value["uri"]] if "uri" in value else []
        return own + [each for inner in value.values() for each in uris(inner)]
    return [each for inner in value for each in uris(inner)] if isinstance(value, list) else []


@settings(max_examples=60)  # the published validator is slow
@given(st.lists(cases, max_size=3), st.sampled_from([None, "/src", "/"]))
def test_any_report_is_taken(found: List[Case], root: Any) -> None:
    run = run_of(found, source_root=root)
    told = sum(len(case.shown["threads"]) for case in found if case.shown)
    assert sum(result["occurrenceCount"] for result in run["results"]) == told
    for uri in uris(run):
        assert re.fullmatch(r"(file://)?[A-Za-z0-9_.~/%-]+", uri), uri
        assert urlsplit(uri).scheme in ("", "file") and ".." not in uri.split("/")[:1]
    for result in run["results"]:
        text = result["message"]["text"]
        assert no_controls(text)
        links = re.findall(r"(?<!\\)(?:\\\\)*\[([^\]\[]*)\]\((\d+)\)", text)
        related = {
            str(each["id"]): each["message"]["text"] for each in result.get("relatedLocations", ())
        }
        assert all(related[id] == title for title, id in links)
        assert not re.search(r"(?<!\{)(\{\{)*\{(?!\{)", text)  # no place for an argument
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] or any(case.outcome != PASSED for case in found)
    if any(case.outcome == BLIND for case in found):
        assert not invocation["executionSuccessful"]


@settings(max_examples=60)  # the published validator is slow
@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(
                st.sampled_from(["threads", "findings", "target", "class", "start", "stack"]), inner
            ),
        ),
    )
)
def test_what_is_no_report_is_refused_or_taken(shown: Any) -> None:
    """Of `run`: whoever may write files can write anything."""
    if is_readable(shown):
        run_of([Case("x", FAILED, shown=shown, has_baseline=True)])


def thread(**more: Any) -> Dict[str, Any]:
    made = {
        "pc": "0x1",
        "function": "make",
        "module": "/bin/a",
        "offset": "0x1",
        "file": "/src/a b.c",
        "line": 7,
    }
    return {
        **{
            "id": 2,
            "tid": 12,
            "pthread": "0x10",
            "class": "unjoined",
            "leaked": True,
            "confidence": "proof",
        },
        **{
            "expected_by": None,
            "start": None,
            "creation_stack": [made],
            "why": ["It finished."],
            "fix": "Join it.",
        },
        **more,
    }


def of_threads(*found: Dict[str, Any], name: str = "Pool.Stop", **more: Any) -> Case:
    return Case(
        name, FAILED, shown={"threads": list(found), "findings": [], "target": None}, **more
    )


def test_equal_leaks_are_one_result_whatever_test_they_are_in() -> None:
    (result,) = run_of(
        [of_threads(thread(), thread(id=3)), of_threads(thread(), name="Pool.Start")]
    )["results"]
    assert result["occurrenceCount"] == 3 and result["level"] == "error"
    assert result["message"]["text"] == (
        "3 unjoined threads made by make (a b.c:7), in Pool.Stop, Pool.Start. Thread 2: It finished. Join it."
    )


def test_what_was_seen_to_leak_for_sure_is_an_error_and_a_suspicion_a_warning() -> None:
    found = run_of([of_threads(thread(), thread(confidence="suspicion"))])["results"]
    assert [result["level"] for result in found] == ["error", "warning"]


def test_where_the_sources_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    def place(root: Any = None) -> Any:
        run = run_of([of_threads(thread())], source_root=root)
        bases = run.get("originalUriBaseIds")
        return run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"], bases

    for name in ("GITHUB_WORKSPACE", "CI_PROJECT_DIR"):
        monkeypatch.delenv(name, raising=False)
    assert place() == ({"uri": "file:///src/a%20b.c"}, None)
    inside = ({"uri": "a%20b.c", "uriBaseId": "%SRCROOT%"}, {"%SRCROOT%": {"uri": "file:///src/"}})
    assert place("/src") == place("/src/") == inside
    monkeypatch.setenv("CI_PROJECT_DIR", "/src")
    assert place() == inside
    assert place("/sr")[0] == {"uri": "file:///src/a%20b.c"}


@given(st.text(), st.sampled_from([None, "/", "/a", "/a/b"]))
def test_what_lies_below_a_root_does_not_lead_out_of_it(path: str, root: Any) -> None:
    inside = below(root, path)
    assert inside is None or not (inside.startswith("/") or inside.split("/")[0] == "..")


def test_known_and_expected_leaks_are_suppressed_with_their_reason() -> None:
    known, expected = thread(expected_by="baseline known"), thread(expected_by="name:a the pool")
    found = run_of([of_threads(thread(), known, expected, has_baseline=True)])["results"]
    states = [
        (each["baselineState"], each.get("suppressions", [{}])[0].get("justification"))
        for each in found
    ]
    assert states == [("new", None), ("unchanged", "baseline known"), ("new", "name:a the pool")]
    (result,) = run_of([of_threads(thread())])["results"]
    assert "baselineState" not in result and "suppressions" not in result


def frame(function: str, line: int, pc: int = 2) -> Dict[str, Any]:
    return {
        **{"pc": hex(pc), "function": function, "module": "/bin/a", "offset": "0x2"},
        **{"file": "/src/b.c", "line": line},
    }


def stuck(*tids: int, hanging: int = 0, **more: Any) -> Case:
    """A deadlock: each thread is in `take`, called by a function of its own."""
    two = [
        thread(
            **{"class": STUCK, "tid": tid, "id": tid, "fingerprint": "0" * 16},
            stack=[frame("take", tid), frame(f"run{tid}", 100 + tid, 3)],
            wait={"text": f"for the mutex `{tid}`", "sentences": []},
        )
        for tid in tids
    ]
    case = of_threads(*two, **more)
    assert case.shown is not None
    case.shown["findings"] = [
        {
            **{
                "kind": STUCK,
                "text": "thread 5 waits: a deadlock.",
                "blind": False,
                "fix": "Order.",
            },
            **{"threads": [{"tid": tid} for tid in tids], "members": len(tids) - hanging},
        }
    ]
    return case


def test_a_deadlock_is_one_result_where_the_first_of_its_threads_waits() -> None:
    (result,) = run_of([stuck(5, 4)], source_root="/src")["results"]
    (location,) = result["locations"]
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": "b.c", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 4},
    }
    assert result["occurrenceCount"] == 2 and result["ruleId"] == STUCK
    assert [each["message"]["text"] for each in result["relatedLocations"]] == [
        *("where thread 5 waits", "where thread 4 was made", "where thread 5 was made")
    ]
    assert result["message"]["text"] == (
        "2 stuck threads at take (b.c:4), take (b.c:5), in Pool.Stop. Thread 5 waits: a deadlock. Order."
        " See [where thread 5 waits](1), [where thread 4 was made](2), [where thread 5 was made](3)."
    )


def test_of_each_thread_of_a_deadlock_there_is_the_way_to_where_it_waits() -> None:
    (result,) = run_of([stuck(5, 4)])["results"]
    (flow,) = result["codeFlows"]
    assert [
        (way["id"], [step["location"]["message"]["text"] for step in way["locations"]])
        for way in flow["threadFlows"]
    ] == [
        (str(tid), ["it was made", f"run{tid} (b.c:10{tid})", f"it waits for the mutex `{tid}`"])
        for tid in (4, 5)
    ]


def test_what_hangs_on_a_deadlock_is_told_with_it() -> None:
    (result,) = run_of([stuck(5, 4, 3, hanging=1)])["results"]
    assert result["occurrenceCount"] == 3
    assert [way["id"] for way in result["codeFlows"][0]["threadFlows"]] == ["4", "5"]


def test_a_deadlock_is_known_again_whatever_its_lines_threads_and_order() -> None:
    """And met twice it is one."""

    def print_of(*found: Case) -> Any:
        (result,) = run_of(list(found))["results"]
        return result["partialFingerprints"], result["occurrenceCount"]

    once = print_of(stuck(4, 5))
    assert print_of(stuck(5, 4)) == print_of(stuck(6, 7)) == once
    assert print_of(stuck(4, 5, 6, hanging=1)) == (once[0], 3)
    assert print_of(stuck(4, 5), stuck(5, 4, name="Pool.Start")) == (once[0], 4)
    other = stuck(4, 5)
    assert other.shown is not None
    other.shown["threads"][0]["stack"][0]["function"] = "give"
    assert print_of(other)[0] != once[0]


def test_of_a_deadlock_what_is_expected_is_a_result_of_its_own() -> None:
    case = stuck(4, 5)
    assert case.shown is not None
    case.shown["threads"][0].update(expected_by="name:a the pool", leaked=False)
    found = run_of([case])["results"]
    assert [each["occurrenceCount"] for each in found] == [1, 1]
    assert ["suppressions" in each for each in found] == [True, False]


def test_what_has_no_line_is_in_the_program_that_it_is_of() -> None:
    """Readers refuse a result that is in no file."""
    bare = {
        "pc": "0x1",
        "function": None,
        "module": "/bin/a",
        "offset": "0x1",
        "file": None,
        "line": None,
    }
    unknown = of_threads(thread(creation_stack=[]))
    assert unknown.shown is not None
    unknown.shown["target"] = {"exe": "/bin/b", "core": None}
    found = run_of([of_threads(thread(creation_stack=[bare])), unknown])["results"]
    (one,), (other,) = (each["locations"] for each in found)
    for location, uri in ((one, "file:///bin/a"), (other, "file:///bin/b")):
        assert location["physicalLocation"] == {
            "artifactLocation": {"uri": uri},
            "region": {"startLine": 1},
        }


def test_what_cannot_be_told_is_no_success() -> None:
    run = run_of([Case("server", BLIND, "lost records"), Case("other", PASSED)])
    (invocation,) = run["invocations"]
    assert run["results"] == [] and not invocation["executionSuccessful"]
    (notification,) = invocation["toolExecutionNotifications"]
    assert notification == {
        "level": "error",
        "message": {"text": "server: cannot tell: lost records"},
    }
    assert run_of([Case("other", PASSED)])["invocations"][0]["executionSuccessful"]


def test_one_thread_of_a_place_is_explained_whatever_their_scopes(monkeypatch: Any) -> None:
    """Explaining 10,000, each with a scope of its own, took seconds, and nothing of it was shown."""
    asked: List[Any] = []
    of_verdicts = sarif.json.of_verdicts

    def spy(*arguments: Any, samples: Any) -> Any:
        asked.extend(each.thread.record.id for each in samples)
        return of_verdicts(*arguments, samples=samples)

    monkeypatch.setattr(sarif.json, "of_verdicts", spy)
    seen = report([record(2, abi.FINISHED, scope=CLOSED), record(3, abi.FINISHED, scope=INNER)])
    shown = sarif.of_verdicts(seen, seen.verdicts)
    assert [each["scope"] for each in shown["threads"]] == [None, "closed", "inner"]
    assert [each["class"] for each in shown["threads"]] == ["alive", "unjoined", "unjoined"]
    assert sorted(asked) == [1, 2]
