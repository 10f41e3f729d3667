# SPDX-License-Identifier: MIT
"""The documents say what the code does: options, commands, keys, statuses, links."""

import os
import pathlib
import re
import shutil
import subprocess
from typing import Iterable

import pytest
from threadleak import commands
from threadleak.in_shell import SHELL_ONLY, main

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAN = (ROOT / "docs/threadleak.7").read_text()
SHELL_MAN = (ROOT / "docs/threadleak.1").read_text()
EMBEDDING = (ROOT / "docs/embedding.md").read_text()
README = (ROOT / "README.md").read_text()


def options_of_the_commands() -> set[str]:
    helps = [module.parser().help() for module in commands.modules().values()]
    return {option for text in helps for option in re.findall(r"--[a-z-]+", text)}


def options_of_the_library() -> set[str]:
    library = ROOT / "build/libthreadleak.so"
    env = {**os.environ, "LD_PRELOAD": str(library), "THREADLEAK_OPTIONS": "help"}
    result = subprocess.run(["/bin/true"], env=env, capture_output=True, text=True, check=True)
    return set(re.findall(r"^  (\w+) ", result.stderr, re.M))


def options_of_the_shell(capsys: pytest.CaptureFixture[str], names: Iterable[str]) -> set[str]:
    for name in names:
        assert main([name, "--help"]) == 0
    return set(re.findall(r"--[a-z-]+", capsys.readouterr().out))


def told_options(page: str) -> set[str]:
    return {"-" + option for option in re.findall(r"Fl (-[a-z-]+)", page)}


def test_the_man_pages_have_every_option_of_the_shell(capsys: pytest.CaptureFixture[str]) -> None:
    own = options_of_the_shell(capsys, SHELL_ONLY)
    shared = options_of_the_shell(capsys, commands.NAMES)
    told = told_options(SHELL_MAN)
    assert own <= told
    assert told <= own | shared | {"--help"}
    assert shared <= told | told_options(MAN)


def test_the_man_page_of_the_shell_has_every_command() -> None:
    named = set(re.findall(r"[\w-]+", " ".join(re.findall(r"^\.Cm (.*)", SHELL_MAN, re.M))))
    assert {*commands.NAMES, *SHELL_ONLY} <= named


def test_the_man_page_has_every_option() -> None:
    assert told_options(MAN) == options_of_the_commands()


def test_the_man_page_has_every_command() -> None:
    told = set(re.findall(r"^\.It Ic (\w+)", MAN, re.M))
    assert told == set(commands.modules())


def test_the_options_of_the_library_are_told() -> None:
    options = options_of_the_library()
    environment = MAN.split("\n.Sh ENVIRONMENT\n")[1].split("\n.Sh ")[0]
    assert set(re.findall(r"^\.It Cm (\w+)", environment, re.M)) == options
    assert set(re.findall(r"^\| `(\w+)` \|", EMBEDDING, re.M)) | {"help"} == options


def test_the_readme_has_every_command() -> None:
    told = set(re.findall(r"^\| `threadleak ([\w-]+)", README, re.M))
    assert told == {*commands.NAMES, *SHELL_ONLY}


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("*.md")) + sorted(ROOT.glob("docs/*.md")), ids=lambda p: p.name
)
def test_documents_that_are_named_exist(path: pathlib.Path) -> None:
    for name in re.findall(r"\b(?:docs|helper|scripts|tests|gdb)/[\w./-]*\w", path.read_text()):
        assert (ROOT / name).exists(), name


@pytest.mark.skipif(shutil.which("man") is None, reason="needs man")
@pytest.mark.parametrize("path", sorted(ROOT.glob("docs/*.[1-8]")), ids=lambda p: p.name)
def test_the_man_pages_show_every_per_cent_sign_and_no_macro_is_misused(path: pathlib.Path) -> None:
    env = {**os.environ, "MANWIDTH": "400", "MANPAGER": "cat", "LC_ALL": "C.UTF-8"}
    words = ["man", "--warnings", "-l", str(path)]
    shown = subprocess.run(words, env=env, capture_output=True, text=True, check=True)
    assert shown.stderr == ""
    assert shown.stdout.count("%") == path.read_text().count("%")
    lines = [" ".join(line.split()) for line in shown.stdout.splitlines()]
    for line in re.findall(r"^\.Dl (.*)", path.read_text(), re.M):
        assert '"' not in line, r"a macro takes it away: \(dq"
        plain = line.replace(r"\&", "").replace(r"\-", "-").replace(r"\(dq", '"')
        assert " ".join(plain.split()) in lines
