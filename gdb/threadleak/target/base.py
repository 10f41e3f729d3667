# SPDX-License-Identifier: MIT
"""What the engine asks of a target, whoever reads it: GDB, or the probe.

A target is one look at a process: a core file or a stopped process, which does not change meanwhile, or one
that runs on while it is looked at (`moves`).
"""

from typing import (
    TYPE_CHECKING,
    Callable,
    Dict,
    FrozenSet,
    Iterable,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Protocol,
    Sequence,
    Tuple,
)

if TYPE_CHECKING:
    from .imports import Imports
    from .sidecar import Found


def base_name(path: Optional[str]) -> str:
    """The file's name without its folder; "" where the file is not known."""
    return (path or "").rsplit("/", 1)[-1]


class TargetError(Exception):
    """Something cannot be told; one sentence for the user says what and why."""


class Thread(NamedTuple):
    """A thread that the kernel has."""

    tid: int  # as the debugger numbers it
    own_tid: int  # as the process itself sees it, in its own PID namespace


class Frame(NamedTuple):
    """A place in code. What is not known is None."""

    pc: int
    function: Optional[str] = None
    module: Optional[str] = None  # path of the ELF file
    offset: Optional[int] = None  # address in that file
    file: Optional[str] = None
    line: Optional[int] = None


class LoadedFile(NamedTuple):
    """An ELF file that was loaded at some time."""

    name: str
    start: int
    end: int
    bias: int  # address in memory less address in the file
    build_id: str  # hexadecimal, may be empty


# What a pc is, for symbolize(): a return address, so that the call lies in front of it; an instruction that is
# being executed; or where a function begins.
RETURN, EXACT, START = range(3)


class CurrentStack(NamedTuple):
    """Where a thread is, or many are."""

    frames: Tuple[
        Tuple[int, int], ...
    ]  # (pc, RETURN or EXACT), innermost first, inlined ones not counted
    end: str  # why the outer frames are missing, or ""


class SystemCall(NamedTuple):
    """The one that a thread is blocked in, as its registers tell."""

    number: int
    arguments: Tuple[
        int, ...
    ]  # six, unsigned 64 bits each; those that the call does not have are anything
    pc: int
    sp: int


def one_by_one(
    read: Callable[[int, int], bytes], addresses: Iterable[int], size: int
) -> Iterator[Optional[bytes]]:
    """Target.read_each() by its read()."""
    for address in addresses:
        try:
            yield read(address, size)
        except TargetError:
            yield None


class Region(NamedTuple):
    """Addresses."""

    start: int
    end: int


class Target(Protocol):
    """Every method raises TargetError where it cannot answer."""

    kind: str  # "process" or "core"
    pid: Optional[int]
    exe: Optional[str]
    machine: int  # e_machine (elf.h): EM_X86_64 is 62, EM_AARCH64 183
    moves: bool  # it is alive and was not stopped: it has gone on since it was read
    blurred: bool  # a core that was made while the process ran on: not of one moment

    @property
    def unwinder(self) -> str:
        """Who reads stacks."""

    @property
    def core(self) -> Optional[str]:
        """Path of the core file."""

    @property
    def local_pid(self) -> Optional[int]:
        """The pid by which /proc of this machine knows it; None: a core, or a process elsewhere."""

    @property
    def host(self) -> Optional[str]:
        """Name of the machine, or of the container, that it runs on; None: not known, as of most cores."""

    @property
    def beside(self) -> "Found":
        """The sidecar of a core file."""

    def steady(self) -> FrozenSet[int]:
        """Of a `blurred` core, tids of threads that did not run from before any of it was read until all was."""

    def own_pid(self) -> int:
        """The pid as the process sees it, in its own PID namespace, as far as that can be told."""

    def now_ns(self) -> Optional[int]:
        """CLOCK_MONOTONIC of the process at the latest moment at which it is known to have run; None: not
        known, as in a core."""

    def limits(self) -> List[str]:
        """Sentences that say what this target cannot tell: a truncated core, for one."""

    def read(self, address: int, size: int) -> bytes:
        """All of it, across adjacent mappings, or an error."""

    def read_each(self, addresses: Sequence[int], size: int) -> Iterable[Optional[bytes]]:
        """The same at each of many addresses; None where not all of it can be read."""

    def symbol(self, name: str) -> List[int]:
        """The addresses of a data symbol, as far as symbol tables tell: of one copy or of more. Those that a
        library exports to its like alone (GLIBC_PRIVATE) are found too."""

    def writable_regions(self, of_file: bool) -> Iterable[Region]:
        """Memory that the process can write, adjacent mappings joined: private copies of a file's pages,
        as .data is, or all other."""

    def threads(self) -> List[Thread]:
        """Reads no registers."""

    def thread_name(self, thread: Thread) -> Optional[str]:
        ...

    def number_of(self, thread: Thread) -> Optional[int]:
        """The debugger's own number of the thread."""

    def pthread_of(self, thread: Thread) -> Optional[int]:
        """Its pthread_t: on x86-64 the fs base, so this reads registers."""

    def current_stacks(self, threads: Sequence[Thread], limit: int) -> List[CurrentStack]:
        """One a thread, of at most `limit` frames; equal ones may be one object. A thread whose stack cannot be
        read has none, and `end` says why."""

    def read_stacks(self, limit: int) -> None:
        """Those of all threads, so that current_stacks() gives them as they are now."""

    def release(self) -> None:
        """Whatever must be of one moment has been read: a process that was stopped for this may go on."""

    def state_of(self, thread: Thread) -> str:
        """ "running", "blocked" in the kernel, or "alive" if that cannot be told."""

    def system_call(self, thread: Thread) -> Optional[str]:
        """Name of the one that the thread is blocked in; None: it is in none, or that cannot be told."""

    def system_calls(
        self, threads: Sequence[Thread], again: bool = False
    ) -> List[Optional[SystemCall]]:
        """One a thread, as it was when it was looked at first or its stack was read, whichever was later; with
        `again` as it is now. None: it is in none, it is gone, or that cannot be told. TargetError: never.
        """

    def symbolize(self, pc: int, what: int) -> List[Frame]:
        """The function at `pc`, preceded by those that are inlined there; never empty. What `pc` is: RETURN,
        EXACT or START, which gives the function alone, where it is declared."""

    def symbolize_gone(self, module: LoadedFile, pc: int, what: int) -> List[Frame]:
        """The same by the file of a module in which `pc` lay, and which may be mapped no more. Never by another
        build; empty: no file is known to be that one."""

    def local_function(self, pc: int, what: int) -> Optional[str]:
        """Of a function that symbolize() has no name for: by the calls that lead there, whose part it is."""

    def data_symbol(self, address: int) -> Optional[str]:
        """Name of the variable or vtable that `address` lies in, demangled."""

    def data_name(self, address: int) -> Optional[str]:
        """Name of the object at `address`, of a global or static variable and the member or element of it:
        "cache.lock", "pool.shards[3].mutex"; "cache.ready+0x20" where none begins there. Without debug
        information, and in system libraries, by the symbol table: "cache+0x40". None: heap, stack, or not
        known."""

    def module_at(self, pc: int) -> Optional[str]:
        """Path of the ELF file that is mapped there."""

    def files(self) -> Dict[str, Optional[str]]:
        """Path -> build-id of the ELF files that symbolize() takes names from."""

    def imports(self, names: Sequence[str]) -> "Imports":
        """Which of these functions some file of the process takes from another one, or, if it is static, has."""
