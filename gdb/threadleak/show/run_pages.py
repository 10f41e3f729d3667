# SPDX-License-Identifier: MIT
"""What a run leaves as HTML: the page of the one check that failed, or an overview that leads to the pages of several."""

from html import escape
from typing import Dict, List, Mapping, NamedTuple

from ..judge.programs import Programs
from . import html
from .programs import headline, message, name
from .run_documents import Written
from .sanitize import clean

ROWS = 500


class Pages(NamedTuple):
    first: str  # for the file that was asked for
    others: Dict[str, str]  # by name, beside it


def pages(
    programs: Programs, bodies: Mapping[int, Written], hanging: Mapping[int, str], file: str
) -> Pages:
    """`bodies`: what each process wrote, by pid. `hanging`: what is told of those that did not end. `file`: the name
    of the file that was asked for, which the others are named after."""
    found = [(pid, page) for pid, written in bodies.items() for page in written.pages]
    bad = [each for each in programs.all if each.leaked or each.blind]
    if len(found) == len(bad) == 1 and not programs.nothing and not hanging:
        return Pages(found[0][1], {})
    stem, dot, extension = file.rpartition(".")
    names = [
        f"{stem or extension}-{at + 2}{dot}{extension if stem else ''}" for at in range(len(found))
    ]
    links: Dict[int, List[str]] = {}
    for (pid, _), each in zip(found, names):
        links.setdefault(pid, []).append(each)
    return Pages(_overview(programs, links, hanging), dict(zip(names, (page for _, page in found))))


def _overview(
    programs: Programs, links: Mapping[int, List[str]], hanging: Mapping[int, str]
) -> str:
    every = sorted(programs.all, key=lambda each: (not each.leaked, not each.blind))
    mood = "good"
    if any(each.leaked for each in every):
        mood = "bad"
    elif programs.nothing or any(each.blind for each in every):
        mood = "blind"
    rows = []
    for each in every[:ROWS]:
        result = "leaked" if each.leaked else "cannot tell" if each.blind else "clean"
        reports = " ".join(
            f'<a href="{escape(file)}">report</a>' for file in links.get(each.pid, ())
        )
        cells = (str(each.pid), result, name(each), message(each) if result != "clean" else "")
        told = "".join(f"<td>{escape(clean(cell))}</td>" for cell in cells)
        rows.append(f"<tr>{told}<td>{reports}</td></tr>")
    if len(every) > ROWS:
        rows.append(f'<tr><td colspan="5">and {len(every) - ROWS:,} more</td></tr>')
    heads = "".join(
        f'<th scope="col">{each}</th>'
        for each in ("Process", "Result", "Program", "What", "Report")
    )
    shown = (
        '<section aria-labelledby="programs"><h2 id="programs">Programs</h2><div class="scroll">'
        f'<table class="rules"><thead><tr>{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table></div></section>'
    )
    for told_of in hanging.values():
        shown += f'<pre class="scroll" tabindex="0">{escape(told_of)}</pre>'
    return html.plain(headline(programs).partition(": ")[2], mood, shown)
