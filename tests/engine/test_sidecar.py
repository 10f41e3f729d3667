# SPDX-License-Identifier: MIT
"""What is beside a core: read whatever its bytes are; who sockets are between; the line for core_pattern."""

import re
from pathlib import Path
from typing import Any, Dict

import pytest
from hypothesis import given, settings as examples
from hypothesis import strategies as st
from threadleak.commands.core_handler import settings
from threadleak.target.base import TargetError
from threadleak.target.open_files import _of_sidecar
from threadleak.target.sidecar import Sidecar
from threadleak.target.sockets import peers
from threadleak.target.thread_limits import limits
from image import FakeTarget, image
from threadleak.target.sidecar import Found

MAGIC = b"threadleak-sidecar/1\n"
RECORDS = {
    "host": b"web-1",
    "time_ns": b"1700000000000000000",
    "self/stat": b"70 (x) y) S 1",
    "self/status": b"Name:\tx\nVmSize:\t    2048 kB\nUid:\t5\t5\t5\t5\nNSpid:\t70\t7\n",
    "self/task/70/comm": b"main",
    "self/task/71/comm": b"a\nb \x1b",
    "self/task/71/status": b"NSpid:\t71\t9\n",
    "self/limits": b"Max address space         4194304   4194304   bytes\nMax processes  50  50  processes\n",
    "self/maps.count": b"100",
    "sys/vm/max_map_count": b"65530\n",
    "sys/kernel/pid_max": b"32768\n",
    "loadavg": b"0.1 0.2 0.3 1/768 99\n",
    "cgroup/pids.max": b"1000\n",
    "cgroup/pids.current": b"10\n",
    "self/fd/3": b"socket:[55]",
    "self/fdinfo/3": b"pos:\t0\nflags:\t02\n",
    "self/fd/4": b"anon_inode:[eventpoll]",
    "self/fdinfo/4": b"flags:\t02\ntfd:        3 events:       19\n",
    "self/net/tcp": b"   0: 0100007F:1F90 0200000A:0016 01 0:0 0:0 0 0 0 55 1\n",
    "new/of/later": b"anything",
}


def written(records: Dict[str, bytes]) -> bytes:
    parts = (b"%s %d\n%s\n" % (name.encode(), len(data), data) for name, data in records.items())
    return MAGIC + b"".join(parts) + b"end 0\n\n"


def sidecar(tmp_path: Path, data: bytes) -> Sidecar:
    (tmp_path / "s").write_bytes(data)
    return Sidecar(str(tmp_path / "s"))


def test_all_of_it(tmp_path: Path) -> None:
    found = sidecar(tmp_path, written(RECORDS))
    assert (found.host, found.pid, found.time_s, found.cut) == ("web-1", 70, 1.7e9, None)
    assert found.thread_name(9) == "a\nb \x1b" and found.thread_name(70) == "main"
    assert found.thread_name(71) is None
    files = dict(_of_sidecar(found))
    assert files[3].ends == "TCP 127.0.0.1:8080 to 10.0.0.2:22" and files[4].watched == (3,)


def test_what_limits_threads_is_told(tmp_path: Path) -> None:
    target: Any = FakeTarget(image([]), [], 0)
    assert list(limits(target)) == []
    target.beside = Found(sidecar(tmp_path, written(RECORDS)))
    found = {each.name: (each.most, each.left) for each in limits(target)}
    assert found["vm.max_map_count"] == (65530, 65430)
    assert found["RLIMIT_AS (ulimit -v)"] == (4 << 20, 2 << 20)
    assert found["kernel.pid_max"] == (32768, 32000)
    assert found["pids.max of its cgroup"] == (1000, 990)
    assert not any("NPROC" in name for name in found)  # who else ran is not told


@pytest.mark.parametrize(
    "data, why",
    [
        (b"", "it is none"),
        (b"\x7fELF", "it is none"),
        (b"threadleak-sidecar/12\nend 0\n\n", "its version is 12, and 1 is read here"),
        (MAGIC, "cut short"),
        (written(RECORDS)[:-1], "cut short"),
        (MAGIC + b"a 999999999\nb\n", "cut short"),
        (MAGIC + b"a -1\nb\n", "cut short"),
        (MAGIC + b"x" * 1000, "cut short"),
    ],
)
def test_what_is_refused(tmp_path: Path, data: bytes, why: str) -> None:
    with pytest.raises(TargetError, match=why):
        sidecar(tmp_path, data)


@examples(max_examples=150)
@given(st.data())
def test_hostile_bytes(tmp_path_factory: Any, data: Any) -> None:
    """Records of any content, and a whole file with bytes changed."""
    contents = st.one_of(
        st.binary(max_size=80), st.text("0123456789:[] \t\nNSpidA.F", max_size=80).map(str.encode)
    )
    records = {name: data.draw(contents) for name in RECORDS}
    raw = bytearray(written(records))
    for at in data.draw(st.lists(st.integers(0, len(raw) - 1), max_size=3)):
        raw[at] = data.draw(st.integers(0, 255))
    try:
        found = sidecar(tmp_path_factory.mktemp("s"), bytes(raw))
    except TargetError:
        return
    target: Any = FakeTarget(image([]), [], 0)
    target.beside = Found(found)
    list(limits(target))
    dict(_of_sidecar(found))
    assert found.thread_name(9) is None or isinstance(found.thread_name(9), str)
    str((found.host, found.pid, found.time_s, found.cut))


def test_between_whom_sockets_are() -> None:
    tables = {
        "tcp": "  sl  local_address rem_address   st\n"
        "   1: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 10 1\n",
        "tcp6": "   0: 00000000000000000000000001000000:1F90 0000000000000000FFFF00000100007F:C350 01"
        " 0:0 0:0 0 0 0 11 1\n",
        "udp": "   7: 0100007F:0035 00000000:0000 07 0:0 0:0 0 0 0 12 2\n",
        "unix": "Num RefCount Protocol Flags Type St Inode Path\n"
        "0: 00000002 00000000 00010000 0001 01 13 /run/a b\n0: 00000003 00000000 00000000 0001 03 14\n",
    }
    assert peers(tables.get) == {
        10: "TCP, listens at 0.0.0.0:80",
        11: "TCP [::1]:8080 to [::ffff:127.0.0.1]:50000",
        12: "UDP 127.0.0.1:53",
        13: "UNIX /run/a b",
        14: "UNIX",
    }


def test_the_settings() -> None:
    def pattern(*arguments: Any) -> str:
        found = re.findall(r"^kernel.core_pattern=(.*)$", settings(*arguments).text, re.M)
        return found[0] if len(found) == 1 else ""

    own = "|/x/h -p %P -o /var/lib/threadleak/core.%%e.%%p.%%t"
    assert pattern("core", None, "/x/h") == own
    assert pattern("/var/crash/%e.%p", None, "/x/h") == "|/x/h -p %P -o /var/crash/%%e.%%p"
    systemd = "|/usr/lib/systemd/systemd-coredump %P %u %g %s %t 9223372036854775808 %h"
    chained = f"|/usr/libexec/threadleak-core-handler -p %P -- {systemd[1:]}"
    assert pattern(systemd, None, "/usr/libexec/threadleak-core-handler") == chained
    assert pattern(systemd, "/c/%p", "/x/h") == "|/x/h -p %P -o /c/%%p"
    assert pattern(own, None, "/x/h") == own
    for refused in (
        ("core", "relative", "/x/h"),
        ("@socket", None, "/x/h"),
        ("|/" + "y" * 99, None, "/x/h" * 9),
    ):
        with pytest.raises(TargetError):
            settings(*refused)
