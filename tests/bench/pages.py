# SPDX-License-Identifier: MIT
"""What a page of many threads costs: to write, and to open in a browser."""

from __future__ import annotations

import pathlib
import sys
import tempfile

from looks import PROGRAM, RUNS, THREADLEAK, make_core, times
from measure import ROOT, row, spread

sys.path.insert(0, str(ROOT / "tests" / "shell"))

import web_driver  # noqa: E402

PAINT = """
const paint = performance.getEntriesByName('first-contentful-paint')[0];
const loaded = performance.getEntriesByType('navigation')[0].loadEventEnd;
return [paint ? paint.startTime : NaN, loaded];
"""


def paints(path: pathlib.Path) -> list[tuple[float, float]]:
    """Milliseconds until the first paint, and until all has run, of a browser that has been started."""
    from selenium.webdriver.support.ui import WebDriverWait

    found = []
    with web_driver.started() as driver:
        for _ in range(RUNS):
            driver.get("about:blank")
            driver.get(f"file://{path}")
            wait = WebDriverWait(driver, 30)
            found.append(
                wait.until(
                    lambda _: next(
                        (each for each in [driver.execute_script(PAINT)] if None not in each), None
                    )
                )
            )
    return [(first, all) for first, all in found]


def main() -> None:
    print("\na page (--format html) of a core of 10,000 threads alive and 1,000 unjoined")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        core = make_core(folder, 10_000)
        if core is None:
            row("no core file appeared", "skipped", "set kernel.core_pattern to a plain name")
            return
        page = folder / "page.html"
        command = [
            THREADLEAK,
            "list",
            "--format",
            "html",
            "--output",
            str(page),
            PROGRAM,
            str(core),
        ]
        row("threadleak list --format html, s CPU", spread(times(command), 2), "must be <= 1.5")
        row("  the file, MB", f"{page.stat().st_size / 1e6:.1f}", "must be <= 3")
        try:
            found = paints(page)
        except ImportError:
            row("  in Chromium", "skipped", "python3-selenium is not installed")
            return
        except Exception as error:  # of a driver that cannot be started
            row("  in Chromium", "skipped", type(error).__name__)
            return
        row(
            "  first paint in Chromium, ms",
            spread([each[0] for each in found], 0),
            "must be <= 1000",
        )
        row("  until its script has run, ms", spread([each[1] for each in found], 0))


if __name__ == "__main__":
    main()
