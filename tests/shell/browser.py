# SPDX-License-Identifier: MIT
"""A page in Chromium, as whoever reads it sees it, and can do with it."""

import base64
import json
import os
import sys
from contextlib import contextmanager
from typing import Any, Dict, Iterator, List

import pytest
import web_driver

WIDTHS, THEMES = (1280, 420), ("light", "dark")
HIGH = 900


class Browser:
    def __init__(self, driver: Any):
        self.driver = driver
        self.seen: List[str] = []  # what the page asked for

    def open(self, path: str, width: int = 1280, theme: str = "light", hash: str = "") -> None:
        self.size(width)
        self.media(theme)
        self.driver.get("about:blank")
        self.messages()
        self.driver.get(f"file://{path}{hash}")

    def size(self, width: int, height: int = HIGH) -> None:
        how = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", how)

    def media(self, theme: str = "light", media: str = "") -> None:
        features = [{"name": "prefers-color-scheme", "value": theme}]
        how = {"media": media, "features": features}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", how)

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def all(self, selector: str) -> List[Any]:
        return list(self.driver.find_elements("css selector", selector))

    def one(self, selector: str) -> Any:
        (found,) = self.all(selector)
        return found

    def texts(self, selector: str) -> List[str]:
        return [each.text for each in self.all(selector)]

    def press(self, *keys: str) -> None:
        """On what has the focus."""
        for key in keys:
            self.driver.switch_to.active_element.send_keys(key)

    @property
    def focus(self) -> Any:
        return self.driver.switch_to.active_element

    def messages(self) -> List[str]:
        """Of the console, since it was last asked."""
        return [each["message"] for each in self.driver.get_log("browser")]

    def requests(self) -> List[str]:
        """What was asked for since this was last called, the pages themselves too."""
        logs = self.driver.get_log("performance")
        found = [json.loads(each["message"])["message"] for each in logs]
        asked = [each for each in found if each["method"] == "Network.requestWillBeSent"]
        return [each["params"]["request"]["url"] for each in asked]

    def screenshot(self, path: str) -> None:
        """The whole page, as wide as it is."""
        size = self.driver.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
        how = {"captureBeyondViewport": True, "clip": {"x": 0, "y": 0, "scale": 1, **_size(size)}}
        data = self.driver.execute_cdp_cmd("Page.captureScreenshot", how)["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))

    def accessible(self) -> List[Dict[str, str]]:
        """Role and name of whatever a screen reader is told."""
        self.driver.execute_cdp_cmd("Accessibility.enable", {})
        nodes = self.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        return [
            {key: str(each.get(key, {}).get("value", "")) for key in ("role", "name")}
            for each in nodes
            if not each["ignored"]
        ]


def _size(size: Dict[str, float]) -> Dict[str, float]:
    return {"width": size["width"], "height": size["height"]}


@contextmanager
def chromium() -> Iterator[Browser]:
    if web_driver.why_not():
        pytest.skip(web_driver.why_not())
    logs = {"browser": "ALL", "performance": "ALL"}
    with web_driver.started("--hide-scrollbars", **{"goog:loggingPrefs": logs}) as driver:
        yield Browser(driver)


if __name__ == "__main__":  # browser.py PAGE#thread-ID FOLDER: as docs/html-*.png were made
    page, _, thread = sys.argv[1].partition("#")
    with chromium() as shown:
        for width in WIDTHS:
            for theme in THEMES:
                shown.open(os.path.abspath(page), width, theme, f"#{thread}")
                shown.screenshot(f"{sys.argv[2]}/html-{width}-{theme}.png")
