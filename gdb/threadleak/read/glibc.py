# SPDX-License-Identifier: MIT
"""glibc's own lists of threads: every thread that has a stack, so also each that finished and was not joined.

Needs no library of ours in the process, and no symbols but those that a stripped libc has. The lists are two rings: of stacks that glibc made, and of stacks that the program gave, among which is main's
(nptl/allocatestack.c). A thread leaves its ring when it is joined, or ends detached.

A process that runs on changes the rings while they are read, and memory may hold anything: a node counts only if it
says of itself that it is one, a ring that does not close is read again and from its other end, and no walk is longer
than the threads that Linux can have.
"""

from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from ..target.base import Target, TargetError
from .descriptor import TID_MAX, Descriptor
from .glibc_layout import Fields, heads, read_layout, unknown

TRIES = 4  # of a ring that changes while it is read
_EXITING = 0x10  # EXITING_BITMASK
# `joinstate`, since 2.43. The kernel sets it to EXITED when the thread is gone; before, it set `tid` to 0.
EXITED, _JOINABLE, _DETACHED = 0, 2, 3
_POINTER = 8
_VERSION_SIZE = 16


class _Walk(NamedTuple):
    found: Dict[int, Descriptor]  # by pthread_t
    breaks_off: Optional[int]  # address where the ring does not go on


class Glibc:
    """TargetError if the target has no glibc whose layout is known."""

    def __init__(self, target: Target):
        self._target = target
        self.layout = read_layout(target)
        offsets = self.layout.offsets
        self.tid_offset = offsets["tid"]
        self.heads = heads(target)
        self.version = _version(target)
        self._threads: Optional[Dict[int, Descriptor]] = None
        self._linked: Dict[int, bool] = {}
        self.breaks_off: Optional[int] = None  # address where threads() could not go on
        self.has_states = self._check()
        self._word = offsets["state" if self.has_states else "tid"]

    def _check(self) -> bool:
        """Whether descriptors have a join state. The rings must close around their heads, and hold a thread."""
        firsts: List[int] = []
        for head in self.heads:
            following, before = self.link(head)
            if self.link(following)[1] != head or self.link(before)[0] != head:
                if not self._target.moves:
                    raise unknown(f"the list of threads at {head:#x} is no ring")
            firsts += [node for node in (following, before) if node != head]
        fields = [self._fields(node - self.layout.offsets["link"]) for node in firsts]
        alive = [each for each in fields if each is not None and each.tid > 0]
        if not any(fields):
            raise unknown("the lists hold no thread")
        votes = {_JOINABLE <= each.state <= _DETACHED for each in alive}
        if len(votes) == 1:
            return votes.pop()
        return _is_at_least(self.version, (2, 42, 9000))

    def link(self, node: int) -> Tuple[int, int]:
        """Addresses of the next node and the one before."""
        data = self._target.read(node, 2 * _POINTER)
        return int.from_bytes(data[:_POINTER], "little"), int.from_bytes(data[_POINTER:], "little")

    def threads(self) -> List[Descriptor]:
        """All of both lists, as one walk found them; `breaks_off` tells if there may be more."""
        if self._threads is None:
            self._threads = {}
            for head in self.heads:
                walk = self._walk(head)
                self._threads.update(walk.found)
                self.breaks_off = self.breaks_off or walk.breaks_off
        return list(self._threads.values())

    def _walk(self, head: int) -> _Walk:
        for _ in range(TRIES if self._target.moves else 1):
            walk = self._follow(head, "link")
            if walk.breaks_off is None:
                return walk
        # from the other end; what was found from both is what can be had
        back = self._follow(head, "previous")
        return _Walk({**walk.found, **back.found}, walk.breaks_off)

    def _follow(self, head: int, way: str) -> _Walk:
        found: Dict[int, Descriptor] = {}
        link, node = self.layout.offsets["link"], head
        try:
            node = self.link(head)[way == "previous"]
            while node != head:
                pthread = node - link
                fields = self._fields(pthread)
                if fields is None or pthread in found or len(found) >= TID_MAX:
                    return _Walk(_kept(found), node)
                found[pthread] = self._descriptor(pthread, fields)
                node = fields.link if way == "link" else fields.previous
        except TargetError:
            return _Walk(_kept(found), node)
        return _Walk(_kept(found), None)

    def _fields(self, pthread: int) -> Optional[Fields]:
        """None: no descriptor lies there."""
        layout = self.layout
        try:
            data = self._target.read(pthread + layout.first, layout.struct.size)
        except TargetError:
            return None
        return layout.unpack(data, pthread)

    def _descriptor(self, pthread: int, fields: Fields) -> Descriptor:
        state, tid = fields.state, fields.tid
        detached = state == pthread
        if self.has_states:
            detached = state == _DETACHED
            tid = 0 if state == EXITED and tid > 0 else tid
        stack = fields.stack
        return Descriptor(
            pthread,
            tid,
            detached,
            fields.start,
            fields.argument,
            fields.result if tid == 0 else None,
            stack,
            fields.stack_size if stack else 0,
            fields.guard_size if stack else 0,
            stack != 0 and fields.user_stack == self.layout.own_stack,
            bool(fields.cancelhandling & _EXITING),
        )

    def descriptor(self, pthread: int) -> Descriptor:
        """As it is now, whether it is on a list or not: a tid below 0 is that of a thread that was joined."""
        fields = self._fields(pthread)
        if fields is None:
            raise TargetError(f"there is no descriptor of a thread at {pthread:#x}")
        return self._descriptor(pthread, fields)

    def descriptors(self, pthreads: Sequence[int]) -> Dict[int, Descriptor]:
        """What threads() has of these, by pthread_t, without the walk: of a pthread_t that is on no list, anything."""
        layout, found = self.layout, {}
        for pthread, data in zip(pthreads, self._read_each(pthreads, layout.struct.size)):
            fields = layout.unpack(data, pthread) if data is not None else None
            if fields is not None:
                found[pthread] = self._descriptor(pthread, fields)
        return _kept(found)

    def _read_each(self, pthreads: Sequence[int], size: int) -> Iterable[Optional[bytes]]:
        first = self.layout.first
        return self._target.read_each([pthread + first for pthread in pthreads], size)

    def unjoined_starts(self, pthreads: Sequence[int]) -> Iterator[Optional[int]]:
        """What each finished thread that is still there to be joined began with; 0: there is none; None: memory does
        not tell."""
        # what a core does not hold may have been there
        unreadable = None if self._target.kind == "core" else 0
        end, has_self, has_states = self.layout.end, self.layout.has_self, self.has_states
        for pthread, data in zip(pthreads, self._read_each(pthreads, end.size)):
            if data is None:
                yield unreadable
                continue
            own, tid, state, start = end.unpack(data)
            has_ended = state == EXITED if has_states else tid == 0
            is_one = own == pthread or not has_self
            yield start if is_one and has_ended and state != pthread and tid >= 0 else 0

    def join_word(self, pthread: int) -> int:
        """The futex word on which a join of that thread waits."""
        return pthread + self._word

    def joined_at(self, word: int) -> Optional[int]:
        """The thread whose end is awaited at that futex word; None: none's is."""
        pthread = word - self._word
        if pthread not in self._linked:
            self._linked[pthread] = self._is_linked(pthread)
        return pthread if self._linked[pthread] else None

    def _is_linked(self, pthread: int) -> bool:
        if self._threads is not None and pthread in self._threads:
            return True
        if pthread <= 0 or pthread % _POINTER:
            return False
        fields = self._fields(pthread)
        try:
            node = pthread + self.layout.offsets["link"]
            return fields is not None and (
                self.link(fields.link)[1] == node == self.link(fields.previous)[0]
            )
        except TargetError:
            return False


def _kept(found: Dict[int, Descriptor]) -> Dict[int, Descriptor]:
    """Without those that are being given back: joined, or detached and gone. Their nodes lead on all the same."""
    return {
        pthread: each
        for pthread, each in found.items()
        if each.tid > 0 or (each.tid == 0 and not each.detached)
    }


def _version(target: Target) -> str:
    """2.36, or empty."""
    for address in target.symbol("__nptl_version"):
        try:
            text = target.read(address, _VERSION_SIZE).split(b"\0", 1)[0].decode("ascii")
        except (TargetError, UnicodeDecodeError):
            continue
        if all(part.isdecimal() for part in text.split(".")):
            return text
    return ""


def _is_at_least(version: str, wanted: Iterable[int]) -> bool:
    return tuple(map(int, version.split("."))) >= tuple(wanted) if version else False


_latest: List[Tuple[Target, Optional[Glibc], str]] = []  # one look at a time


def glibc_of(target: Target) -> Glibc:
    """One a target. TargetError as Glibc raises it."""
    if not _latest or _latest[0][0] is not target:
        glibc, why = None, ""
        try:
            glibc = Glibc(target)
        except TargetError as error:
            why = str(error)
        _latest[:] = [(target, glibc, why)]
    _, glibc, why = _latest[0]
    if glibc is None:
        raise TargetError(why)
    return glibc
