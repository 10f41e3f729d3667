# SPDX-License-Identifier: MIT
"""Why a verdict is what it is, and what to do: sentences for the threads that are shown."""

from typing import Dict, List, Optional, Sequence, Tuple

from ..read import abi
from ..read.model import Copy
from ..read.threads import ENDING, JOINING, JUST_FINISHED, STARTING, ThreadInfo
from .classes import ALIVE, CROWD, OUTLIVED, STUCK, UNJOINED, UNTRACKED
from .crowd import Crowd
from .durations import duration
from .stuck import Stuck
from .verdicts import Judge, Verdict


_CXX_LIBRARIES = ("libstdc++.so", "libc++.so")  # in which their threads begin
_CALLS = {"futex": ": a lock, a condition variable, a semaphore or the like"}


class Evidence:
    def __init__(self, judge: Judge, crowds: Sequence[Crowd] = (), stuck: Optional[Stuck] = None):
        self.judge = judge
        self.at = judge.at
        self._stuck = stuck
        self._joins: Dict[int, Dict[int, Tuple[str, int]]] = {}  # by the number of the copy
        self._crowds = {id(verdict): crowd for crowd in crowds for verdict in crowd.verdicts}

    def ago(self, ns: int) -> str:
        """ " 3 s ago", before the process was stopped; or "", if ns is 0 or that cannot be told."""
        age = self.at.now_ns - ns
        if not ns or age < 0:
            return ""
        if self.at.live:
            return f" {duration(age)} ago"
        if age < self.at.settings.settle_ms * 1_000_000:
            return ""
        return f" at least {duration(age)} before the process stopped"

    def why(self, verdict: Verdict) -> List[str]:
        thread = verdict.thread
        if verdict.class_ == STUCK and self._stuck is not None:
            return self._stuck.why(thread)
        if verdict.class_ == UNTRACKED:
            who = "the registry does not" if self.judge.at.registered else "glibc does not"
            return [
                f"The kernel has this thread, {who}: it was made by clone(), by libc"
                " itself (a timer, aio), by a library that looks past preloaded ones (jemalloc:"
                " dlsym(RTLD_NEXT)), or before the library was loaded."
            ]
        if thread.is_main:
            return ["It runs main, which nobody has to join."]
        if thread.record is None or thread.copy is None:
            return self._of_descriptor(verdict)
        if verdict.class_ == UNJOINED:
            why = self._finished(verdict, thread.record)
        elif verdict.class_ == OUTLIVED:
            why = ["It is alive" + self._after_its_time(thread.copy, thread.record) + "."]
        else:
            why = [f"It is alive{self._in_scope(thread.copy, thread.record)}."]
            if thread.state == STARTING:
                why = ["It is being created."]
        if verdict.class_ == CROWD:
            why += self._crowd(verdict)
        return why + self._details(verdict, thread.copy, thread.record)

    def _of_descriptor(self, verdict: Verdict) -> List[str]:
        """Of a thread that glibc alone knows."""
        thread = verdict.thread
        detached = thread.descriptor is not None and thread.descriptor.detached
        if verdict.class_ in (ALIVE, CROWD):
            return ["It is alive, and detached." if detached else "It is alive, and joinable."]
        if verdict.class_ == OUTLIVED:
            why = ["It is alive" + self._at_end() + "."]
            return why + ["It is detached, so nobody can wait for it."] if detached else why
        why = [
            "It finished, is joinable, and nobody joined it: its stack is still mapped, as glibc's"
            " own list of threads says."
        ]
        if verdict.waiting == JOINING:
            return why + ["Not counted yet: a thread is in its join (pthread_join)."]
        if verdict.waiting == JUST_FINISHED:
            return why + ["Not counted yet: it had just finished then."]
        why[0] += " When it finished is not known."
        if self.judge.at.registered:
            why.append("The registry does not have it: the library did not see its creation.")
        return why + self._moment()

    def _moment(self) -> List[str]:
        """What makes it sure, or unsure, that nobody is going to join a thread that has finished."""
        if self.at.settings.occasion:
            return []
        if self.at.exiting:
            return ["The process is exiting."]
        if self.at.main_finished:
            return ["The main thread finished."]
        return [] if self.at.settings.at_end else [self._midlife()]

    def _finished(self, verdict: Verdict, record: abi.Record) -> List[str]:
        how = "It called " + ("thrd_exit" if record.state & abi.C11 else "pthread_exit")
        if not record.state & abi.EXITED:
            how = "It finished"
        why = [
            f"{how}{self.ago(record.finished_ns)}, is joinable, and nobody joined it: its stack is still mapped."
        ]
        if verdict.thread.end_unseen:
            why = [
                "The kernel no longer has it although no end was seen: it left by a raw exit system"
                " call. It is joinable, and nobody joined it: its stack is still mapped."
            ]
        if verdict.waiting == JOINING:
            why.append(f"Not counted yet: it is being joined, {self._joiner(verdict)}.")
        elif (
            not self.at.live
            and self.at.now_ns - record.finished_ns < self.at.settings.settle_ms * 1_000_000
        ):
            why.append(
                "A core does not tell when the process stopped: that may have been just after, and"
                " somebody about to join it."
            )
        elif verdict.waiting == JUST_FINISHED and verdict.thread.state == ENDING:
            why.append("Not counted yet: its end was just seen, and the kernel still has it.")
        elif verdict.waiting == JUST_FINISHED:
            limit = self.at.settings.settle_ms
            why.append(f"Not counted yet: that is less than {limit} ms (--settle-ms) ago.")
        return why

    def _joiner(self, verdict: Verdict) -> str:
        thread = verdict.thread
        assert thread.record is not None and thread.copy is not None
        record = thread.record
        by = f"thread {thread.copy.name_of(record.joiner)}" if record.joiner else "a thread"
        return f"{by} began to wait{self.ago(record.join_begun_ns)}"

    def _in_scope(self, copy: Copy, record: abi.Record) -> str:
        chain = copy.scope_chain(record.scope)
        return f", and its scope `{chain[0].name}` is still open" if chain else ""

    def _after_its_time(self, copy: Copy, record: abi.Record) -> str:
        occasion = self.at.settings.occasion
        if occasion is not None:
            return occasion.over
        ended = self.judge.ended_scope(copy, record.scope) if record.scope else None
        if ended is not None:
            around = "" if ended is copy.scopes[record.scope] else " around its own"
            return f" although the scope `{ended.name}`{around} ended{self.ago(ended.ended_ns)}"
        return self._at_end()

    def _at_end(self) -> str:
        occasion = self.at.settings.occasion
        if occasion is not None:
            return occasion.over
        if self.at.exiting:
            return " although the process is exiting"
        return ", judged as at the end of the process (--at-end)"

    def _crowd(self, verdict: Verdict) -> List[str]:
        crowd, most = self._crowds.get(id(verdict)), self.at.settings.crowd
        return [f"A suspicion: {crowd.text()} (--crowd {most})."] if crowd is not None else []

    def _midlife(self) -> str:
        if self.at.live:
            return "The process goes on, so somebody may yet join it."
        return "The process was not at its end, so somebody might yet have joined it."

    def _details(self, verdict: Verdict, copy: Copy, record: abi.Record) -> List[str]:
        details = []
        ended = self.judge.ended_scope(copy, record.scope) if record.scope else None
        if verdict.class_ == UNJOINED and not verdict.waiting and not self.at.settings.occasion:
            if ended is not None:
                details.append(f"Its scope `{ended.name}` ended{self.ago(ended.ended_ns)}.")
            else:
                details += self._moment()
        if verdict.class_ == OUTLIVED and record.state & abi.DETACHED:
            details.append("It is detached, so nobody can wait for it.")
        if verdict.class_ != UNJOINED and record.join_begun_ns:
            details.append(f"It is being joined: {self._joiner(verdict)}.")
        if verdict.class_ != UNJOINED and record.state & abi.NO_END:
            details.append("Its end could not be seen.")
        return details

    def wait(self, verdict: Verdict) -> Optional[str]:
        """What the registry or the system call alone tells of it."""
        thread = verdict.thread
        joined = self._joined_by(thread)
        if joined is not None:
            return f"for the end of thread {joined[0]} (pthread_join)"
        if thread.kernel is None:
            return None
        call = self.judge.stacks.target.system_call(thread.kernel)
        return f"in {call}{_CALLS.get(call, '')}" if call is not None else None

    def join_began(self, thread: ThreadInfo) -> str:
        """ " 3 s ago": when it began to wait for the end of another; "": that is not known."""
        joined = self._joined_by(thread)
        return self.ago(joined[1]) if joined is not None else ""

    def _joined_by(self, thread: ThreadInfo) -> Optional[Tuple[str, int]]:
        """Id of the thread that this one is joining, and since when."""
        if thread.copy is None or thread.record is None:
            return None
        return self._joins_of(thread.copy).get(thread.record.id)

    def _joins_of(self, copy: Copy) -> Dict[int, Tuple[str, int]]:
        """By the id of the thread that joins."""
        if copy.number not in self._joins:
            found: Dict[int, Tuple[str, int]] = {}
            records = copy.records
            pairs = zip(records.column("joiner"), records.column("join_begun_ns"), records.ids)
            for joiner, began, id in pairs:
                if began:
                    found.setdefault(joiner, (copy.name_of(id), began))
            self._joins[copy.number] = found
        return self._joins[copy.number]

    def fix(self, verdict: Verdict) -> Optional[str]:
        if verdict.class_ == STUCK and self._stuck is not None:
            return self._stuck.fix(verdict.thread)
        if verdict.class_ == UNTRACKED:
            return "Load the library when the program starts (LD_PRELOAD), so that it sees all creations."
        kind = verdict.thread.kind
        if kind is None or verdict.class_ == ALIVE or verdict.waiting:
            return None
        if verdict.class_ == CROWD:
            return "If they should have ended: tell them to end, and join them; else a rule can expect them."
        copy = verdict.thread.copy
        join, detach = self._calls(verdict)
        if verdict.class_ == UNJOINED:
            return f"Join it where it is created ({join}), or detach it there ({detach})."
        in_scope = copy is not None and self.judge.ended_scope(copy, kind.scope) is not None
        until = "before its scope ends" if in_scope else "before the process ends"
        occasion = self.at.settings.occasion
        until = until if occasion is None else occasion.until
        if kind.state & abi.DETACHED:
            return f"Make it joinable, tell it to end, and join it {until}."
        return f"Tell it to end, and join it ({join}), {until}."

    def _calls(self, verdict: Verdict) -> Tuple[str, str]:
        """The functions that join and detach such a thread, as whoever made it would write them."""
        kind = verdict.thread.kind
        if kind is not None and kind.state & abi.C11:
            return "thrd_join", "thrd_detach"
        files = self.judge.values.value(verdict.thread, "module")[-1:]
        if any(each.startswith(_CXX_LIBRARIES) for each in files):
            return "std::thread::join", "std::thread::detach"
        return "pthread_join", "pthread_detach"
