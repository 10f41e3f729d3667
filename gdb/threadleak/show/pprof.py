# SPDX-License-Identifier: MIT
"""Samples as a profile that pprof, Pyroscope and Parca read: profile.proto, gzipped.

Samples whose stacks and labels are the same objects are one. Everything that came from the target is text here, made harmless for a terminal.
"""

from typing import Any, Dict, Iterable, List, Optional, Sequence, Tuple

from ..escapes import readable
from ..judge.profile import TYPES, Sample
from ..judge.spots import Extent, Spot
from ..target.base import Frame
from .pprof_schema import new_profile
from .sanitize import clean

_ALIVE, _UNJOINED = 0, 1  # in TYPES


class _Profile:
    def __init__(self) -> None:
        self.proto = new_profile()
        self._strings: Dict[str, int] = {"": 0}
        self._texts: Dict[str, int] = {}  # as they came -> index
        self._labels: Dict[Tuple[str, str], Tuple[int, int]] = {}
        self._functions: Dict[Tuple[str, str], int] = {}
        self._mappings: Dict[Extent, Any] = {}
        self._locations: Dict[Spot, int] = {}
        self._stacks: Dict[int, Tuple[Tuple[Spot, ...], List[int]]] = {}

    def text(self, text: str) -> int:
        """All but names of functions."""
        if text not in self._texts:
            self._texts[text] = self._string(_drawable(clean(readable(text))))
        return self._texts[text]

    def _string(self, made: str) -> int:
        return self._strings.setdefault(made, len(self._strings))

    def stack(self, spots: Tuple[Spot, ...]) -> List[int]:
        known = self._stacks.get(id(spots))
        if known is None:
            known = self._stacks[id(spots)] = spots, [self._location(spot) for spot in spots]
        return known[1]

    def _location(self, spot: Spot) -> int:
        if spot in self._locations:
            return self._locations[spot]
        number = self._locations[spot] = len(self._locations) + 1
        made = self.proto.location.add(id=number, address=spot.address)
        if spot.extent is not None:
            mapping = self.mapping(spot.extent)
            made.mapping_id = mapping.id
            # whoever has better names may look up those that are missing, of such files alone
            if not spot.frames or spot.frames[0].function is None:
                mapping.has_functions = mapping.has_filenames = False
                mapping.has_line_numbers = mapping.has_inline_frames = False
        for frame in spot.frames:
            if frame.function is not None:
                made.line.add(function_id=self._function(frame), line=frame.line or 0)
        return number

    def _function(self, frame: Frame) -> int:
        key = (frame.function or "", frame.file or "")
        if key not in self._functions:
            number = self._functions[key] = len(self._functions) + 1
            name = self._string(clean(readable(key[0])))
            self.proto.function.add(
                id=number, name=name, system_name=name, filename=self.text(key[1])
            )
        return self._functions[key]

    def mapping(self, extent: Extent) -> Any:
        if extent not in self._mappings:
            self._mappings[extent] = self.proto.mapping.add(
                id=len(self._mappings) + 1,
                memory_start=extent.start,
                memory_limit=extent.end,
                filename=self.text(extent.path),
                build_id=self.text(extent.build_id),
                **dict.fromkeys(_HAS, True),
            )
        return self._mappings[extent]

    def sample(self, sample: Sample, values: Sequence[int]) -> None:
        made = self.proto.sample.add(location_id=self.stack(sample.stack), value=values)
        add = made.label.add
        for label in sample.labels:
            known = self._labels.get(label)
            if known is None:
                known = self._labels[label] = self.text(label[0]), self.text(label[1])
            add(key=known[0], str=known[1])

    def bytes(self) -> bytes:
        import gzip

        self.proto.string_table.extend(self._strings)
        return gzip.compress(self.proto.SerializeToString(), 6, mtime=0)


_HAS = ("has_functions", "has_filenames", "has_line_numbers", "has_inline_frames")


def document(
    samples: Sequence[Sample], program: Optional[Extent], time_s: float, comments: Iterable[str]
) -> bytes:
    """`program`: its mapping, which stands first, if anything lies in it. What is shown unless somebody asks for another type
    is what nobody has joined; if there is no such thread, those that are alive."""
    profile = _Profile()
    proto = profile.proto
    for name, unit in TYPES:
        proto.sample_type.add(type=profile.text(name), unit=profile.text(unit))
    leaks = any(sample.values[_UNJOINED] for sample in samples)
    proto.default_sample_type = profile.text(TYPES[_UNJOINED if leaks else _ALIVE][0])
    proto.period_type.type = profile.text("threads")
    proto.period_type.unit = profile.text("count")
    proto.period = 1
    proto.time_nanos = int(time_s * 1e9)
    proto.comment.extend(profile.text(each) for each in comments)
    if program is not None:
        profile.mapping(program)
    for sample, values in _summed(samples):
        profile.sample(sample, values)
    return profile.bytes()


def _drawable(text: str) -> str:
    """go tool pprof (of Go 1.19) writes labels, and names of the program, of files and of source files, into quoted strings
    of Graphviz as they are: a quote, or a backslash before the closing one, would be a syntax error, and there would be
    no picture. Names of functions it writes with escapes."""
    text = text.replace('"', "'")
    return text[:-1] + "/" if text.endswith("\\") else text


def _summed(samples: Sequence[Sample]) -> Iterable[Tuple[Sample, List[int]]]:
    found: Dict[Tuple[int, int], Tuple[Sample, List[int]]] = {}
    for sample in samples:
        key = (id(sample.stack), id(sample.labels))
        if key not in found:
            found[key] = sample, list(sample.values)
            continue
        sums = found[key][1]
        for at, value in enumerate(sample.values):
            sums[at] += value
    return found.values()
