# SPDX-License-Identifier: MIT
"""The real Prometheus scrapes `threadleak metrics`; its alerts fire on a program that leaks, and on no busy one."""

import json
import os
import re
import shutil
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from typing import Any, Dict, Iterator, List, Set

import pytest
from growing import Growing
from run_gdb import ROOT
from run_shell import run_shell
from test_metrics import server
from workshop import LIBRARY, Workshop

yaml = pytest.importorskip("yaml", reason="needs python3-yaml")
pytestmark = pytest.mark.skipif(
    not shutil.which("prometheus") or not shutil.which("promtool"), reason="needs prometheus"
)
RULES = os.path.join(ROOT, "docs", "prometheus-rules.yml")
PRODUCTION = os.path.join(ROOT, "docs", "production.md")
DASHBOARD = os.path.join(ROOT, "docs", "grafana-dashboard.json")
STEP = "1s"  # instead of 15s
FASTER = 75  # by so much than the rules are written for: 5m are 4s
WINDOW = "8s"
DEADLINE_S = 180
CONFIG = """
global: {{scrape_interval: {step}, scrape_timeout: {step}, evaluation_interval: {step}}}
rule_files: [{rules}]
scrape_configs: [{{job_name: threadleak, static_configs: [{{targets: ['{target}']}}]}}]
"""


class Prometheus:
    leaking: Set[str] = set()  # alerts that are due

    def __init__(self, folder: str, target: str):
        with open(RULES, encoding="utf-8") as file:
            rules = re.sub(r"\b(\d+)m\b", lambda m: f"{int(m[1]) * 60 // FASTER}s", file.read())
        for name, text in (
            ("rules.yml", rules),
            ("config.yml", CONFIG.format(step=STEP, rules=f"{folder}/rules.yml", target=target)),
        ):
            with open(f"{folder}/{name}", "w", encoding="utf-8") as file:
                file.write(text)
        options = ("--storage.tsdb.path", folder + "/data", "--config.file", folder + "/config.yml")
        self._log = open(folder + "/log", "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            ["prometheus", "--web.listen-address=127.0.0.1:0", *options],
            stdout=self._log,
            stderr=self._log,
        )
        self.until(self.is_ready)

    @property
    def url(self) -> str:
        """Where it listens, once it has said so."""
        found = re.search(r'"Listening on" address=(127\.0\.0\.1:\d+)', self.log())
        return f"http://{found[1]}" if found else ""

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(self.url + "/-/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except (OSError, ValueError):  # ValueError: there is no address yet
            return False

    def get(self, path: str, **words: str) -> Any:
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(words)}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            found = json.load(answer)
        assert found["status"] == "success", found
        return found["data"]

    def alerts(self) -> List[Dict[str, str]]:
        """Those that fire."""
        return [
            each["labels"] for each in self.get("alerts")["alerts"] if each["state"] == "firing"
        ]

    def value(self, query: str) -> float:
        found = self.get("query", query=query)["result"]
        return float(found[0]["value"][1]) if found else 0.0

    def until(self, happened: Any) -> None:
        """Asks until it has; Prometheus tells nobody unasked."""
        deadline = time.monotonic() + DEADLINE_S
        while not happened():
            is_over = self.process.poll() is not None or time.monotonic() > deadline
            assert not is_over, f"{self.log()[-4000:]}\n{self.all() if self.is_ready() else ''}"
            time.sleep(0.1)

    def all(self) -> Any:
        return [self.get("query", query='{__name__=~"up|threadleak_.*"}'), self.get("targets")]

    def log(self) -> str:
        with open(self._log.name, encoding="utf-8") as file:
            return file.read()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._log.close()


@pytest.fixture(scope="module")
def pools(workshop: Workshop) -> Iterator[Growing]:
    made = Growing(workshop.program("pools").path)
    yield made
    made.kill()


class Leaking(threading.Thread):
    """Has a program leak, some threads each tenth of a second."""

    def __init__(self, program: Growing):
        super().__init__(daemon=True)
        self._program = program
        self._over = threading.Event()
        self.start()

    def run(self) -> None:
        while not self._over.wait(0.1):
            self._program.make("uuuj")

    def stop(self) -> None:
        self._over.set()
        self.join()


@pytest.fixture(scope="module")
def prometheus(workshop: Workshop, pools: Growing, tmp_path_factory: Any) -> Iterator[Prometheus]:
    """Scrapes `pools`, which is healthy, and `grows`, which leaks: each with the library and without."""
    bare = Growing(workshop.program("pools").path, preload="")
    leaky = [Growing(workshop.program("grows").path, preload) for preload in (LIBRARY, "")]
    with server(pools.pid, bare.pid, *(each.pid for each in leaky)) as (_, url):
        made = Prometheus(str(tmp_path_factory.mktemp("prometheus")), url[7:].split("/")[0])
        leaking = [Leaking(each) for each in leaky]
        made.leaking = {f"ThreadsAreNotJoined grows {each.pid}" for each in leaky}
        yield made
        for each in leaking:
            each.stop()
        made.close()
    for program in (bare, *leaky):
        program.kill()


def test_an_alert_on_each_that_leaks(prometheus: Prometheus) -> None:
    seen: Set[str] = set()

    def fires() -> bool:
        alerts = prometheus.alerts()
        seen.update(f"{each['alertname']} {each['process']} {each['pid']}" for each in alerts)
        return seen >= prometheus.leaking

    prometheus.until(fires)
    created = 'threadleak_threads_created_total{process="pools"}'
    before = prometheus.value(created)
    assert before > 1000, "it was busy"
    prometheus.until(lambda: fires() and prometheus.value(created) > before + 1000)
    assert seen == prometheus.leaking
    pools = 'threadleak_threads_joined_total{process="pools"}'
    assert prometheus.value(f"rate({pools}[{WINDOW}])") > 0


def test_the_alert_on_what_cannot_be_told(workshop: Workshop, tmp_path: object) -> None:
    gone = Growing(workshop.program("grows").path)
    with server(gone.pid) as (_, url):
        prometheus = Prometheus(str(tmp_path), url[7:].split("/")[0])
        try:
            prometheus.until(lambda: prometheus.value("threadleak_up") == 1)
            gone.kill()
            prometheus.until(prometheus.alerts)
            (alert,) = prometheus.alerts()
        finally:
            prometheus.close()
    assert alert["alertname"] == "ThreadsCannotBeTold"
    assert alert["reason"] == f"process {gone.pid} has ended"


def test_promtool_is_content(pools: Growing) -> None:
    done = subprocess.run(["promtool", "check", "rules", RULES], capture_output=True, text=True)
    assert done.returncode == 0 and "8 rules found" in done.stdout, done
    for options in ((), ("--top-sites", "0")):
        text = run_shell("metrics", *options, pools.pid).out
        done = subprocess.run(
            ["promtool", "check", "metrics"], input=text, capture_output=True, text=True
        )
        assert (done.returncode, done.stdout + done.stderr) == (0, "")


# promtool's own test of rules: what Prometheus would do with such series, at once
SILENCE = """
rule_files: [{rules}]
tests:
- interval: 1m
  input_series: [{series}]
  alert_rule_test:
  - {{eval_time: 14m, alertname: {name}}}
  - {{eval_time: 20m, alertname: {name}, exp_alerts: [{alerts}]}}
"""
NOBODY = "4194304"  # no PID of Linux
NEXT = "see which processes its --name, --all or PIDs find, and whether it runs"
UNWRITTEN = (
    "see why nothing runs threadleak metrics --output: "
    "systemctl status threadleak-metrics.timer threadleak-metrics"
)


def play_silence(folder: Any, name: str, series: str, alerts: str) -> None:
    test = folder / "test.yml"
    test.write_text(SILENCE.format(rules=RULES, name=name, series=series, alerts=alerts))
    done = subprocess.run(["promtool", "test", "rules", test], capture_output=True, text=True)
    assert done.returncode == 0, done


@pytest.mark.parametrize(
    "series, summary",
    [
        ("", "does not answer"),
        (
            "{series: 'threadleak_processes{instance=\"a:1\"}', values: 0x30}",
            "at a:1 finds no process",
        ),
        ("{series: 'threadleak_processes{instance=\"a:1\"}', values: 1x30}", ""),
    ],
)
def test_the_alert_on_silence(tmp_path: Any, series: str, summary: str) -> None:
    labels = "{severity: warning, instance: 'a:1'}" if series else "{severity: warning}"
    said = f"{{summary: 'threadleak metrics {summary}', next: '{NEXT}'}}"
    alerts = f"{{exp_labels: {labels}, exp_annotations: {said}}}" if summary else ""
    play_silence(tmp_path, "NoThreadsAreCounted", series, alerts)


@pytest.mark.parametrize(
    "values, age",
    [
        ("0x30", "20m 0s"),
        ("0x10 660+60x20", ""),  # nobody wrote it for ten minutes
    ],
)
def test_the_alert_on_a_file_that_nobody_writes(tmp_path: Any, values: str, age: str) -> None:
    with open(PRODUCTION, encoding="utf-8") as file:
        (path,) = re.findall(r"^ExecStart=.* --output (\S+)$", file.read(), re.M)
    series = ", ".join(
        f"{{series: '{name}', values: {counted}}}"
        for name, counted in (
            (f'node_textfile_mtime_seconds{{file="{path}",instance="a:1"}}', values),
            ('node_textfile_mtime_seconds{file="/some/apt.prom",instance="a:1"}', "0x30"),
            ('threadleak_processes{instance="a:1"}', "1x30"),
        )
    )
    labels = f"{{severity: warning, instance: 'a:1', file: {path}}}"
    said = f"{{summary: '{path} at a:1 was written {age} ago', next: '{UNWRITTEN}'}}"
    alerts = f"{{exp_labels: {labels}, exp_annotations: {said}}}" if age else ""
    play_silence(tmp_path, "ThreadCountsAreOld", series, alerts)
    play_silence(tmp_path, "NoThreadsAreCounted", series, "")


def names_in(expression: str) -> Set[str]:
    return set(re.findall(r"\bthreadleak_\w+", expression))


def written(text: str) -> Dict[str, Set[str]]:
    """Name of a series -> NAME="VALUE" of its labels, and NAME."""
    found: Dict[str, Set[str]] = {}
    for name, labels in re.findall(r"^(\w+)\{(.*)\} ", text, re.M):
        pairs = re.findall(r'(\w+)(="[^"]*")', labels)
        found.setdefault(name, set()).update(*pairs, *([key + value] for key, value in pairs))
    return found


def test_rules_and_dashboard_name_labels_that_there_are(pools: Growing) -> None:
    """Prometheus takes any, and shows nothing."""
    known = written(run_shell("metrics", pools.pid, NOBODY).out)
    with open(DASHBOARD, encoding="utf-8") as file:
        board = json.load(file)
    asked = [
        (target["expr"], re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
        for panel in board["panels"]
        for target in panel["targets"]
    ]
    with open(RULES, encoding="utf-8") as file:
        rules = [rule for group in yaml.safe_load(file)["groups"] for rule in group["rules"]]
    for rule in rules:
        told = " ".join(rule["annotations"].values())
        asked.append((rule["expr"], re.findall(r"\$labels\.(\w+)", told)))
    for expression, shown in asked:
        shown = [label for label in shown if label != "instance"]  # Prometheus's own
        for name in names_in(expression):
            assert set(shown) <= known.get(name, set()), expression
        for name, inner in re.findall(r"(threadleak_\w+)\{([^}]*)\}", expression):
            for label, how, value in re.findall(r'(\w+)(=~?)("[^"]*")', inner):
                needed = label if "$" in value else label + how + value
                assert needed in known[name], expression
    assert len(asked) > 12


def test_rules_and_dashboard_name_what_there_is(prometheus: Prometheus, pools: Growing) -> None:
    prometheus.until(lambda: prometheus.value("threadleak_up") == 1)
    known = names_in(run_shell("metrics", pools.pid).out)
    with open(DASHBOARD, encoding="utf-8") as file:
        board = json.load(file)
    expressions = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"]) >= 6
    for expression in expressions:
        assert names_in(expression) and names_in(expression) <= known, expression
        query = expression.replace("$__rate_interval", WINDOW).replace("$process", ".*")
        assert "$" not in query
        prometheus.get("query", query=query)
    with open(RULES, encoding="utf-8") as file:
        assert names_in(file.read()) <= known
    with open(os.path.join(ROOT, "docs", "production.md"), encoding="utf-8") as file:
        assert known >= names_in(file.read()) - {"threadleak_registry"}
