# SPDX-License-Identifier: MIT
"""The real coredumpctl and a journal for it, which systemd's own tool makes: no systemd runs, and the machine's cores go where
they went before."""

import os
import subprocess
from glob import glob
from pathlib import Path
from typing import Any, Dict, List, Optional

from run_gdb import ROOT

FETCHED = os.path.join(ROOT, "build", "frameworks", "coredumpctl")  # by scripts/frameworks
COREDUMPCTL = f"{FETCHED}/usr/bin/coredumpctl"
_JOURNAL_REMOTE = f"{FETCHED}/lib/systemd/systemd-journal-remote"
_LIBRARIES = ":".join(glob(f"{FETCHED}/usr/lib/*/") + glob(f"{FETCHED}/usr/lib/*/systemd/"))
_MESSAGE_ID = "fc2e22bc6ee647b6b90729ab34a250b1"  # SD_MESSAGE_COREDUMP of sd-messages.h
_BOOT_ID = "0123456789abcdef0123456789abcdef"


def why_not() -> Optional[str]:
    """None: it runs here."""
    if not os.path.exists(COREDUMPCTL):
        return "coredumpctl is not there: scripts/frameworks fetches it"
    for program in (COREDUMPCTL, _JOURNAL_REMOTE):
        done = subprocess.run(
            [program, "--version"], env={"LD_LIBRARY_PATH": _LIBRARIES}, capture_output=True
        )
        if done.returncode:
            return f"{program} does not run: {done.stderr.decode()}"
    return None


def entry(pid: int, exe: str, time_us: int, **fields: Any) -> Dict[str, Any]:
    """Of a core, as systemd-coredump logs it; `fields` without COREDUMP_."""
    return {
        "pid": pid,
        "uid": 0,
        "gid": 0,
        "signal": 6,
        "timestamp": time_us,
        "exe": exe,
        "comm": os.path.basename(exe),
        **fields,
    }


class Journal:
    """In `folder`, where a coredumpctl that reads it is made."""

    def __init__(self, folder: Path, entries: List[Dict[str, Any]]):
        self._folder = folder
        file = folder / "cores.journal"
        subprocess.run(
            [_JOURNAL_REMOTE, "-o", file, "-"],
            env={"LD_LIBRARY_PATH": _LIBRARIES},
            input=b"".join(map(_exported, entries)),
            capture_output=True,
            check=True,
        )
        program = folder / "coredumpctl"
        program.write_text(
            f'#!/bin/sh\nLD_LIBRARY_PATH={_LIBRARIES} exec {COREDUMPCTL} --file={file} "$@"\n'
        )
        program.chmod(0o755)
        (folder / "tmp").mkdir()

    def environment(self) -> Dict[str, str]:
        return {"PATH": f"{self._folder}:/usr/bin:/bin", "TMPDIR": f"{self._folder}/tmp"}

    def left_behind(self) -> List[str]:
        return os.listdir(self._folder / "tmp")


def _exported(entry: Dict[str, Any]) -> bytes:
    """Journal Export Format of systemd."""
    head = f"__REALTIME_TIMESTAMP={entry['timestamp']}\n_BOOT_ID={_BOOT_ID}\nMESSAGE_ID={_MESSAGE_ID}\n"
    lines = [head.encode()]
    for name, value in entry.items():
        field = ("COREDUMP_" + name.upper() if name != "core" else "COREDUMP").encode()
        if isinstance(value, bytes):
            lines.append(field + b"\n" + len(value).to_bytes(8, "little") + value + b"\n")
        else:
            lines.append(field + f"={value}\n".encode())
    return b"".join(lines) + b"\n"
