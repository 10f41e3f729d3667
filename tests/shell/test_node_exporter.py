# SPDX-License-Identifier: MIT
"""The real node_exporter takes what `threadleak metrics --output` writes for its textfile collector."""

import os
import re
import shutil
import subprocess
import threading
import urllib.request
from pathlib import Path
from typing import FrozenSet, Iterator, List, Set, Tuple

import pytest
from growing import Growing
from run_shell import BLIND, CLEAN, run_shell

parser = pytest.importorskip("prometheus_client.parser", reason="needs python3-prometheus-client")
EXPORTER = "prometheus-node-exporter"
pytestmark = pytest.mark.skipif(not shutil.which(EXPORTER), reason=f"needs {EXPORTER}")
WRITES = 10


class Exporter:
    """Tells of the files in `folder` alone."""

    def __init__(self, folder: Path):
        options = ["--collector.disable-defaults", "--collector.textfile"]
        self._process = subprocess.Popen(
            [
                *(EXPORTER, "--web.listen-address=127.0.0.1:0", "--web.disable-exporter-metrics"),
                *(*options, f"--collector.textfile.directory={folder}"),
            ],
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stderr is not None
        self._said: List[str] = []
        for line in self._process.stderr:
            self._said.append(line)
            found = re.search(r'"Listening on" address=(127\.0\.0\.1:\d+)', line)
            if found:
                self._url = f"http://{found[1]}/metrics"
                return
        raise AssertionError("".join(self._said))

    def scrape(self) -> str:
        with urllib.request.urlopen(self._url, timeout=30) as answer:
            return str(answer.read().decode())

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def exporter(tmp_path: Path) -> Iterator[Exporter]:
    made = Exporter(tmp_path)
    yield made
    made.close()


def series(text: str) -> Set[Tuple[str, FrozenSet[Tuple[str, str]], float]]:
    """Ours."""
    return {
        (each.name, frozenset(each.labels.items()), each.value)
        for family in parser.text_string_to_metric_families(text)
        for each in family.samples
        if each.name.startswith("threadleak_")
    }


def names(text: str) -> Set[str]:
    return {name for name, _, _ in series(text)}


def test_all_of_it_arrives(growing: Growing, exporter: Exporter, tmp_path: Path) -> None:
    growing.make("uuaj")
    file = tmp_path / "threadleak.prom"
    assert run_shell("metrics", growing.pid, "--output", str(file)).status == CLEAN
    seen, written = exporter.scrape(), file.read_text()
    assert "node_textfile_scrape_error 0\n" in seen
    assert f'node_textfile_mtime_seconds{{file="{file}"}}' in seen
    assert len(names(written)) > 8 and series(seen) == series(written)
    assert re.search(r'^threadleak_threads\{class="unjoined",.*\} 2$', seen, re.M)


def test_what_cannot_be_read_is_told_there(exporter: Exporter, tmp_path: Path) -> None:
    file = str(tmp_path / "threadleak.prom")
    assert run_shell("metrics", "4194304", "--output", file).status == BLIND
    seen = exporter.scrape()
    assert "node_textfile_scrape_error 0\n" in seen
    assert re.search(r'^threadleak_up\{pid="4194304",.*\} 0$', seen, re.M)
    assert re.search(r'^threadleak_down\{.*reason="there is no process', seen, re.M)


def test_it_never_meets_half_of_one(growing: Growing, exporter: Exporter, tmp_path: Path) -> None:
    words = ("metrics", growing.pid, "--output", str(tmp_path / "threadleak.prom"))
    first = run_shell(*words)
    statuses = [first.status]

    def write() -> None:
        for _ in range(WRITES):
            statuses.append(run_shell(*words).status)

    writer = threading.Thread(target=write)
    wanted = names(exporter.scrape())
    writer.start()
    scrapes = 0
    while writer.is_alive() or not scrapes:
        seen = exporter.scrape()
        assert "node_textfile_scrape_error 0\n" in seen and names(seen) == wanted
        scrapes += 1
    writer.join()
    assert statuses == [CLEAN] * (WRITES + 1)
    assert os.listdir(tmp_path) == ["threadleak.prom"]
