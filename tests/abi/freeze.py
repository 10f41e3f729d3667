# SPDX-License-Identifier: MIT
"""Makes the frozen image of the current version: /usr/bin/python3 tests/abi/freeze.py, after `make`.

registry-MAJOR.MINOR.bin holds what freeze.c wrote; .json what reading it must give. Once a version is
released its files never change: readers of all later ones are tested with them. Look at the difference
before you commit new ones.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / "gdb"), str(HERE)]

from frozen import FrozenTarget, describe, load  # noqa: E402
from threadleak.read import abi  # noqa: E402


def main() -> None:
    name = HERE / f"registry-{abi.MAJOR}.{abi.MINOR}"
    build = ROOT / "build"
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "freeze"
        source = [str(HERE / "freeze.c"), f"-I{ROOT / 'helper' / 'include'}"]
        library = [f"-L{build}", "-lthreadleak", f"-Wl,-rpath,{build}", "-pthread"]
        command = ["gcc", "-g", "-O1", "-D_GNU_SOURCE", *source, *library, "-o", str(program)]
        subprocess.run(command, check=True)
        # a path of its own: the image shall not hold that of the machine which made it
        subprocess.run([str(program), f"{name}.bin"], check=True, cwd="/")
    target = FrozenTarget(load(name.with_suffix(f".{abi.MINOR}.bin")))
    text = json.dumps(describe(target), indent=1)
    name.with_suffix(f".{abi.MINOR}.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
