# SPDX-License-Identifier: MIT
"""Where the sources lie that a report speaks of, so that CI servers find them in their repository."""

import os
from typing import Optional

# The checkout, as the runners of GitHub and GitLab name it to whatever they start.
_VARIABLES = ("GITHUB_WORKSPACE", "CI_PROJECT_DIR")


def source_root(given: Optional[str] = None) -> Optional[str]:
    """A folder, absolute. `given`: by the user; else the checkout of a CI server; None: neither is known."""
    paths = [given, *map(os.environ.get, _VARIABLES)]
    found = next(filter(None, paths), None)
    return None if found is None else os.path.abspath(found)


def below(root: Optional[str], path: str) -> Optional[str]:
    """The path as the repository has it; None: it lies elsewhere.

    What is relative was so to the folder in which the compiler ran, which nothing tells: the root, or a folder for
    builds in it (`../src/pool.c`)."""
    if not path.startswith("/"):
        parts = os.path.normpath(path).split("/")
        up = next((at for at, part in enumerate(parts) if part != ".."), len(parts))
        return "/".join(parts[up:]) or "."
    if root is None:
        return None
    inside, folder = os.path.normpath(path), root.rstrip("/") + "/"
    return inside[len(folder) :] if inside.startswith(folder) else None
