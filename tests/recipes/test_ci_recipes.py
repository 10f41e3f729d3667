# SPDX-License-Identifier: MIT
"""The recipes of docs/ci.md: valid for their servers, and run here on a project that leaks and on one that does not."""

import json
import os
import re
import xml.etree.ElementTree as tree
from pathlib import Path
from typing import Any, Dict, List

import pytest
from published import errors_of, refused_by_jenkins
from run_recipe import ROOT, Ran, commit, on_github, on_gitlab, project, recipe

pytest.importorskip("yaml", reason="needs Debian's python3-yaml")

SERVERS = {"github.yml": on_github, "gitlab.yml": on_gitlab}
EMPTY = "# threadleak baseline 1\n"


@pytest.fixture
def sample(tmp_path: Path) -> str:
    return project(str(tmp_path))


def change(sample: str, name: str, before: str, after: str) -> None:
    path = os.path.join(sample, name)
    text = Path(path).read_text()
    assert before in text
    Path(path).write_text(text.replace(before, after))


def mend(sample: str) -> None:
    change(sample, "pool.c", "int i = 1", "int i = 0")


def known(sample: str, text: str) -> None:
    Path(sample, "known-leaks").write_text(text)


def run(name: str, sample: str, folder: Path) -> Ran:
    commit(sample)
    folder.mkdir()
    return SERVERS[name](recipe(name), sample, str(folder))


def only(ran: Ran, kind: str) -> str:
    (path,) = ran.kept[kind]
    return Path(path).read_text()


def sarif(ran: Ran) -> List[Dict[str, Any]]:
    paths = ran.kept.get("sarif") or [p for p in ran.kept["artifact"] if p.endswith(".sarif")]
    shown = json.loads(Path(paths[0]).read_text())
    assert errors_of(shown, "sarif-schema-2.1.0.json") == []
    return shown["runs"][0]["results"]  # type: ignore[no-any-return]


def outcomes(ran: Ran) -> Dict[str, List[str]]:
    text = only(ran, "junit")
    assert refused_by_jenkins(text) == ""
    cases = tree.fromstring(text).findall("testsuite/testcase")
    return {os.path.basename(case.get("name", "")): [each.tag for each in case] for case in cases}


@pytest.mark.parametrize(
    "name, schema", [("github.yml", "github-workflow.json"), ("gitlab.yml", "gitlab-ci.json")]
)
def test_its_server_takes_it(name: str, schema: str) -> None:
    assert errors_of(recipe(name), schema) == []


@pytest.mark.parametrize("name", SERVERS)
def test_the_document_has_it_word_by_word(name: str) -> None:
    """As a block of docs/ci.md, so that it can be copied from there."""
    text = Path(ROOT, "docs", "ci.md").read_text()
    blocks = re.findall(r"```yaml\n(.*?)```", text, re.S)
    assert Path(ROOT, "tests", "recipes", name).read_text() in blocks


@pytest.mark.parametrize("name", SERVERS)
def test_a_project_that_leaks_fails_and_says_all(name: str, sample: str, tmp_path: Path) -> None:
    known(sample, EMPTY)
    ran = run(name, sample, tmp_path / "ci")
    assert ran.failed, ran.log
    assert "threadleak: 1 leaked thread (1 unjoined) at the exit of test_pool" in ran.log
    assert outcomes(ran) == {"test_pool": ["failure"], "test_log": []}
    (result,) = sarif(ran)
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "pool.c", "uriBaseId": "%SRCROOT%"}
    kept = sorted(os.path.splitext(path)[1] for path in ran.kept["artifact"])
    assert [each for each in kept if each in (".core", ".html", ".sarif")] == [
        ".core",
        ".html",
        ".sarif",
    ]
    (page,) = [path for path in ran.kept["artifact"] if path.endswith(".html")]
    assert "pool.c" in Path(page).read_text()


@pytest.mark.parametrize("name", SERVERS)
def test_a_job_fails_also_where_its_driver_does_not_mind(
    name: str, sample: str, tmp_path: Path
) -> None:
    known(sample, EMPTY)
    driver = "ctest --test-dir build --output-on-failure"
    text = Path(ROOT, "tests", "recipes", name).read_text()
    shown = recipe(name, text.replace(driver, f"sh -c '{driver} || echo it said $?'"))
    commit(sample)
    (tmp_path / "ci").mkdir()
    ran = SERVERS[name](shown, sample, str(tmp_path / "ci"))
    assert ran.failed and "it said 8" in ran.log, ran.log
    assert outcomes(ran) == {"test_pool": ["failure"], "test_log": []} and len(sarif(ran)) == 1
    assert any(path.endswith(".html") for path in ran.kept["artifact"])


@pytest.mark.parametrize("name", SERVERS)
def test_a_project_that_is_mended_passes(name: str, sample: str, tmp_path: Path) -> None:
    known(sample, EMPTY)
    mend(sample)
    ran = run(name, sample, tmp_path / "ci")
    assert not ran.failed, ran.log
    assert outcomes(ran) == {"test_pool": [], "test_log": []} and sarif(ran) == []


def test_with_a_baseline_old_leaks_pass_and_new_ones_fail(sample: str, tmp_path: Path) -> None:
    """And the file is made as the document says."""
    workflow = recipe("github.yml")
    (step,) = [each for each in workflow["jobs"]["tests"]["steps"] if each.get("name") == "test"]
    asked = re.findall(
        r"^    (threadleak run .*--update-baseline.*)$",
        Path(ROOT, "docs", "ci.md").read_text(),
        re.M,
    )
    step["run"] = asked[0] + " && cp known-leaks ../known-leaks"
    ran = run_workflow(workflow, sample, tmp_path / "first")
    assert not ran.failed, ran.log
    known(sample, (tmp_path / "first" / "known-leaks").read_text())
    ran = run("github.yml", sample, tmp_path / "old")
    assert not ran.failed and sarif(ran) == [], ran.log
    change(sample, "log.c", "    pthread_join(flusher, NULL);\n", "")
    ran = run("github.yml", sample, tmp_path / "new")
    assert ran.failed and outcomes(ran) == {"test_pool": [], "test_log": ["failure"]}
    (result,) = sarif(ran)
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "log.c"
    assert result["baselineState"] == "new"


def run_workflow(workflow: Any, sample: str, folder: Path) -> Ran:
    commit(sample)
    folder.mkdir()
    return on_github(workflow, sample, str(folder))
