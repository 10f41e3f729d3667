# SPDX-License-Identifier: MIT
"""The report as one HTML file that loads nothing: page.html, page.css and the scripts of html/, with what was found.

The summary, notes, findings, graph and rules are in the page itself; threads and history are JSON, drawn by the
scripts as far as they are looked at. Whatever comes from the target is escaped: in the page as HTML, in the data as
JSON without any `<`; the scripts write it as text alone. By its policy (CSP) the page runs the scripts that it was
written with, and can load nothing and send nothing.
"""

import base64
import hashlib
import os
from html import escape
from string import Template
from typing import Any, Dict, Iterable, List, Optional, Tuple

from ..judge.report import Report
from ..judge.verdicts import Verdict
from ..read.buckets import Bucket
from ..read.history import history_of
from ..target.base import Target, TargetError
from . import text
from .counts import LEAKED, sorts
from .html_data import Data
from .html_graph import section as graph_section
from .html_rows import threads
from .json_text import encode
from .sanitize import clean
from .times import clock

FOLDER = os.path.join(os.path.dirname(__file__), "html")
SCRIPTS = ("view.js", "table.js", "details.js", "icicle.js", "history.js", "page.js")
RULES = 200  # that are listed


def document(
    report: Report,
    verdicts: Iterable[Verdict],
    opened: Iterable[Verdict] = (),
    title: Optional[str] = None,
) -> str:
    """`verdicts`: those that the table shows at first, the others once its filters are reset. `opened`: those whose
    explanations are open. `title`: of the test that was checked."""
    every = report.verdicts if report.selected is None else report.selected
    data = Data(report, every)
    rows = {id(verdict): row for row, verdict in enumerate(every)}
    first = sorted({rows[id(each)] for each in verdicts if id(each) in rows})
    is_leaked = len(first) == sum(each.leaked for each in every) and all(
        every[row].leaked for row in first
    )
    shown = {
        **threads(data),
        "first": None
        if len(first) in (0, len(every))
        else {"name": "Leaked only" if is_leaked else "Reported only", "rows": first},
        "opened": [rows[id(each)] for each in opened if id(each) in rows],
        "history": _history(report),
    }
    name = " ".join(filter(None, (report.program or "process", title)))
    return _page(
        title=escape(clean(f"threadleak: {' - '.join((*_headline(report), name))}")),
        headline=" ".join(_h1(*_headline(report))),
        mood="bad" if report.leaked else "blind" if _is_blind(report) else "good",
        about=_about(report, title),
        classes=_classes(report),
        notes=_notes(report),
        findings=_findings(report, data),
        graph=graph_section(report, data),
        rules=_section("rules", "Rules", _rules(report)),
        data=encode(shown).replace("<", "\\u003c"),
    )


def failure(sentence: str, target: str = "", body: str = "") -> str:
    """The page of a target that could not be read, or of which it cannot be told after all; `body`: what was seen."""
    told = f'<ul class="notes"><li class="blind">{escape(clean(sentence))}</li></ul>'
    if body:
        told += f'<pre class="scroll" tabindex="0">{escape(body)}</pre>'
    return plain("Cannot tell", "blind", told, clean(target))


def plain(headline: str, mood: str, content: str, about: str = "") -> str:
    """A page without threads. `mood`: good, bad or blind; `content`: HTML."""
    return _page(
        title=escape(f"threadleak: {headline}"),
        headline=escape(headline[:1].upper() + headline[1:]),
        mood=mood,
        about=f"<div><dd>{escape(about)}</dd></div>" if about else "",
        notes=content,
        data="null",
    )


def _page(**parts: str) -> str:
    script = "\n".join(map(_file, SCRIPTS))
    script = "(function () {\n'use strict';\n" + script + "\n})();"
    style = _file("page.css")
    known = dict.fromkeys(("about", "classes", "findings", "graph", "rules"), "")
    policy = (
        "default-src 'none'; base-uri 'none'; form-action 'none';"
        f" style-src '{_hash(style)}'; script-src '{_hash(script)}'"
    )
    page = Template(_file("page.html"))
    return page.substitute(known, **parts, script=script, style=style, policy=policy)


def _file(name: str) -> str:
    with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
        return file.read()


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _is_blind(report: Report) -> bool:
    return any(notice.blind for notice in report.notices)


def _headline(report: Report) -> Tuple[str, ...]:
    """And what is less than that. Never a zero that looks like all is well where that cannot be told."""
    said = text.summary(report).partition(": ")[2]
    if not report.leaked and _is_blind(report):
        return "Cannot tell", f"{said} were seen"
    return (said[0].upper() + said[1:],)


def _h1(said: str, *less: str) -> Iterable[str]:
    return (escape(said), *(f"<small>{escape(each)}</small>" for each in less))


def _about(report: Report, title: Optional[str]) -> str:
    target: Target = report.target
    facts = [("test", title or ""), ("program", target.exe or "")]
    facts += [("process", str(target.pid or "")), ("core file", target.core or "")]
    copies = report.registry.copies
    if copies:
        facts.append(("read", clock(copies[0].epoch_s(report.at.now_ns), with_zone=True) or ""))
    return "".join(
        f"<div><dt>{name}</dt><dd>{escape(clean(value))}</dd></div>"
        for name, value in facts
        if value
    )


def _classes(report: Report) -> str:
    found = sorts(report.decisions)
    return "".join(
        f'<li><button type="button" class="chip {class_}" data-class="{class_}" aria-pressed="false">'
        f"<b>{count:,}</b> {class_}{_of_them(found, class_)}</button></li>"
        for class_, count in report.by_class().items()
    )


def _of_them(found: Dict[str, Dict[str, int]], class_: str) -> str:
    """Where not all of a class leaked, what of them did, and why the others do not count."""
    mine = {sort: counts[class_] for sort, counts in found.items() if sort and class_ in counts}
    said = ", ".join(f"{count:,} {sort}" for sort, count in mine.items())
    return f"<small>: {said}</small>" if said and list(mine) != [LEAKED] else ""


def _notes(report: Report) -> str:
    notices = sorted(report.notices, key=lambda notice: not notice.blind)
    items = "".join(
        f'<li class="{"blind" if each.blind else "note"}">{escape(clean(each.text))}</li>'
        for each in notices
    )
    return f'<ul class="notes" aria-label="Notes">{items}</ul>' if items else ""


def _findings(report: Report, data: Data) -> str:
    items = []
    for each in report.findings[: text.FINDINGS]:
        links = "".join(filter(None, map(data.link, each.threads[: text.FINDINGS])))
        fix = f'<p class="fix"><b>Fix</b> {escape(clean(each.fix))}</p>' if each.fix else ""
        items.append(
            f'<li><p><b class="chip {escape(each.kind)}">{escape(each.kind)}</b>'
            f" {escape(clean(each.text))} <small>{each.confidence}</small></p>{fix}"
            f'<p class="links">{links}</p></li>'
        )
    more = len(report.findings) - text.FINDINGS
    items += [f"<li>and {more:,} more such findings</li>"] if more > 0 else []
    if not items:
        return ""
    return _section("findings", "Findings", f'<ul class="findings">{"".join(items)}</ul>')


def _section(id: str, title: str, content: str) -> str:
    return (
        f'<section id="{id}" aria-labelledby="{id}-title"><h2 id="{id}-title">{title}</h2>'
        f"{content}</section>"
    )


def _rules(report: Report) -> str:
    """Those that expected threads, and those that were given and did not."""
    used: Dict[Any, int] = {}
    marks: Dict[str, int] = {}
    for decision, count in report.decisions.items():
        if decision.rule is not None:
            used[decision.rule] = used.get(decision.rule, 0) + count
        elif decision.expected_by:
            marks[decision.expected_by] = marks.get(decision.expected_by, 0) + count
    over = set(report.rules.over)
    rows: List[List[str]] = [
        [rule.pattern, rule.reason, rule.origin, f"{count:,}"] for rule, count in used.items()
    ]
    rows += [[text, "", "mark, option or baseline", f"{count:,}"] for text, count in marks.items()]
    rows += [
        [rule.pattern, rule.reason, rule.origin, "past its date" if rule in over else "unused"]
        for rule in report.rules.given
        if rule not in used
    ]
    if not rows:
        return "<p>No rule was needed, and none was given.</p>"
    cells = "".join(
        "<tr>" + "".join(f"<td>{escape(clean(cell))}</td>" for cell in row) + "</tr>"
        for row in rows[:RULES]
    )
    more = f"<p>and {len(rows) - RULES:,} more</p>" if len(rows) > RULES else ""
    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="Rules"><table class="rules"><thead><tr><th scope="col">Rule</th><th scope="col">Reason</th>'
        '<th scope="col">From</th><th scope="col">Threads</th></tr></thead>'
        f"<tbody>{cells}</tbody></table></div>{more}"
    )


def _history(report: Report) -> Optional[Dict[str, Any]]:
    """None: there is none, or it cannot be read."""
    try:
        found = history_of(report.registry, report.target)
    except TargetError:
        return None
    return None if found is None else {"levels": [_level(each) for each in found.levels]}


def _level(buckets: List[Bucket]) -> List[List[float]]:
    """As history.js takes it."""
    return [
        [round(each.begun_s, 1), round(each.span_s, 1), each.alive, each.unjoined, each.peak]
        for each in buckets
    ]
