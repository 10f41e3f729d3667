# SPDX-License-Identifier: MIT
"""Runs the steps of a recipe as its CI server would, in a fresh clone of a project: what is in github.yml and
gitlab.yml is what is run, word by word.

Of the servers' own parts only what these recipes use is known; anything else is an error, so that a recipe cannot say
what nobody ran. What a server would take (uploads, artifacts) is kept, by the name of what takes it. The machine has
all packages: apt-get does nothing.
"""

import glob
import os
import shutil
import subprocess
from typing import Any, Callable, Dict, List, NamedTuple, Optional

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
TIMEOUT_S = 300


class Ran(NamedTuple):
    failed: bool
    log: str
    kept: Dict[str, List[str]]  # what takes files -> their paths


def recipe(name: str, text: Optional[str] = None) -> Any:
    """`text`: instead of the file's."""
    import yaml  # Debian's python3-yaml

    with open(os.path.join(HERE, name), encoding="utf-8") as file:
        shown = yaml.safe_load(text or file)
    if True in shown:  # YAML 1.1 takes `on` for a truth value, GitHub does not
        shown["on"] = shown.pop(True)
    return shown


def git(folder: str, *words: str) -> None:
    who = ["-c", "user.name=recipe", "-c", "user.email=recipe@example.com"]
    subprocess.run(["git", "-C", folder, *who, *words], check=True, capture_output=True, timeout=60)


def project(folder: str) -> str:
    """The sample as a repository."""
    path = os.path.join(folder, "project")
    shutil.copytree(os.path.join(HERE, "sample"), path)
    git(path, "init", "-q")
    commit(path)
    return path


def commit(path: str) -> None:
    git(path, "add", "-A")
    git(path, "commit", "-q", "--allow-empty", "-m", "change")


class _Machine:
    def __init__(self, repository: str, folder: str):
        self.folder = os.path.join(folder, "work")
        self.log = ""
        self.kept: Dict[str, List[str]] = {}
        git(folder, "clone", "-q", repository, self.folder)
        tools = os.path.join(folder, "tools")
        os.makedirs(tools)
        with open(os.path.join(tools, "apt-get"), "w", encoding="ascii") as file:
            file.write("#!/bin/sh\n")
        os.chmod(file.name, 0o755)
        self.environment = {
            "PATH": f"{tools}:/usr/bin:/bin",
            "HOME": folder,
            "CI": "true",
            "LC_ALL": "C.UTF-8",
        }

    def succeeds(self, script: str) -> bool:
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT_S,
        )
        self.log += done.stdout
        return done.returncode == 0

    def keep(self, taker: str, globs: List[str]) -> None:
        found = [path for each in globs for path in glob.glob(os.path.join(self.folder, each))]
        self.kept[taker] = sorted(found)


def on_github(workflow: Any, repository: str, folder: str) -> Ran:
    """Of all jobs and steps, in their order."""
    machine = _Machine(repository, folder)
    paths = os.path.join(folder, "path")
    machine.environment.update(
        GITHUB_WORKSPACE=machine.folder, GITHUB_PATH=paths, GITHUB_ACTIONS="true"
    )
    uses: Dict[str, Callable[[Dict[str, str]], None]] = {
        "actions/checkout@v4": lambda given: _checkout(machine, given),
        "actions/upload-artifact@v4": lambda given: machine.keep("artifact", given["path"].split()),
        "github/codeql-action/upload-sarif@v3": lambda given: machine.keep(
            "sarif", [given["sarif_file"]]
        ),
        "EnricoMi/publish-unit-test-result-action@v2": lambda given: machine.keep(
            "junit", [given["files"]]
        ),
    }
    conditions = {
        None: lambda: not failed,
        "${{ !cancelled() }}": lambda: True,
    }
    failed = False
    for job in workflow["jobs"].values():
        for step in job["steps"]:
            assert set(step) <= {"name", "run", "uses", "with", "if"}, step
            if not conditions[step.get("if")]():
                continue
            if "uses" in step:
                uses[step["uses"]](step.get("with", {}))
            elif not machine.succeeds(step["run"]):
                failed = True
            if os.path.exists(paths):
                with open(paths, encoding="utf-8") as file:
                    added = file.read().split()
                machine.environment["PATH"] = ":".join([*added, machine.environment["PATH"]])
                os.unlink(paths)
    return Ran(failed, machine.log, machine.kept)


def _checkout(machine: _Machine, given: Dict[str, str]) -> None:
    """The project is there; the other one is this checkout, as it is."""
    if given:
        assert given["repository"] == "${{ vars.THREADLEAK }}"
        os.symlink(ROOT, os.path.join(machine.folder, given["path"]))


def on_gitlab(pipeline: Any, repository: str, folder: str) -> Ran:
    """Its one job. before_script and script are one shell."""
    machine = _Machine(repository, folder)
    machine.environment.update(
        CI_PROJECT_DIR=machine.folder, GITLAB_CI="true", THREADLEAK_URL=_repository(folder)
    )
    (job,) = pipeline.values()
    assert set(job) == {"stage", "image", "before_script", "script", "artifacts"}
    failed = not machine.succeeds("\n".join(job["before_script"] + job["script"]))
    artifacts = job["artifacts"]
    assert artifacts["when"] == "always"
    machine.keep("artifact", artifacts["paths"])
    for kind, path in artifacts["reports"].items():
        machine.keep(kind, [path])
    return Ran(failed, machine.log, machine.kept)


def _repository(folder: str) -> str:
    """This checkout with what is not committed yet, to be cloned."""
    path = os.path.join(folder, "threadleak")
    listed = ["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, check=True, capture_output=True, text=True, timeout=60).stdout
    for name in filter(None, names.split("\0")):
        if os.path.exists(os.path.join(ROOT, name)):
            os.makedirs(os.path.join(path, os.path.dirname(name)), exist_ok=True)
            shutil.copy2(os.path.join(ROOT, name), os.path.join(path, name), follow_symlinks=False)
    git(path, "init", "-q")
    commit(path)
    return f"file://{path}"
