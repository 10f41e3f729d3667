# SPDX-License-Identifier: MIT
"""What a target says of the history and the events of its process, without what depends on when it is read."""

import json
from typing import Any, Dict

from threadleak.read.events import events_of
from threadleak.read.history import history_of
from threadleak.read.locate import read_registry


def read_over_time(target: Any) -> Dict[str, Any]:
    registry = read_registry(target)
    history, events = history_of(registry, target), events_of(registry, target)
    assert history is not None and events is not None
    sums = [[sum(bucket[at] for bucket in level) for at in (2, 3, 4)] for level in history.levels]
    sites = {each.index: each for each in history.sites}
    return {
        "started": history.started_s,
        "total": list(history.total),
        "sums": sums,
        "ends": [[level[-1].alive, level[-1].unjoined] for level in history.levels],
        "peak": max(bucket.peak for bucket in history.levels[0]),
        "sites": {
            str(index): [each.created, each.finished, each.joined, each.alive, each.peak]
            for index, each in sites.items()
        },
        "of_sites": {
            str(index): [sum(bucket.created for bucket in level) for level in each.levels()]
            for index, each in sites.items()
        },
        "events": [list(event) for event in events.events],
        "lost": [events.overwritten, events.torn],
    }


def show() -> None:
    """In GDB."""
    from threadleak.in_gdb import session

    print(json.dumps(read_over_time(session.target())))
