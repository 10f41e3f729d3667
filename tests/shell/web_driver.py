# SPDX-License-Identifier: MIT
"""Starts Chromium without a window, through WebDriver."""

import importlib.util
import shutil
from contextlib import contextmanager
from typing import Any, Iterator

import pytest


def why_not() -> str:
    """Why there is none here; empty: there is one."""
    if shutil.which("chromedriver") is None or shutil.which("chromium") is None:
        return "no browser (Debian: chromium, chromium-driver)"
    if importlib.util.find_spec("selenium") is None:
        return "no selenium (Debian: python3-selenium)"
    return ""


@contextmanager
def started(*words: str, **capabilities: Any) -> Iterator[Any]:
    """`words`: more of Chromium's options."""
    from selenium import webdriver
    from selenium.common.exceptions import WebDriverException
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", *words):
        options.add_argument(word)
    for name, value in capabilities.items():
        options.set_capability(name, value)
    try:
        driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    except WebDriverException as error:
        pytest.skip(f"the browser does not start here: {str(error.msg).splitlines()[0]}")
    try:
        yield driver
    finally:
        driver.quit()
