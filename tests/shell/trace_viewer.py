# SPDX-License-Identifier: MIT
"""The trace viewer of Chrome (catapult), as Debian has it: in the sources of Go, whose `go tool trace` shows it. That of
chrome://tracing itself is left out of Debian's Chromium. It is loaded into that Chromium, headless, with a document
that it reads by its own means."""

import functools
import glob
import http.server
import json
import os
import shutil
import sys
import threading
from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, NamedTuple, Optional

import web_driver

LOADED_S = 60
PAGE = """<!DOCTYPE html>
<html><head>
<script src="webcomponents.min.js"></script>
<link rel="import" href="trace_viewer_full.html">
<style>html, body { margin: 0; width: 100%; height: 100%; overflow: hidden }
#viewer { width: 100%; height: 100% }</style>
<script>
document.addEventListener('WebComponentsReady', async () => {
  try {
    const container = document.createElement('track-view-container');
    container.id = 'track_view_container';
    const viewer = document.createElement('tr-ui-timeline-view');
    viewer.track_view_container = container;
    Polymer.dom(viewer).appendChild(container);
    viewer.id = 'viewer';
    viewer.globalMode = true;
    viewer.polyfillWarnedOnce_ = true;
    Polymer.dom(document.body).appendChild(viewer);
    const text = await (await fetch('trace.json')).text();
    const model = new tr.Model();
    await new tr.importer.Import(model, new tr.importer.ImportOptions()).importTraces([text]);
    viewer.model = model;
    viewer.viewTitle = 'threadleak trace';
    window.loaded = model;
  } catch (error) {
    window.failed = String(error && error.message || error);
  }
});
</script>
</head><body></body></html>
"""
# What the viewer has made of the document.
READ = """
const threads = [];
for (const process of window.loaded.getAllProcesses())
  for (const key in process.threads) {
    const thread = process.threads[key];
    threads.push({tid: thread.tid, name: thread.name, sort: thread.sortIndex,
      slices: thread.sliceGroup.slices.map(each => [each.title, each.didNotFinish === true])});
  }
const counters = [];
for (const process of window.loaded.getAllProcesses())
  for (const key in process.counters)
    counters.push(...process.counters[key].series.map(each => each.name));
return JSON.stringify({threads, counters,
  flows: window.loaded.flowEvents.map(each =>
    [each.title, each.startSlice && each.startSlice.title, each.endSlice && each.endSlice.title]),
  warnings: window.loaded.importWarnings.map(each => each.message)});
"""


class Seen(NamedTuple):
    threads: List[Dict[str, Any]]
    counters: List[str]
    flows: List[List[Optional[str]]]
    warnings: List[str]


def why_not() -> str:
    """Why there is no viewer here; empty: there is one."""
    if _folder() is None:
        return "no trace viewer (Debian: golang-src)"
    return web_driver.why_not()


def _folder() -> Optional[str]:
    for places in ("/usr/share/go-*/src", "/usr/lib/go-*/src"):
        for path in glob.glob(f"{places}/**/static/trace_viewer_full.html", recursive=True):
            return os.path.dirname(path)
    return None


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def _served(folder: str) -> Iterator[str]:
    handler = functools.partial(_Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        serving = threading.Thread(target=server.serve_forever, daemon=True)
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/page.html"
        finally:
            server.shutdown()
            serving.join()


@contextmanager
def opened(document: str, scratch: str, size: str = "1400,900") -> Iterator[Any]:
    """A browser that has the document open; `scratch`: an empty folder."""
    from selenium.webdriver.support.ui import WebDriverWait

    for name in ("trace_viewer_full.html", "webcomponents.min.js"):
        shutil.copy(os.path.join(_folder() or "", name), scratch)
    shutil.copy(document, os.path.join(scratch, "trace.json"))
    with open(os.path.join(scratch, "page.html"), "w", encoding="utf-8") as page:
        page.write(PAGE)
    with _served(scratch) as address, web_driver.started(f"--window-size={size}") as browser:
        browser.get(address)
        WebDriverWait(browser, LOADED_S).until(
            lambda it: it.execute_script("return Boolean(window.loaded || window.failed)")
        )
        failed = browser.execute_script("return window.failed || ''")
        assert not failed, f"the viewer refuses it: {failed}"
        yield browser


def seen(browser: Any) -> Seen:
    return Seen(**json.loads(browser.execute_script(READ)))


SELECT = """
const viewer = document.getElementById('viewer'), [id] = arguments;
viewer.trackView.viewport.selectedFlowEvents = new Set(['create', 'join']);
const lives = [];
for (const process of window.loaded.getAllProcesses())
  for (const key in process.threads)
    lives.push(...process.threads[key].sliceGroup.slices.filter(each => each.args.id === id));
viewer.brushingStateController.changeSelectionFromTimeline(new tr.model.EventSet(lives));
"""


def screenshot(browser: Any, path: str, id: int) -> None:
    """With arrows, which are shown on demand, and the details of this thread."""
    browser.execute_script(SELECT, id)
    browser.execute_async_script(
        "const done = arguments[0]; requestAnimationFrame(() => setTimeout(done, 0))"
    )
    browser.save_screenshot(path)


if __name__ == "__main__":  # trace_viewer.py TRACE PICTURE ID: as docs/trace.png was made
    import tempfile

    with tempfile.TemporaryDirectory() as folder, opened(sys.argv[1], folder) as shown:
        screenshot(shown, sys.argv[2], int(sys.argv[3]))
