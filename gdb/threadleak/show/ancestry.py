# SPDX-License-Identifier: MIT
"""Who created the thread that created a thread, and so on."""

from typing import List

from ..judge.ids import named
from ..judge.report import Report
from ..judge.verdicts import Verdict
from ..read import abi
from ..read.model import text_of
from .places import own_place
from .sanitize import clean
from .style import PLAIN, Style

ANCESTORS = 8


def ancestry(report: Report, verdict: Verdict, style: Style = PLAIN) -> List[str]:
    """The creator, its creator and so on: by the records while they exist, by the sites for those gone."""
    record, copy = verdict.thread.record, verdict.thread.copy
    if record is None or copy is None or not record.creator:
        return []
    lines = ["created by:"]
    site = record.site
    for creator in copy.creators(record)[:ANCESTORS]:
        site = creator.site
        name = named(copy.name_of(creator.id), clean(text_of(creator.name)))
        if creator.state & abi.MAIN:
            lines.append(f"  {name}, the main thread")
            return lines
        frames = report.stacks.walk(copy, creator.site)
        lines.append(f"  {name}, created at {own_place(frames, style)}")
    gone = copy.site_ancestry(site)[1 : ANCESTORS + 1]
    if site == record.site:
        of = f"thread {copy.name_of(record.creator)}"
        lines.append(f"  {of}, which is gone" + ("" if gone else ": nothing more is known of it"))
    else:
        lines.append("  a thread that is gone")
    several = copy.site(record.site)
    for index in gone:
        lines.append(f"    created at {own_place(report.stacks.walk(copy, index), style)}")
    if gone and several is not None and several.flags & abi.SITE_CREATORS:
        lines.append("    (there were creators from other places too; this is the first one's)")
    return lines
