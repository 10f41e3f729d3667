# SPDX-License-Identifier: MIT
"""`merge` as JSON: the document of json.py, with the key "merge"."""

from typing import Any, Dict, Sequence

from ..judge.blame import own_frame
from ..judge.fleet import Ranked, Ranking
from . import json
from .json_text import dump
from .json_threads import of_frame


def document(ranking: Ranking, unread: Sequence[str], unread_count: int) -> str:
    """`unread`: a sentence for each of the files, or for the first of many, that could not be read."""
    shown = {
        "documents": ranking.documents,
        "unread": unread_count,
        "unread_why": list(unread),
        "instances": ranking.instances,
        "hosts": ranking.hosts,
        "threads": ranking.threads,
        "leaked": ranking.leaked,
        "blind": ranking.blind,
        "blind_why": ranking.blind_why,
        "without_library": ranking.without_library,
        "partial": ranking.partial,
        "sites": list(map(_site, ranking.sites)),
    }
    return dump({**json.empty(), "merge": shown})


def _site(each: Ranked) -> Dict[str, Any]:
    site = each.site
    growth = each.growth_per_h
    return {
        "fingerprint": site.fingerprint or None,
        "programs": list(each.programs),
        "rms": round(each.rms, 3),
        "rms_leaked": round(each.rms_leaked, 3),
        "instances": each.instances,
        "of_instances": each.of_instances,
        "hosts": each.hosts,
        "of_hosts": each.of_hosts,
        "threads": each.threads,
        "leaked": each.leaked,
        "by_class": each.by_class,
        "max": each.most,
        "max_at": each.most_at,
        "growth_per_h": None if growth is None else round(growth, 3),
        "grew": each.grew,
        "start": None if site.start is None else of_frame(site.start),
        "creation_stack": [of_frame(frame) for frame in site.frames],
        "own_frame": own_frame(list(site.frames)),
        "fix": site.fix,
    }
