# SPDX-License-Identifier: MIT
"""`threadleak metrics`: counts of processes for Prometheus, once or whenever it asks."""

import argparse
import re
import resource
import sys
from typing import Optional, Tuple

from .. import packages, whole_file
from ..judge.report import BLIND, CLEAN
from ..show.metrics import Found
from . import scraped
from .command_line import STDOUT, Outcome, Parser, UsageError
from .words import count, pid

NAME = "metrics"
TOP_SITES = 10
HOST = "127.0.0.1"
TEXT, OPENMETRICS = "prometheus", "openmetrics"
_ACCEPT = {TEXT: "", OPENMETRICS: "application/openmetrics-text"}


def parser() -> Parser:
    parser = Parser(
        NAME,
        "Count the threads of processes for Prometheus, without stopping them.",
        "[OPTION]... PID...",
        "threadleak metrics --all --output /var/lib/prometheus/node-exporter/threadleak.prom\n"
        "threadleak metrics --name 'worker*' --listen 9753",
    )
    parser.description = (
        "What cannot be read is told by threadleak_up, which is 0 then, and threadleak_down, which has the\n"
        "reason. Exit status: 2 if that was so, or no process has the name, else 0. Rules and dashboard:\n"
        "docs/production.md."
    )
    parser.add_argument("pids", nargs="*", type=pid, metavar="PID", help=argparse.SUPPRESS)
    group = parser.add_argument_group("which processes")
    group.add_argument("--name", metavar="GLOB", help="those with such a name at each time")
    group.add_argument(
        "--all", action="store_true", help="all that have the library; --name '*' is all"
    )
    group = parser.add_argument_group("what is told, and how")
    group.add_argument(
        "--top-sites",
        type=count,
        default=TOP_SITES,
        metavar="N",
        help="the N places with the most threads; the rest is `other` (default %(default)s)",
    )
    group.add_argument(
        "--listen",
        type=_address,
        metavar="[HOST:]PORT",
        help=f"answer GET /metrics until SIGTERM; HOST is {HOST} if it is not given",
    )
    group.add_argument(
        "--format",
        choices=(TEXT, OPENMETRICS),
        metavar=f"{TEXT}|{OPENMETRICS}",
        help="without --listen, where whoever asks says what it takes (default prometheus)",
    )
    group.add_argument(
        *("-o", "--output"),
        dest="file",
        metavar="FILE",
        help="replace FILE, whole, at once; - is standard output",
    )
    return parser


def _address(text: str) -> Tuple[str, int]:
    found = re.fullmatch(r"(?:(\[[0-9a-fA-F:.]+\]|[\w.-]+):)?(\d{1,5})", text)
    if found is None or int(found.group(2)) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no [HOST:]PORT")
    return (found.group(1) or HOST).strip("[]"), int(found.group(2))


def run(session: None, options: argparse.Namespace) -> Outcome:
    find = _find(options)
    if options.listen is not None and (options.file is not None or options.format is not None):
        raise UsageError("threadleak metrics: --listen writes no file, and takes no --format")
    try:
        packages.load("prometheus_client")
    except ImportError:
        name = "python3-prometheus-client"
        raise UsageError(packages.wanted("threadleak metrics", name[8:], name)) from None
    from ..show import metrics

    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limits[1], limits[1]))  # each process takes a few
    scraper = scraped.Scraper(find, options.top_sites, bool(options.pids))
    if options.listen is not None:
        from .scrape_server import serve

        try:
            serve(options.listen, lambda accept: metrics.document(scraper.read(), accept), _ready)
        except OSError as failure:
            host, port = options.listen
            raise UsageError(
                f"threadleak metrics: {host}:{port} cannot be listened at: {failure.strerror}"
            ) from None
        return Outcome("")
    found = scraper.read()
    text = metrics.document(found, _ACCEPT[options.format or TEXT])[0].decode()
    error = _error(found, options.name)
    if options.file not in (None, STDOUT):
        _replace(options.file, text)
        text = f"threadleak: written to {options.file}\n"
    return Outcome(text, CLEAN if error is None else BLIND, error)


def _error(found: Found, name: Optional[str]) -> Optional[str]:
    """Why not all is known that was asked for."""
    unknown = [each for each in found.processes if each.why]
    if len(unknown) > 1:
        return f"cannot tell all of {len(unknown):,} processes; of the first: {unknown[0].why}"
    if unknown:
        return f"cannot tell: {unknown[0].why}"
    if name is not None and not found.processes:
        return f"cannot tell: there is no process with a name like {name!r}"
    return None


def _find(options: argparse.Namespace) -> scraped.Find:
    if bool(options.pids) + (options.name is not None) + options.all != 1:
        raise UsageError(
            "threadleak metrics: give PIDs, or --name GLOB, or --all; see `threadleak metrics --help`"
        )
    if options.pids:
        return scraped.find_pids(list(dict.fromkeys(options.pids)))
    return scraped.find_all() if options.all else scraped.find_named(options.name)


def _ready(url: str) -> None:
    sys.stderr.write(f"threadleak: listening at {url}\n")
    sys.stderr.flush()


def _replace(path: str, text: str) -> None:
    try:
        whole_file.replace(path, text)
    except OSError as failure:
        raise UsageError(f"{path} cannot be written: {failure.strerror}") from None
