# SPDX-License-Identifier: MIT
"""The graph of who waits for whom, for the HTML page: drawn by graphviz where that is installed, and as text.

What graphviz writes is taken element by element, and of its attributes those that say where and how large alone.
"""

from html import escape
from typing import TYPE_CHECKING, List, Optional

from ..judge.report import Report
from ..judge.wait_graph import WaitGraph, wait_graph
from ..target.base import TargetError
from . import graph
from .html_data import Data
from .sanitize import clean

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

DRAWN = 100  # waits, cycles first: a larger drawing is none that one can read
LINES = 200
_SVG = "{http://www.w3.org/2000/svg}"
_ELEMENTS = {
    "svg": ("viewBox", "width", "height"),
    "g": ("transform",),
    "polygon": ("points",),
    "path": ("d",),
    "text": ("x", "y", "text-anchor"),
}


def section(report: Report, data: Data) -> str:
    return (
        '<section id="waits" aria-labelledby="waits-title"><h2 id="waits-title">Who waits for whom</h2>'
        f"{_body(report, data)}</section>"
    )


def _body(report: Report, data: Data) -> str:
    if report.sought.why_not:
        return _sentence(report.sought.why_not)
    try:
        found = wait_graph(report)
    except TargetError as error:
        return _sentence(f"This cannot be told: {error}")
    numbers = [
        number for number in sorted(found.seen.edges) if id(found.threads[number]) in data.rows
    ]
    if not numbers:
        return _sentence("No thread waits for another one.")
    stuck = found.seen.stuck
    numbers.sort(key=lambda number: (not found.is_proven(number), number not in stuck))
    drawing = graph.svg(graph.dot(report, found, numbers[:DRAWN]))
    shown = _sentence("graphviz is not installed, so here it is as text.")
    if drawing is not None:
        shown = _drawing(drawing, found, data)
        if len(numbers) > DRAWN:
            shown += _sentence(f"{len(numbers) - DRAWN:,} more waits are not drawn.")
    lines = graph.lines(report, found, numbers[:LINES])
    items = "".join(f"<li>{escape(clean(line))}</li>" for line in lines)
    if len(numbers) > LINES:
        items += f"<li>and {len(numbers) - LINES:,} more</li>"
    is_open = " open" if drawing is None else ""
    return f"{shown}<details{is_open}><summary>The same as text</summary><ul>{items}</ul></details>"


def _sentence(text: str) -> str:
    return f"<p>{escape(clean(text))}</p>"


def _drawing(svg: str, found: WaitGraph, data: Data) -> str:
    from xml.etree import ElementTree

    drawn = "".join(_element(ElementTree.fromstring(svg), found, data))
    return (
        '<div class="drawing scroll" tabindex="0" role="region" aria-label="Graph of waits; cycles are red">'
        f"{drawn}</div>"
    )


def _element(element: "Element", found: WaitGraph, data: Data) -> List[str]:
    """The element and all that is inside it."""
    tag = element.tag[len(_SVG) :] if element.tag.startswith(_SVG) else ""
    if tag not in _ELEMENTS or element.get("fill") == "white":  # the latter is the paper
        return []
    more = _more(element, tag, found, data)
    told = "".join(
        f' {name}="{escape((element.get(name) or "").replace("pt", ""))}"'
        for name in _ELEMENTS[tag]
        if element.get(name) is not None
    )
    inner = [escape(clean(element.text))] if tag == "text" and element.text else []
    for each in element:
        inner += _element(each, found, data)
    return [f"<{tag}{told}{more}>", *inner, f"</{tag}>"]


def _more(element: "Element", tag: str, found: WaitGraph, data: Data) -> str:
    """What makes it one of the page: its class, and of a thread what it leads to."""
    kind = element.get("class") or ""
    if tag == "svg":
        return ' role="group" aria-label="Threads and what they wait for"'
    if tag != "g" or kind not in ("node", "edge"):
        return ""
    if kind == "edge":
        is_red = any(each.get("stroke") == "red" for each in element)
        return ' class="edge stuck"' if is_red else ' class="edge"'
    row = _row(element, found, data)
    if row is None:
        return ' class="node"'
    title = element.findtext(f"{_SVG}title") or ""
    stuck = " stuck" if found.is_proven(int(title[1:])) else ""
    said = escape(clean(element.findtext(f"{_SVG}text") or ""))
    return f' class="node{stuck}" data-row="{row}" tabindex="0" role="button" aria-label="{said}"'


def _row(element: "Element", found: WaitGraph, data: Data) -> Optional[int]:
    """Nodes are called t and the thread's number."""
    title = element.findtext(f"{_SVG}title") or ""
    if not title[1:].isdecimal() or int(title[1:]) >= len(found.threads):
        return None
    return data.rows.get(id(found.threads[int(title[1:])]))
