# SPDX-License-Identifier: MIT
"""Metrics of whatever a target may be called, as Prometheus's own parsers read them."""

from typing import List, Set

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadleak.read.counts import Counts
from threadleak.show.metrics import OTHER, Found, Process, Site, document, top

pytest.importorskip("prometheus_client", reason="needs python3-prometheus-client")

numbers = st.integers(0, 1 << 40)
names = st.text(max_size=6)
sites = st.lists(st.builds(Site, names, numbers, numbers, numbers), max_size=8)
told = st.none() | numbers
counts = st.builds(
    Counts,
    st.just(0.0),
    numbers,
    st.none() | st.integers(-9, 9),
    told,
    told,
    told,
    st.just({}),
    told,
)
processes = st.lists(
    st.builds(Process, numbers, names, names, st.none() | counts, sites, st.none(), told),
    max_size=3,
    unique_by=lambda process: process.pid,
)


@given(processes, st.sampled_from(["", "application/openmetrics-text"]))
@settings(max_examples=60)
def test_whatever_they_are_called(found: List[Process], accept: str) -> None:
    from prometheus_client import openmetrics, parser  # what Prometheus's people test theirs with
    import prometheus_client.openmetrics.parser  # noqa: F401

    shown = [each._replace(sites=top(each.sites, 3, set())) for each in found]
    text = document(Found(shown, 0), accept)[0].decode()
    read = openmetrics.parser if accept else parser
    samples = [
        each for family in read.text_string_to_metric_families(text) for each in family.samples
    ]
    series = [(each.name, tuple(sorted(each.labels.items()))) for each in samples]
    assert len(set(series)) == len(series), "no series twice"
    up = {int(each.labels["pid"]): each.value for each in samples if each.name == "threadleak_up"}
    assert up == {each.pid: not each.why for each in found}
    unjoined = {each.labels["pid"] for each in samples if each.labels.get("class") == "unjoined"}
    for each in found:
        if each.counts is None and not each.sites:
            assert str(each.pid) not in unjoined


@given(sites, st.integers(0, 5))
def test_top(found: List[Site], most: int) -> None:
    kept: Set[str] = set()
    shown = top(found, most, kept)
    assert len(shown) <= most + 1 and len({site.name for site in shown}) == len(shown)
    for at in (1, 2, 3):
        assert sum(site[at] for site in shown) == sum(site[at] for site in found)
    assert kept == {site.name for site in shown[:most]}


def test_one_that_is_shown_stays() -> None:
    kept: Set[str] = set()
    a, b = Site("a", 1, 0, 1), Site("b", 1, 0, 9)
    assert [site.name for site in top([a, b], 1, kept)] == ["b", OTHER]
    assert [site.name for site in top([a._replace(created=99), b], 1, kept)] == ["b", OTHER]
    assert [site.name for site in top([a._replace(alive=2), b], 1, kept)] == ["a", OTHER]
