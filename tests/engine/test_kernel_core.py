# SPDX-License-Identifier: MIT
"""Where a core is, by the kernel's pattern."""

from pathlib import Path

import pytest
from threadleak.commands import kernel_core

PID, ABORTED = 4711, 6 | 0x80  # as of wait(2), with a core


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for cores, and files that say what the kernel is told."""
    monkeypatch.setattr(kernel_core, "PATTERN", str(tmp_path / "core_pattern"))
    monkeypatch.setattr(kernel_core, "USES_PID", str(tmp_path / "core_uses_pid"))
    (tmp_path / "core_uses_pid").write_text("0\n")
    (tmp_path / "cores").mkdir()
    return tmp_path


def said(machine: Path, pattern: str, status: int = ABORTED) -> object:
    (machine / "core_pattern").write_text(pattern + "\n")
    return kernel_core.kernel_core(PID, status)


def test_what_is_known_is_filled_in(machine: Path) -> None:
    assert said(machine, "core", status=6) is None
    assert said(machine, "core") == "core"
    assert said(machine, "/c/100%%-%p-%s%x%") == "/c/100%-4711-6"
    assert said(machine, "|/usr/lib/handler %p") == "a core, given to /usr/lib/handler"
    assert (
        said(machine, "@/run/coredump.socket") == "a core, sent to the socket @/run/coredump.socket"
    )
    (machine / "core_uses_pid").write_text("1\n")
    assert said(machine, "core") == "core.4711"
    assert said(machine, "%%p") == "%p.4711"
    assert said(machine, "%p") == "4711"


@pytest.mark.parametrize("sign", list("eEfiIPugthcdC"))
def test_the_file_tells_what_the_kernel_alone_knew(machine: Path, sign: str) -> None:
    pattern = f"{machine}/cores/[core].%{sign}.%p"
    untold = f"{machine}/cores/[core].%{sign}.4711, where the kernel alone knows %{sign} (core(5))"
    assert said(machine, pattern) == untold
    (machine / "cores" / "[core].server.4711").touch()
    (machine / "cores" / "[core].server.4712").touch()
    assert said(machine, pattern) == f"{machine}/cores/[core].server.4711"
    (machine / "cores" / "[core].worker.4711").touch()
    assert said(machine, pattern) == untold
