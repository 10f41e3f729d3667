# SPDX-License-Identifier: MIT
"""Places in code as SARIF's locations and stacks."""

from typing import Any, Dict, Iterable, List, Optional
from urllib.parse import quote

from ..escapes import readable
from ..target.base import Frame
from .places import in_module, place
from .sanitize import clean
from .source_root import below

ROOT = "%SRCROOT%"  # the name that readers know (SARIF 2.1.0, 3.14.14)
FRAMES_MAX = 64  # of a stack
_INT32_MAX = 2**31 - 1


def message(text: str) -> Dict[str, str]:
    """Of text that may hold anything. Brackets make links, braces are places of arguments (3.11.5, 3.11.6)."""
    shown = clean(text).replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")
    return {"text": shown.replace("{", "{{").replace("}", "}}")}


def folder_uri(path: str) -> str:
    return "file://" + quote(readable(path).rstrip("/") + "/")


class Places:
    """`root`: of the sources, if it is known."""

    def __init__(self, root: Optional[str]):
        self.root = root

    def artifact(self, path: str) -> Dict[str, str]:
        inside = below(self.root, path)
        if inside is not None:
            return {"uri": quote(readable(inside)), "uriBaseId": ROOT}
        return {"uri": "file://" + quote(readable(path))}

    def location(self, frame: Frame) -> Dict[str, Any]:
        """The line in the source; without one the file of the program that the code lies in, since readers refuse what
        is in no file."""
        found: Dict[str, Any] = {}
        if frame.file:
            physical: Dict[str, Any] = {"artifactLocation": self.artifact(frame.file)}
            if frame.line and 0 < frame.line <= _INT32_MAX:
                physical["region"] = {"startLine": frame.line}
            found["physicalLocation"] = physical
        elif frame.module:
            found["physicalLocation"] = {"artifactLocation": self.artifact(frame.module)}
        if frame.function:
            name = clean(frame.function)
            found["logicalLocations"] = [{"fullyQualifiedName": name, "kind": "function"}]
        return found

    def told(self, frame: Frame, text: str) -> Dict[str, Any]:
        """A location, and what it is."""
        return {**self.location(frame), "message": message(text)}

    def stack(self, frames: Iterable[Frame], title: str) -> Dict[str, Any]:
        shown = [self._frame(frame) for frame in list(frames)[:FRAMES_MAX]]
        return {"message": message(title), "frames": shown}

    def _frame(self, frame: Frame) -> Dict[str, Any]:
        shown: Dict[str, Any] = {"location": self.told(frame, place(frame))}
        module = in_module(frame)
        return {**shown, "module": module} if module is not None else shown

    def of_file(self, path: Optional[str]) -> List[Dict[str, Any]]:
        return [{"physicalLocation": {"artifactLocation": self.artifact(path)}}] if path else []
