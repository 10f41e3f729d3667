# SPDX-License-Identifier: MIT
"""Groups, blame, and what the text reports look like."""

import re
from typing import List

import pytest
from hypothesis import given
from hypothesis import strategies as st
from image import (
    LIBC,
    MAIN,
    MS,
    PID,
    T0,
    TEXT,
    FakeTarget,
    FakeThread,
    frame,
    image,
    record,
    scope,
    site,
)
from test_judge import CLOSED, ENDED, LATER, report
from threadleak.judge.blame import body, first_own, is_wrapper, own_frame
from threadleak.judge.groups import group, id_ranges, merge_alike
from threadleak.judge.names import brief, without_arguments
from threadleak.judge.rules import parse_rule
from threadleak.judge.rule_set import RuleSet
from threadleak.judge.report import Report
from threadleak.judge.verdicts import Settings
from threadleak.read import abi
from threadleak.read.look import look_at
from threadleak.show import explain, groups, text
from threadleak.show.places import place
from threadleak.show.sanitize import clean, shorten
from threadleak.show.started import started_in
from threadleak.show.style import Style
from threadleak.target.base import Frame


def many(count: int) -> Report:
    return report([record(id, ENDED) for id in range(2, count + 2)])


def listing(seen: Report, **how: int) -> List[str]:
    found = [verdict for each in group(seen.verdicts) for verdict in each.verdicts]
    return text.listing(seen, [verdict for verdict in found if verdict.leaked], **how)


# ---- groups --------------------------------------------------------------------------------------


def test_groups_leaked_first_then_large() -> None:
    data = [record(2), record(3), record(4), record(5, ENDED, site=2), record(6, site=2)]
    seen = group(report(data).verdicts)
    assert [(len(each.verdicts), each.leaked) for each in seen] == [(2, 1), (3, 0), (1, 0)]
    assert seen[0].by_class() == {"unjoined": 1, "alive": 1}
    assert seen[-1].key.main
    assert seen[1].created_ns() == (T0 + 2 * MS, T0 + 4 * MS)


def test_id_ranges() -> None:
    seen = report([record(id, ENDED) for id in (2, 3, 4, 7, 9, 10)])
    assert id_ranges(seen.verdicts) == "1-4, 7, 9-10"
    copy = seen.registry.copies[0]
    copy.number = 2
    assert id_ranges(seen.verdicts[1:]) == "2.2-2.4, 2.7, 2.9-2.10"
    assert id_ranges(seen.verdicts[1:], 12) == "2.2-2.4, ..."


# ---- blame ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "function, module, wrapper",
    [
        ("pthread_create", "/srv/server", True),
        ("std::thread::_M_start_thread(x)", None, True),
        (None, "/usr/lib/libstdc++.so.6", True),
        ("QThread::start(QThread::Priority)", "/srv/server", True),
        ("anything", "/opt/Qt/libQt5Core.so.5", True),
        ("testing::internal::HandleExceptions", "/srv/tests", True),
        ("uv_thread_create_ex", "/usr/bin/node", True),
        ("__interceptor_pthread_create", "/srv/server", True),
        ("os::create_thread(Thread*, os::ThreadType, unsigned long)", "/opt/libjvm.so", True),
        ("llvm::llvm_execute_on_thread_impl(void* (*)(void*), void*)", "/usr/bin/clangd", True),
        ("std::jthread::jthread<void (&)()>(void (&)())", "/srv/server", True),
        ("std::async<void (&)()>(std::launch, void (&)())", "/srv/server", True),
        ("GOMP_parallel", "/srv/server", True),
        ("boost::thread::start_thread()", "/srv/server", True),
        ("os::run()", "/srv/server", False),
        ("start_worker", "/srv/server", False),
        ("stdlib_start", "/srv/server", False),
        ("worker", "/srv/libcrypto_user.so", False),
        (None, None, False),
    ],
)
def test_wrappers(function: "str | None", module: "str | None", wrapper: bool) -> None:
    assert is_wrapper(Frame(1, function, module)) == wrapper


def test_own_frame() -> None:
    wrap, own = Frame(1, "pthread_create"), Frame(2, "mine")
    assert own_frame([wrap, own]) == 1 and first_own(iter([wrap, own])) is own
    assert own_frame([wrap, wrap]) == 0 and first_own(iter([wrap])) is wrap
    assert own_frame([]) is None and first_own([]) is None


OUTERMOST = ("__libc_start_call_main", "_start")


@pytest.mark.parametrize(
    "end, framework, outside, names",
    [
        (2, "GoogleTest", 3, ("mine", "Body()", "testing::Test::Run()", "RUN_ALL_TESTS()", "main")),
        (2, "GoogleTest", 2, ("mine", "Body()", "testing::Test::Run()", "main", *OUTERMOST)),
        (1, "Catch2", 3, ("mine", "std::apply<f>", "Catch::RunContext::runTest(x)", "main")),
        (2, "cmocka", 3, ("mine", "body", "threadleak_cmocka_test_", "cmocka_run_one_test", "run")),
        # mocks call the user's code from inside the body, and a body may run another test
        (4, "Check", 2, ("mine", "testing::Action", "mine", "body", "srunner_run_all", "main")),
        (1, "Check", 3, ("mine", "srunner_run", "body", "main", *OUTERMOST)),
        # no test: the program's own code, a framework's own thread, code outside of it, nothing at all
        (2, "", 0, ("mine", "main", *OUTERMOST)),
        (1, "", 0, ("srunner_run", "srunner_run_all", *OUTERMOST)),
        (2, "", 0, ("srunner_run", "main", *OUTERMOST)),
        (1, "", 0, OUTERMOST),
        (0, "", 0, ()),
    ],
)
def test_body_of_a_test(end: int, framework: str, outside: int, names: "tuple[str, ...]") -> None:
    assert body([Frame(1, name) for name in names]) == (end, framework, outside)


# ---- text ----------------------------------------------------------------------------------------


def test_summary_lines() -> None:
    assert text.summary(report([])) == "threadleak: 0 leaked threads of 1"
    assert text.summary(many(1)) == "threadleak: 1 leaked thread (1 unjoined) of 2"
    data = [record(2, ENDED), record(3, ENDED), record(4, scope=CLOSED), record(5)]
    seen = text.summary(report(data))
    assert seen == "threadleak: 3 leaked threads (2 unjoined, 1 outlived) of 5"


def test_ten_thousand_equal_leaks_are_a_few_lines() -> None:
    lines = listing(many(10_000))
    assert lines[0] == "threadleak: 10,000 leaked threads (10,000 unjoined) of 10,001"
    assert lines[2].split() == "ID TID NAME STATE CLASS SCOPE STARTED IN CREATED AT".split()
    row = "2 4243 worker-2 finished unjoined? - worker start_worker (server.c:42)"
    assert lines[3].split() == row.split()
    assert "... and 9,992 more like these: ids 10-10001" in lines
    assert lines[-1].startswith("fix: Join it where it is created (pthread_join)")
    assert len(lines) < 20
    assert len(listing(many(100), equal_rows=0)) > 100


def test_marks_of_suspicion_are_explained() -> None:
    assert any(line.startswith("?: a suspicion") for line in listing(many(1)))
    seen = report([record(2, ENDED, scope=CLOSED)])
    assert not any(line.startswith("?") for line in listing(seen))


def test_no_line_ends_in_blanks_and_no_cell_hides_another() -> None:
    for line in listing(many(20)):
        assert line == line.rstrip()


def test_names_of_the_target_cannot_drive_the_terminal() -> None:
    scopes = [scope(1, b"\x1b]0;owned\x07 scope", ended_ns=T0 + 1)]
    data = [MAIN, record(2, name=b"\x1b[31mred\xff", scope=1)]
    target = FakeTarget(image(data, scopes=scopes), [FakeThread(PID), FakeThread(PID + 1)], LATER)
    seen = Report(look_at(target), Settings(), RuleSet())
    shown = listing(seen) + explain.block(seen, seen.verdicts[1])
    shown += groups.block(seen, group(seen.leaked)[0])
    assert "\\x1b[31mred\\xff" in "\n".join(shown)
    assert all(line.isprintable() for line in shown)


@pytest.mark.parametrize(
    "raw, shown",
    [
        ("plain", "plain"),
        ("h\u00e9llo \u65e5\u672c", "h\u00e9llo \u65e5\u672c"),
        ("a\nb\tc", "a\\x0ab\\x09c"),
        ("\x7f\x9b", "\\x7f\\x9b"),
        ("\u202eevil", "\\u202eevil"),
        ("\U000e0001", "\\U000e0001"),
        ("\ud800", "\\ud800"),
    ],
)
def test_clean(raw: str, shown: str) -> None:
    assert clean(raw) == shown


@pytest.mark.parametrize(
    "name, bare",
    [
        ("use_openmp()", "use_openmp"),
        ("app::Pool::run(int) const", "app::Pool::run"),
        ("main::{lambda(int)#1}::operator()(int) const", "main::{lambda(int)#1}::operator()"),
        ("bool operator< <int>(A<int> const&)", "bool operator< <int>"),
        ("f(void (*)(int)) [clone .constprop.0]", "f"),
        ("plain", "plain"),
        ("void (*)(int)", "void (*)(int)"),
        (")", ")"),
        ("", ""),
    ],
)
def test_names_without_arguments(name: str, bare: str) -> None:
    assert without_arguments(name) == bare


@pytest.mark.parametrize(
    "name, shown",
    [
        ("short(int)", "short(int)"),
        ("app::(anonymous namespace)::Pool::run_all(int)", "app::Pool::run_all(int)"),
        ("app::Pool::run_all(std::vector<int, std::allocator<int> > const&)", "app::Pool::run_all"),
        ("void app::invoke<void (app::Pool::*)(int), app::Pool*>(int&&)", "app::invoke<>"),
        ("a::b<int>::c<std::vector<int> >::operator<< <char>(x)", "a::b<>::c<>::operator<< <>"),
        ("a_name_without_any_of_these_things", "a_name_w...y_of_these_things"),
        ("void (*)(std::vector<int> const&)", "void (*)...:vector<> const&)"),
    ],
)
def test_names_made_brief(name: str, shown: str) -> None:
    assert len(brief(name, 28)) <= 28
    assert brief(name, 28) == shown


@given(st.text("a:<>(){}[] *&~operator,", max_size=60), st.integers(4, 40))
def test_any_name_can_be_made_brief(name: str, width: int) -> None:
    assert len(brief(name, width)) <= width


def test_shorten() -> None:
    assert shorten("abcdefgh", 8) == "abcdefgh" and shorten("abcdefghi", 8) == "abcde..."


@pytest.mark.parametrize(
    "at, shown",
    [
        (Frame(16, "f", "/x/lib.so", 2, "/src/a.c", 7), "f (a.c:7)"),
        (Frame(16, "f", "/x/lib.so", 2, "/src/a.c"), "f (a.c)"),
        (Frame(16, "f", "/x/lib.so", 2), "f (lib.so+0x2)"),
        (Frame(16, None, "/x/lib.so", 2), "lib.so+0x2"),
        (Frame(16, "f"), "f"),
        (Frame(16), "0x10"),
    ],
)
def test_places(at: Frame, shown: str) -> None:
    assert place(at) == shown


def test_explain_tells_the_whole_story() -> None:
    data = [
        record(2),
        record(5, scope=CLOSED, site=2, creator=2),
        record(6, ENDED, site=2, creator=77),
    ]
    seen = report(data)
    lines = explain.block(seen, seen.find("5"))
    shown = "\n".join(lines)
    assert lines[0] == "thread 5 `worker-5`: leaked, outlived (proof)"
    for part in (
        "It is alive although the scope `closed` ended 4.9 s ago.",
        "state       alive, GDB's thread 3 (`thread 3`)",
        "started in  worker (/src/server.c:30), argument 0x0",
        "=> #0  reload (/src/server.c:99)",
        "thread 2 `worker-2`, created at start_worker (server.c:42)",
        "thread 1 `server`, the main thread",
        "stack now:",
        "2 created here so far, 2 still known; the others: ids 6",
        "fix: Tell it to end, and join it (pthread_join)",
    ):
        assert part in shown, part
    gone = "\n".join(explain.block(seen, seen.find("6")))
    assert "thread 77, which is gone\n    created at start_worker (server.c:42)" in gone
    assert "It has no stack to show: it has finished." in gone


def test_explain_of_a_core_warns_of_thread_local_variables() -> None:
    seen = report([record(2, ENDED)], now=None)
    assert "compare $fs_base with the pthread_t" in "\n".join(explain.block(seen, seen.find("2")))


def test_explain_of_a_stack_that_was_cut() -> None:
    cut = [site([1 << 48 | 0x555555555205], flags=abi.SITE_CUT)]
    target = FakeTarget(image([MAIN, record(2, ENDED)], sites=cut), now=LATER)
    seen = Report(look_at(target), Settings(), RuleSet())
    assert "no unwind rule for the last frame" in "\n".join(explain.block(seen, seen.find("2")))


def test_groups_as_blocks() -> None:
    seen = report([record(2, ENDED, scope=CLOSED), record(3, ENDED), record(4, site=2)])
    block = "\n".join(groups.block(seen, group(seen.verdicts)[0]))
    for part in (
        "2 leaked threads (2 unjoined)",
        "ids         2-3",
        "names       worker-2, worker-3",
        "scopes      closed",
        "started in  worker (server.c:30)",
        "=> #0  start_worker (/src/server.c:42)",
        "fix: Join it",
    ):
        assert part in block, part
    other = "\n".join(groups.block(seen, group(seen.verdicts)[1]))
    assert "by a thread created at start_worker (server.c:42)" in other


def test_styles_change_no_character() -> None:
    class Loud(Style):
        def paint(self, kind: str, text: str) -> str:
            return f"\x1b[1m{text}\x1b[m"

    seen = many(3)
    plain = listing(seen)
    loud = text.listing(seen, seen.leaked, style=Loud())
    stripped = [re.sub("\x1b\\[1?m", "", line) for line in loud]
    assert loud != plain and stripped[:2] == plain[:2]
    assert [line.split() for line in stripped] == [line.split() for line in plain]


# ---- what looks the same -------------------------------------------------------------------------


def test_equal_leaks_with_a_scope_each_are_a_few_lines() -> None:
    """As of a server with a scope for each request; two in one scope are still counted as one scope."""
    scopes = [scope(2 + n, b"request") for n in range(50)]
    data = [MAIN] + [record(2 + n, ENDED, scope=min(n, 49) + 1) for n in range(60)]
    target = FakeTarget(image(data, scopes=scopes), now=LATER)
    lines = listing(Report(look_at(target), Settings(), RuleSet()))
    assert "... and 52 more like these, in 42 scopes: ids 10-61" in lines


def test_no_suspicion_stands_among_proofs_and_nothing_expected_among_the_rest() -> None:
    """Of a server some of whose requests are over, whichever came first; all are made in one place."""
    ends = [0, LATER - 1] * 20
    scopes = [scope(2 + n, b"request", ended_ns=end) for n, end in enumerate(ends)]
    data = [MAIN] + [record(2 + n, ENDED, scope=n % 40 + 1) for n in range(60)]
    target = FakeTarget(image(data, scopes=scopes), now=LATER)
    rules = [parse_rule(f"class=unjoined name:worker-*{digit} why") for digit in (0, 5)]
    seen = Report(look_at(target), Settings(), RuleSet(rules))
    found = [verdict for each in group(seen.verdicts) for verdict in each.verdicts]
    lines = "\n".join(text.thread_table(seen, found, 2))
    proofs, suspicions, expected = "unjoined", "unjoined?", "unjoined, expected"
    assert re.findall(r"unjoined\?|unjoined, expected|unjoined|and \d+ more", lines) == [
        *(proofs, proofs, "and 22 more"),
        *(suspicions, suspicions, "and 22 more"),
        *(expected, expected, "and 10 more"),
    ]


def test_what_would_make_a_suspicion_a_proof() -> None:
    """Of a core nothing that is yet to come."""
    data = image([MAIN, record(2, ENDED)])
    for now, said in ((LATER, text.SUSPECTED), (None, text.SUSPECTED_IN_CORE)):
        seen = Report(look_at(FakeTarget(data, now=now)), Settings(), RuleSet())
        lines = listing(seen)
        assert [line for line in lines if line.startswith("?: ")] == [said]


def test_sites_of_one_line_stand_together() -> None:
    """The return addresses of an unrolled loop; another line is another group."""
    pcs = (TEXT + 0x1205, TEXT + 0x1215, TEXT + 0x1225, TEXT + 0x1405)
    sites = [site([frame(pc), frame(LIBC + 0x27000, 2)], created=1) for pc in pcs]
    data = [MAIN] + [record(2 + n, ENDED, site=1 + n % 4) for n in range(8)]
    target = FakeTarget(image(data, sites=sites), now=LATER)
    for pc in pcs[1:3]:
        target.functions[pc] = target.functions[pcs[0]]
    seen = Report(look_at(target), Settings(), RuleSet())
    found = group(seen.leaked)
    assert [len(each.verdicts) for each in found] == [2, 2, 2, 2]
    merged = merge_alike(found, seen.alike)
    assert [len(each.verdicts) for each in merged] == [6, 2]
    assert id_ranges(merged[0].verdicts) == "2-4, 6-8"
    lines = text.listing(seen, [verdict for each in merged for verdict in each.verdicts], 2)
    assert "... and 4 more like these: ids 4, 6-8" in lines


LINE = ("grow()", "/src/pool.cc", 12)
MAKES = "std::thread::thread<%s, , void>(%s&&)"
VECTOR = "std::vector<std::thread, std::allocator<std::thread> >::"


def test_both_ways_of_a_vector_stand_together_and_two_lambdas_of_a_line_do_not() -> None:
    """Header functions between the user's own code and pthread_create, of which the innermost template alone counts."""
    one, two = (MAKES.replace("%s", f"grow()::{{lambda()#{n}}}") for n in (1, 2))
    ways = [
        (one, VECTOR + "emplace_back<>()", LINE),
        (one, VECTOR + "_M_realloc_insert<>()", VECTOR + "emplace_back<>()", LINE),
        (two, VECTOR + "emplace_back<>()", LINE),
        (one, VECTOR + "emplace_back<>()", (*LINE[:2], 13)),
    ]
    pcs = [[TEXT + 0x2000 + 0x100 * way + 0x10 * n for n in range(4)] for way in range(4)]
    sites = [
        site([frame(pc) for pc in pcs[n][: len(way)]], created=1) for n, way in enumerate(ways)
    ]
    data = [MAIN] + [record(2 + n, ENDED, site=1 + n % 4) for n in range(8)]
    target = FakeTarget(image(data, sites=sites), now=LATER)
    for n, way in enumerate(ways):
        for pc, name in zip(pcs[n], way):
            known = name if isinstance(name, tuple) else (name, "/usr/include/c++/12/vector", n)
            target.functions[pc] = known
    seen = Report(look_at(target), Settings(), RuleSet())
    merged = merge_alike(group(seen.leaked), seen.alike)
    assert [id_ranges(each.verdicts) for each in merged] == ["2-3, 6-7", "4, 8", "5, 9"]


# ---- each thread is counted once -----------------------------------------------------------------


@pytest.mark.parametrize(
    "states, rules, shown",
    [
        ([ENDED, ENDED], [], "2 leaked threads (2 unjoined)"),
        ([ENDED], [], "1 leaked thread (1 unjoined)"),
        ([abi.STARTED] * 2, [], "2 threads (2 alive)"),
        ([ENDED, abi.STARTED], [], "2 threads: 1 leaked (1 unjoined), 1 alive"),
        (
            [ENDED, ENDED, abi.STARTED],
            ["class=unjoined name:worker-2 why"],
            "3 threads: 1 leaked (1 unjoined), 1 expected (1 unjoined), 1 alive",
        ),
        ([ENDED], ["class=unjoined name:* why"], "1 expected thread (1 unjoined)"),
    ],
)
def test_the_title_of_a_group(states: List[int], rules: List[str], shown: str) -> None:
    seen = report([record(2 + n, state) for n, state in enumerate(states)], rules=rules)
    found = [each for each in group(seen.verdicts) if not each.key.main]
    assert groups.block(seen, found[0])[0] == shown


def test_the_title_names_those_that_are_not_counted_yet() -> None:
    now = T0 + 101 * MS
    ended = [record(2, ENDED, finished_ns=T0 + MS), record(3, ENDED)]
    seen = report(ended, now=now, settings=Settings(settle_ms=50))
    told = "2 threads: 1 leaked (1 unjoined), 1 not counted yet (1 unjoined)"
    assert groups.block(seen, group(seen.verdicts)[0])[0] == told


# ---- what a std::thread runs ---------------------------------------------------------------------

VTABLE = "vtable for std::thread::_State_impl<std::thread::_Invoker<std::tuple<%s> > > + 16"
ASYNC = (
    "void (std::__future_base::_Async_state_impl<std::thread::_Invoker<std::tuple<main::{lambda()#2}> >,"
    " int>::*)(), std::__future_base::_Async_state_impl<std::thread::_Invoker<std::tuple<main::{lambda()#2}>"
    " >, int>*"
)


@pytest.mark.parametrize(
    "arguments, shown",
    [
        ("main::{lambda(int, int)#1}, int", "main::{lambda(int, int)#1}"),
        ("void (app::Pool::*)(int, int), app::Pool*", "void (app::Pool::*)(int, int)"),
        (ASYNC, "main::{lambda()#2}"),
        (None, "std::thread"),
    ],
)
def test_callables_of_std_thread(arguments: "str | None", shown: str) -> None:
    argument, vtable = 0x555555700000, 0x555555701000
    start = TEXT + 0x1500
    data = [MAIN, record(2, start=start, arg=argument), record(3, ENDED, start=start, arg=argument)]
    regions = image(data) + [(argument, vtable.to_bytes(8, "little"))]
    target = FakeTarget(regions, [FakeThread(PID), FakeThread(PID + 1)], LATER)
    target.functions[start] = ("execute_native_thread_routine", None, None)
    if arguments is not None:
        target.data_symbols[vtable] = VTABLE % arguments
    seen = Report(look_at(target), Settings(), RuleSet())
    assert started_in(seen, seen.find("2")) == shown
    assert started_in(seen, seen.find("3")) == "std::thread"
    assert seen.stacks.callable(seen.find("1").thread) is None
