# SPDX-License-Identifier: MIT
"""Names of a stripped program come from a debuginfod server, where one is configured."""

import ctypes
import functools
import http.server
import subprocess
import threading
from pathlib import Path
from typing import Iterator

import pytest
from run_shell import run_shell
from workshop import Workshop, line_of


def is_installed() -> bool:
    try:
        ctypes.CDLL("libdebuginfod.so.1")
    except OSError:
        return False
    return True


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """Serves tmp_path/served."""
    served = tmp_path / "served"
    served.mkdir()
    handler = functools.partial(Quiet, directory=str(served))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{made.server_address[1]}/"
        made.shutdown()
        thread.join()


def build_id(path: str) -> str:
    text = subprocess.run(["readelf", "-n", path], capture_output=True, text=True, check=True)
    return text.stdout.split("Build ID: ")[1].split()[0]


@pytest.mark.skipif(not is_installed(), reason="libdebuginfod.so.1 is not installed")
def test_names_of_a_stripped_program(workshop: Workshop, tmp_path: Path, server: str) -> None:
    program = workshop.program("leaky", flags=("-Wl,--build-id",), strip=True)
    folder = tmp_path / "served" / "buildid" / build_id(program.path)
    folder.mkdir(parents=True)
    copy = ["objcopy", "--only-keep-debug", program.whole, str(folder / "debuginfo")]
    subprocess.run(copy, check=True)
    core = workshop.core(program)
    without = run_shell("list", program.path, core)
    assert "leaky.c" not in without.out
    cache = str(tmp_path / "cache")
    env = {"DEBUGINFOD_URLS": server, "DEBUGINFOD_CACHE_PATH": cache, "HOME": str(tmp_path)}
    seen = run_shell("list", program.path, core, env=env)
    assert f"(leaky.c:{line_of('leaky', '/* creates straggler */')})" in seen.out
