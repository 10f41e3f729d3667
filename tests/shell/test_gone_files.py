# SPDX-License-Identifier: MIT
"""Names of code in a plugin that was unloaded: from its file, by the shell and by GDB, of a process and of a core;
never from another build. And what a program is called whose file was deleted."""

import json
import os
import shutil
from typing import Any, Dict, List

import pytest
from observe import by_name, own_frame
from run_gdb import run_gdb
from run_shell import SETTLED, run_shell, targets
from workshop import Running, Workshop, line_of, symbol_offsets

SHARED = ("-shared", "-fPIC", "-Wl,--build-id")
LIST = ["list", "--all", "--format", "json", *SETTLED]
CREATED = line_of("plugin", "pthread_create(&thread, NULL, finish_in_plugin, NULL)")


def arguments(running: Running, core: bool) -> List[str]:
    return [running.dump_core()] if core else ["-p", str(running.pid)]


def unjoined(arguments: List[str]) -> List[Dict[str, Any]]:
    """The finished thread of the plugin: as the shell tells it, and as GDB does."""
    if arguments[0] != "-p":
        arguments = [running_program(arguments[0]), arguments[0]]
    in_gdb = run_gdb(*arguments, commands=[f"threadleak {' '.join(LIST)}"]).outputs[0]
    shown = [run_shell(*LIST, *targets(arguments)).document()]
    shown.append(json.JSONDecoder().raw_decode(in_gdb)[0])
    return [by_name(each)["plugin-unjoined"] for each in shown]


def running_program(core: str) -> str:
    return str(run_shell(*LIST, core).document()["target"]["exe"])


@pytest.mark.parametrize("core", [False, True])
def test_its_file_names_it(workshop: Workshop, core: bool) -> None:
    plugin = workshop.program("plugin", flags=SHARED)
    running = workshop.start(workshop.program("plugin_host"), plugin.path)
    for thread in unjoined(arguments(running, core)):
        own = own_frame(thread)
        assert (own["function"], own["line"], own["module"]) == ("start_work", CREATED, plugin.path)
        assert os.path.basename(own["file"]) == "plugin.c"
        assert thread["start"]["function"] == "finish_in_plugin"


def test_a_rule_finds_the_place(workshop: Workshop, tmp_path: Any) -> None:
    plugin = workshop.program("plugin", flags=SHARED)
    running = workshop.start(workshop.program("plugin_host"), plugin.path)
    rules = tmp_path / "rules"
    rules.write_text("class=unjoined site:start_work known\nclass=unjoined start:nobody known\n")
    shown = run_shell("list", "--rules", str(rules), *SETTLED, str(running.pid)).out
    assert "plugin-unjoined" not in shown and "start:nobody" in shown


def test_a_relative_path_is_that_of_the_process(workshop: Workshop) -> None:
    plugin = workshop.program("plugin", flags=SHARED)
    path = os.path.join("..", os.path.relpath(plugin.path, workshop.folder))
    running = workshop.start(workshop.program("plugin_host"), path)
    for thread in unjoined(arguments(running, False)):
        assert own_frame(thread)["function"] == "start_work"


@pytest.mark.parametrize("core", [False, True])
@pytest.mark.parametrize("what", ["replaced", "deleted", "without a build-id"])
def test_another_file_names_nothing(workshop: Workshop, what: str, core: bool) -> None:
    flags = (*SHARED[:2], "-Wl,--build-id=none") if what == "without a build-id" else SHARED
    built = workshop.program("plugin", flags=flags)
    path = os.path.join(workshop.new_folder("replaced"), "plugin")
    shutil.copy(built.path, path)
    running = workshop.start(workshop.program("plugin_host"), path)
    if what != "without a build-id":
        os.unlink(path)
    if what == "replaced":
        shutil.copy(workshop.program("plugin", flags=(*SHARED, "-O0")).path, path)
    start = symbol_offsets(built.path)["finish_in_plugin"]
    for thread in unjoined(arguments(running, core)):
        own = own_frame(thread)
        assert (own["function"], own["file"], own["line"]) == (None, None, None)
        assert own["module"] == path and thread["start"]["function"] is None
        assert int(thread["start"]["offset"], 16) == start


def test_a_deleted_program_is_called_by_its_name(workshop: Workshop) -> None:
    built = workshop.program("leaky")
    path = os.path.join(workshop.new_folder("deleted"), "leaky")
    shutil.copy(built.path, path)
    running = workshop.start(built._replace(path=path))
    os.unlink(path)
    shown = run_shell("list", "--format", "json", *SETTLED, str(running.pid)).document()
    assert shown["target"]["exe"] == path
    own = [own_frame(thread) for thread in shown["threads"]]
    assert all(os.path.basename(each["file"]) == "leaky.c" for each in own)
