# SPDX-License-Identifier: MIT
"""`--format html`, in a browser: what whoever opens the page sees and can do, by mouse, by keyboard, by screen reader."""

import base64
import hashlib
import json
import os
import re
import time
from pathlib import Path
from typing import Any, Iterator, List

import pytest
from browser import THEMES, WIDTHS, Browser, chromium
from run_shell import BLIND, CLEAN, LEAKS, SETTLED, USAGE, run_shell
from workshop import Running, Workshop

HOSTILE = "</script><img "  # a thread's name has 15 bytes
TAB, ENTER, ESCAPE = "\ue004", "\ue007", "\ue00c"
DOWN, HOME, END = "\ue015", "\ue011", "\ue010"
# What is drawn on what, as far as colours say: text whose contrast is below 4.5 (WCAG 2, 1.4.3).
FAINT = """
const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
const linear = (value) => { value /= 255; return value <= .03928 ? value / 12.92 : ((value + .055) / 1.055) ** 2.4; };
const light = ([r, g, b]) => .2126 * linear(r) + .7152 * linear(g) + .0722 * linear(b);
const faint = [];
for (const each of document.querySelectorAll('body *')) {
  const own = [...each.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  if (!own || !each.checkVisibility() || each.closest('svg, script, style, :disabled')) continue;
  let under = each, paper = [0, 0, 0, 0];
  while (under && (paper.length === 4 && paper[3] === 0)) {
    paper = channels(getComputedStyle(under).backgroundColor);
    under = under.parentElement;
  }
  const [a, b] = [light(channels(getComputedStyle(each).color)), light(paper)].sort((x, y) => y - x);
  if ((a + .05) / (b + .05) < 4.5) faint.push(each.outerHTML.slice(0, 100));
}
return faint;
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def process(workshop: Workshop) -> Running:
    return workshop.start(workshop.program("report"), HOSTILE)


@pytest.fixture(scope="module")
def page(process: Running, tmp_path_factory: pytest.TempPathFactory) -> str:
    return written(tmp_path_factory.mktemp("page"), "list", *SETTLED, str(process.pid))


def written(folder: Any, name: str, *words: str, status: int = LEAKS) -> str:
    path = str(folder / "report.html")
    done = run_shell(name, "--format", "html", "--output", path, *words)
    assert done.status == status, done.err
    return path


def text_of(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


def ids(browser: Browser) -> List[str]:
    return browser.texts("#table .open")


def count(browser: Browser) -> str:
    return str(browser.one("#count").text)


def id_of(browser: Browser, name: str) -> str:
    rows = browser.run(
        "return [...document.querySelectorAll('#table tbody tr[data-row]')].map("
        "(row) => [row.querySelector('.open').textContent, row.querySelector('.name').textContent])"
    )
    return str(next(id for id, each in rows if each == name))


def test_it_loads_nothing_and_complains_of_nothing(browser: Browser, page: str) -> None:
    browser.requests()
    browser.open(page)
    assert browser.requests()[-1:] == [f"file://{page}"]
    assert not [each for each in browser.messages()]
    assert browser.one("h1").text == "17 leaked threads (9 unjoined, 4 stuck, 4 outlived) of 37"
    assert browser.driver.title.startswith("threadleak: 17 leaked threads")
    assert count(browser) == "17 threads of 37"
    assert browser.one("#first").is_selected()


def test_the_policy_lets_its_own_script_and_style_alone_run(page: str) -> None:
    text = text_of(page)
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    hashes = {
        tag: base64.b64encode(hashlib.sha256(found.encode()).digest()).decode()
        for tag, found in re.findall(r"<(script|style)>(.*?)</\1>", text, re.S)
    }
    assert policy == (
        "default-src 'none'; base-uri 'none'; form-action 'none';"
        f" style-src 'sha256-{hashes['style']}'; script-src 'sha256-{hashes['script']}'"
    )
    assert not re.findall(r"""\b(?:src|href)=["'](?!#)""", text)


def test_a_hostile_name_is_text(browser: Browser, page: str) -> None:
    assert "<img" not in text_of(page)
    browser.open(page)
    browser.one("#first").click()
    browser.one("#search").send_keys("<img")
    assert count(browser) == "1 thread of 37"
    assert browser.texts("#table td.name") == [HOSTILE.strip()]
    browser.one("#table tbody tr[data-row]").click()
    assert HOSTILE.strip() in browser.one("#details h3").text
    assert not browser.all("img") and not browser.messages()


def test_search_filters_and_reset(browser: Browser, page: str) -> None:
    browser.open(page)
    browser.one("#search").send_keys("cache_lock")
    assert 0 < len(ids(browser)) < 17
    browser.one("#search").clear()
    browser.run(
        "document.getElementById('class').value = 'stuck';"
        "document.getElementById('filters').dispatchEvent(new Event('input'))"
    )
    assert count(browser) == "4 threads of 37"
    assert set(browser.texts("#table td.class")) == {"stuck"}
    browser.one("#filters button[type=reset]").click()
    browser.run("return new Promise(done => setTimeout(done))")
    assert count(browser) == "37 threads"
    browser.one(".classes button[data-class=unjoined]").click()
    assert count(browser) == "9 threads of 37"
    browser.one("#filters button[type=reset]").click()
    browser.run("return new Promise(done => setTimeout(done))")
    scope, threads = browser.run(
        "const found = [...document.getElementById('scope').options].find((each) => /^[^-]/.test(each.value));"
        "found.selected = true;"
        "document.getElementById('filters').dispatchEvent(new Event('input'));"
        "return [found.value, found.textContent.match(/\\((\\d+)\\)$/)[1]];"
    )
    assert set(browser.texts("#table td.scope")) == {scope}
    assert count(browser).startswith(f"{threads} thread")


def test_sort_by_each_column(browser: Browser, page: str) -> None:
    browser.open(page)
    heads = browser.all("#table thead th")
    assert [each.get_attribute("aria-sort") for each in heads] == ["none"] * 9
    by_id = heads[0].find_element("css selector", "button")
    by_id.click()
    upwards = [int(id) for id in ids(browser)]
    assert upwards == sorted(upwards) and heads[0].get_attribute("aria-sort") == "ascending"
    by_id.click()
    assert [int(id) for id in ids(browser)] == upwards[::-1]
    assert heads[0].get_attribute("aria-sort") == "descending"
    heads[2].find_element("css selector", "button").click()
    names = browser.texts("#table td.name")
    assert names == sorted(names) and heads[0].get_attribute("aria-sort") == "none"


def test_ids_of_threads_without_a_record_are_whole(
    browser: Browser, workshop: Workshop, tmp_path: Path
) -> None:
    """They are a pthread_t each, which differ in their last digits."""
    process = workshop.start(workshop.program("closures"), preload="")
    path = written(tmp_path, "list", "--all", *SETTLED, str(process.pid), status=CLEAN)
    for width in WIDTHS:
        browser.open(path, width)
        assert len(set(ids(browser))) == 4
        assert not browser.run(
            "return [...document.querySelectorAll('#table tbody th.id')]"
            ".filter((each) => each.scrollWidth > each.clientWidth).map((each) => each.textContent)"
        )


def test_a_thread_is_explained_with_both_stacks(browser: Browser, page: str) -> None:
    browser.open(page)
    browser.run("location.hash = 'thread-' + arguments[0]", id_of(browser, "upload"))
    browser.run("return new Promise(done => setTimeout(done))")
    told = browser.one("#details").text
    assert "It waits for the semaphore `jobs`" in told and "Fix Tell it to end" in told
    now, made = browser.all("#details .stack")
    assert "worker_main" in now.text
    own = made.find_element("css selector", ".own")
    assert own.text.startswith("make ") and own.text.endswith("your code")
    assert "serve_requests" in made.text and "Server.HandlesManyRequests" in told
    assert browser.texts("#table .current .name") == ["upload"]
    browser.one("#details .title button").click()
    assert not browser.one("#details").is_displayed()


def test_a_cycle_is_red_and_can_be_followed(browser: Browser, page: str) -> None:
    browser.open(page)
    edges = browser.all(".drawing .edge")
    assert len(edges) == 4 and all("stuck" in each.get_attribute("class") for each in edges)
    (node,) = [
        each
        for each in browser.all(".drawing .node")
        if "`refresher`" in each.get_attribute("aria-label")
    ]
    browser.run("arguments[0].focus()", node)
    browser.press(ENTER)
    browser.run("return new Promise(done => setTimeout(done))")
    assert "refresher" in browser.one("#details-title").text
    for name in ("indexer", "refresher"):
        to = f"#thread-{id_of(browser, name)}"
        browser.all(f'#details .why a[href="{to}"]')[0].click()
        browser.run("return new Promise(done => setTimeout(done))")
        assert name in browser.one("#details-title").text


def test_the_icicle_zooms_by_mouse_and_by_keys(browser: Browser, page: str) -> None:
    browser.open(page)
    blocks = browser.all("#icicle > div")
    assert "runs handle_connection" in [each.text for each in blocks]
    serve = next(each for each in blocks if each.text == "serve_requests")
    serve.click()
    assert "refresh" not in browser.texts("#icicle > div")
    assert browser.one("#place").text.startswith("serve_requests ")
    browser.press(DOWN)
    assert browser.focus.text == "make"
    browser.press(ENTER, ESCAPE, ESCAPE, ESCAPE, ESCAPE)
    assert "refresh" in browser.texts("#icicle > div")
    browser.press(HOME, DOWN, DOWN, DOWN, DOWN)
    assert browser.focus.text == "runs handle_connection"
    assert browser.focus.get_attribute("aria-selected") == "true"
    browser.one("#show-group").click()
    browser.run("return new Promise(done => setTimeout(done))")
    assert count(browser) == "9 threads of 37, created through runs handle_connection"


def test_the_user_s_own_code_makes_the_blocks_and_each_thread_counts_once(
    browser: Browser, workshop: Workshop, tmp_path: Any
) -> None:
    """What a vector does inside is none of it. Of those that are expected there is nothing to fix."""
    rules, path = tmp_path / "rules", str(tmp_path / "vector.html")
    rules.write_text("class=outlived site:main max=1 one of them\n")
    words = ("--settle-ms", "0", "--rules", str(rules), "--report", path)
    done = run_shell("run", *words, "--", workshop.program("vector").path)
    assert done.status == LEAKS, done.err
    browser.open(path)
    assert browser.texts("#icicle > div") == ["all threads", "main", "runs void (*)()"]
    assert "4 outlived: 3 leaked, 1 expected" in browser.texts("button.chip")
    for width in WIDTHS:
        browser.open(path, width, hash="#thread-2")
        assert browser.one("#details .chip").text == "outlived, expected"
        cut = "return [...document.querySelectorAll('.chip')].map(c => [c.textContent, c.scrollWidth, c.clientWidth]).filter(c => c[1] > c[2] + 2)"
        assert browser.run(cut) == []
        assert browser.all("#details .fix") == []


def test_all_of_it_by_keyboard(browser: Browser, page: str) -> None:
    browser.open(page)
    browser.press(TAB)
    assert browser.focus.text == "Skip to the threads"
    reached = set()
    for _ in range(60):
        browser.press(TAB)
        focus = browser.focus
        reached.add(focus.get_attribute("id") or focus.get_attribute("class"))
        outline = "return getComputedStyle(arguments[0]).outlineStyle"
        if "node" not in (focus.get_attribute("class") or ""):  # which shows it by its border
            assert browser.run(outline, focus) != "none"
        if focus.get_attribute("class") == "open":
            break
    assert {"theme", "measure", "search", "class", "first", "open"} <= reached
    first = browser.focus.text
    browser.press(DOWN)
    assert browser.focus.text == ids(browser)[1] != first
    browser.press(END)
    assert browser.focus.text == ids(browser)[-1]
    browser.press(HOME, ENTER)
    browser.run("return new Promise(done => setTimeout(done))")
    assert browser.focus.get_attribute("id") == "details-title"
    browser.press(TAB, ENTER)
    assert browser.focus.text == first and not browser.one("#details").is_displayed()


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_each_width_and_theme(browser: Browser, page: str, width: int, theme: str) -> None:
    browser.open(page, width, theme)
    browser.run("location.hash = document.querySelector('.links a').hash")
    browser.run("return new Promise(done => setTimeout(done))")
    assert browser.run("return document.documentElement.scrollWidth") == width
    assert browser.run(FAINT) == []
    dark = browser.run("return getComputedStyle(document.documentElement).backgroundColor")
    assert (dark == "rgb(15, 20, 25)") == (theme == "dark")


@pytest.mark.parametrize("width", WIDTHS)
def test_columns_are_as_wide_however_many_rows_there_are(
    browser: Browser, workshop: Workshop, tmp_path: Any, width: int
) -> None:
    """Rows out of sight are but room, which may not take that of the columns that a narrow table hides."""
    crowd = workshop.start(workshop.program("crowd"), "0", "300")
    path = written(tmp_path, "list", *SETTLED, str(crowd.pid))
    wide = "return [...document.querySelectorAll('#table th[scope=col]')].map((head) => head.offsetWidth)"
    browser.open(path, width)
    browser.all("#table .open")[0].click()
    many = browser.run(wide)
    shown = re.search(r"pthread_t\s+(0x\w+)", browser.one("#details").text)
    assert shown
    browser.one("#search").send_keys(shown[1])
    assert len(browser.all("#table tbody tr[data-row]")) == 1
    assert many == browser.run(wide) and many.count(0) > 0


def test_the_button_changes_the_theme(browser: Browser, page: str) -> None:
    browser.open(page)
    seen = []
    for _ in range(3):
        browser.one("#theme").click()
        seen.append(browser.run("return getComputedStyle(document.body).colorScheme"))
    assert seen == ["light", "dark", "light dark"]


def test_it_prints_all_rows(browser: Browser, page: str) -> None:
    browser.open(page)
    browser.one("#filters button[type=reset]").click()
    browser.media("dark", "print")
    browser.run("return new Promise(done => setTimeout(done, 0))")
    assert len(ids(browser)) == 37
    assert not browser.one("nav").is_displayed() and not browser.one("#filters").is_displayed()
    paper = browser.run("return getComputedStyle(document.documentElement).backgroundColor")
    assert paper == "rgb(255, 255, 255)"
    browser.media()


def test_what_a_screen_reader_is_told(browser: Browser, page: str) -> None:
    browser.open(page)
    nodes = browser.accessible()
    told = {(each["role"], each["name"]) for each in nodes}
    roles = {role for role, _ in told}
    assert {"banner", "main", "navigation", "search", "contentinfo", "table", "tree"} <= roles
    for role, name in (
        ("heading", "Threads"),
        ("region", "Who waits for whom"),
        ("columnheader", "Class"),
        ("searchbox", "Search"),
        ("button", "Theme: as the system"),
        ("treeitem", "serve_requests, 13 threads, 13 leaked"),
    ):
        assert any(each[0] == role and name in each[1] for each in told), (role, name)
    assert not [each for each in nodes if each["role"] in ("button", "link") and not each["name"]]


def test_threads_over_time(browser: Browser, process: Running, tmp_path: Any) -> None:
    """Once there is more than one second of it."""
    path, until = "", time.monotonic() + 30
    while not browser.all("#chart svg") and time.monotonic() < until:
        path = written(tmp_path, "list", *SETTLED, str(process.pid))
        browser.open(path)
    chart = browser.one("#chart svg")
    said = r"alive \d+ at first, 28 at last, 28 at most; unjoined \d at first, 9 at last\.$"
    assert re.search(said, chart.get_attribute("aria-label"))
    assert browser.one("#levels [aria-pressed=true]").text == "seconds"
    assert browser.all("#chart .alive, #chart .peak, #chart .unjoined")
    assert browser.texts("#chart .tick text") == ["0", "10", "20", "30", "40"]
    assert not browser.messages()


def test_explain_opens_its_thread(browser: Browser, process: Running, tmp_path: Any) -> None:
    path = written(tmp_path, "explain", str(process.pid), "--id", "3", status=0)
    browser.open(path)
    assert browser.one("#details-title").text.startswith("Thread 3 ")
    assert count(browser) == "1 thread of 37"


def test_the_other_commands_write_the_same_page(process: Running, tmp_path: Any) -> None:
    for name in ("groups", "check", "graph"):
        text = text_of(written(tmp_path, name, *SETTLED, str(process.pid)))
        assert "<h1>17 leaked threads (9 unjoined, 4 stuck, 4 outlived) of 37</h1>" in text


def test_without_graphviz_the_graph_is_text(process: Running, tmp_path: Any) -> None:
    path = str(tmp_path / "report.html")
    words = ["list", "--format", "html", "--output", path, str(process.pid)]
    assert run_shell(*words, env={"PATH": str(tmp_path)}).status == LEAKS
    text = text_of(path)
    assert "graphviz is not installed" in text and "`refresher` (stuck) waits" in text


@pytest.mark.parametrize("seen", [True, False])
def test_what_cannot_be_told_is_no_green_page(
    browser: Browser, workshop: Workshop, tmp_path: Any, seen: bool
) -> None:
    words = ["999999999"]
    if seen:
        few = {"THREADLEAK_OPTIONS": "max_records=5"}
        running = workshop.start(workshop.program("crowd"), "8", "0", env=few)
        words = [*SETTLED, str(running.pid)]
    browser.open(written(tmp_path, "check", *words, status=BLIND))
    assert browser.one("h1").text.startswith("Cannot tell")
    assert ("0 leaked threads of 9 were seen" in browser.one("h1").text) == seen
    assert browser.driver.title.startswith("threadleak: Cannot tell")
    assert browser.one("header").get_attribute("class") == "blind"
    assert not browser.messages()


def test_one_page_is_of_one_target(process: Running) -> None:
    done = run_shell("check", "--format", "html", str(process.pid), str(process.pid))
    assert done.status == USAGE and "one target" in done.err


def run_pages(workshop: Workshop, folder: Any, *command: str) -> Any:
    words = ["run", "--settle-ms", "0", "--format", "html", "--output", str(folder / "leaks.html")]
    return run_shell(*words, "--", *command, cwd=str(folder))


def test_a_run_leaves_the_page_of_the_program_that_leaked(
    workshop: Workshop, browser: Browser, tmp_path: Any
) -> None:
    program = workshop.program("report").path
    assert run_pages(workshop, tmp_path, program, "worker", "exit").status == LEAKS
    assert os.listdir(tmp_path) == ["leaks.html"]
    browser.open(str(tmp_path / "leaks.html"))
    assert browser.one("h1").text.startswith("36 leaked threads (9 unjoined, 4 stuck")
    assert browser.all(".drawing .edge.stuck") and not browser.messages()


def test_a_run_of_several_leaves_an_overview_and_their_pages(
    workshop: Workshop, browser: Browser, tmp_path: Any
) -> None:
    program = workshop.program("report").path
    script = f"{program} a exit; {program} b exit; true"
    assert run_pages(workshop, tmp_path, "bash", "-c", script).status == LEAKS
    assert sorted(os.listdir(tmp_path)) == ["leaks-2.html", "leaks-3.html", "leaks.html"]
    browser.open(str(tmp_path / "leaks.html"))
    assert browser.one("h1").text.startswith("2 of 2 processes with threads leaked some")
    browser.all(".rules a")[0].click()
    assert browser.one("h1").text.startswith("36 leaked threads")
    assert not browser.messages()


def test_a_page_and_other_reports_of_one_run(workshop: Workshop, tmp_path: Any) -> None:
    program = workshop.program("report").path
    words = ["--settle-ms", "0", "--report", "leaks.html", "--report", "leaks.json"]
    done = run_shell("run", *words, "--", program, "x", "exit", cwd=str(tmp_path))
    assert done.status == LEAKS and "threadleak: 36 leaked threads" in done.err
    assert "<html" not in done.err
    assert "<h1>36 leaked threads" in text_of(str(tmp_path / "leaks.html"))
    (told,) = json.loads(text_of(str(tmp_path / "leaks.json")))["programs"]
    (report,) = told["reports"]
    assert report["summary"]["leaked"] == 36 and "page" not in report


def test_a_clean_run_says_so(workshop: Workshop, tmp_path: Any) -> None:
    assert run_pages(workshop, tmp_path, "true").status == 0
    assert '<header class="good">' in text_of(str(tmp_path / "leaks.html"))


def test_a_check_writes_a_page_of_its_own(workshop: Workshop, tmp_path: Any) -> None:
    path = tmp_path / "at-exit.html"
    options = f"at_exit=check:format=html:settle_ms=0:log_path={path}"
    running = workshop.start(
        workshop.program("report"), "x", "exit", env={"THREADLEAK_OPTIONS": options}
    )
    assert running.process.wait(60) == LEAKS
    assert "36 leaked threads" in text_of(str(path))
