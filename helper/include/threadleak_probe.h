/* SPDX-License-Identifier: MIT
 *
 * threadleak_probe.h - libthreadleak-probe.so: the threads, memory, stacks and names of a core file or of a
 * live process, fast. Mechanisms only: it says what is there, never what it means.
 *
 * A probe is one look at one target. What a function returns belongs to the probe and stays valid until
 * threadleak_probe_close. A probe must not be used by two threads at a time; different probes may. Functions
 * that can fail return NULL or -1, and threadleak_probe_error then gives one sentence for people.
 *
 * A core file is untrusted: every offset and count in it is checked. A live process is not stopped unless
 * THREADLEAK_PROBE_STOP says so: nothing that it does returns early, and it loses no time.
 *
 * Fixed-width structs, little-endian 64-bit targets (x86-64, aarch64); strings end with a zero byte.
 * Since version 0.2.0.
 */
#ifndef THREADLEAK_PROBE_H
#define THREADLEAK_PROBE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default) /* the library hides all else */

/* Changes when a struct or a function here does: the caller compares it with threadleak_probe_abi(). */
#define THREADLEAK_PROBE_ABI 4u

struct threadleak_probe;

unsigned threadleak_probe_abi(void);

/* Why the last call on this thread failed. Never NULL. Valid until the next call on this thread. */
const char *threadleak_probe_error(void);

/* ---- opening ------------------------------------------------------------------------------------- */

/* `program`: the ELF file of the program, or NULL: it is found from the core (NT_AUXV, NT_FILE, build-id). */
struct threadleak_probe *threadleak_probe_open_core(const char *core, const char *program);

/* Flags of threadleak_probe_open_process. STOP: every thread is stopped by ptrace (PTRACE_SEIZE), its
 * registers are read, and the process stands still until threadleak_probe_resume or _close, and no longer
 * than we live. A thread of our own does that. Without it only /proc and process_vm_readv are used. */
#define THREADLEAK_PROBE_STOP 0x1u
/* Somebody else, a debugger, keeps the process stopped: nothing moves, and no ptrace is tried. Registers
 * that /proc does not tell are given by threadleak_probe_set_registers. */
#define THREADLEAK_PROBE_STOPPED 0x2u

struct threadleak_probe *threadleak_probe_open_process(int pid, unsigned flags);

/* Lets a process that THREADLEAK_PROBE_STOP stopped go on. What was found stays; memory is from then on read
 * as it is then, and a look is one without a stop. Does nothing otherwise. */
void threadleak_probe_resume(struct threadleak_probe *probe);

/* NULL is allowed. */
void threadleak_probe_close(struct threadleak_probe *probe);

/* ---- what it is ---------------------------------------------------------------------------------- */

enum { THREADLEAK_PROBE_CORE = 1, THREADLEAK_PROBE_PROCESS = 2 };

struct threadleak_probe_info {
    uint32_t kind;       /* THREADLEAK_PROBE_CORE or _PROCESS */
    uint32_t machine;    /* e_machine of elf(5) */
    uint32_t pid;        /* as we see it; of a core what its notes say; 0: not known */
    uint32_t own_pid;    /* as the process sees itself, in its own PID namespace */
    uint64_t missing;    /* core: bytes that its headers promise behind the end of the file */
    uint64_t stopped_ns; /* how long THREADLEAK_PROBE_STOP kept the process still, once it goes on again */
    uint32_t thread_count;
    uint32_t module_count;
    const char *program; /* path of the program's file, also of a deleted one; NULL: not found */
    const char *command; /* command name: core: of NT_PRPSINFO; process: its comm; NULL: not known */
};

const struct threadleak_probe_info *threadleak_probe_info(struct threadleak_probe *probe);

/* ---- threads ------------------------------------------------------------------------------------- */

enum {
    THREADLEAK_PROBE_ALIVE = 0,   /* not looked at, or it cannot be told */
    THREADLEAK_PROBE_RUNNING = 1, /* in user space, or ready to run */
    THREADLEAK_PROBE_BLOCKED = 2, /* in a system call */
};

struct threadleak_probe_thread {
    uint32_t tid;     /* as we see it; of a core what its notes say */
    uint32_t own_tid; /* as the process sees it */
    uint32_t state;   /* THREADLEAK_PROBE_ALIVE and so on */
    uint32_t stack;   /* index + 1 for threadleak_probe_stack; 0: not unwound */
    uint64_t pthread; /* glibc's pthread_t (x86-64: the fs base); 0: not known, or not asked for */
    uint64_t sp;      /* 0: not known: it runs, or was not looked at */
    uint64_t pc;
    int64_t syscall; /* number, of a thread that is BLOCKED; else -1 */
    uint64_t arguments[6];
};

/* info->thread_count of them: without flags as the kernel lists them, at no further cost: state ALIVE in a
 * live process that is not stopped, and no registers. */
const struct threadleak_probe_thread *threadleak_probe_threads(struct threadleak_probe *probe);

/* Reads state, sp, pc and system call of one thread, or, with `index` THREADLEAK_PROBE_ALL, of all that were
 * not looked at yet. 0, or -1: that thread is gone. */
#define THREADLEAK_PROBE_ALL 0xffffffffu
int threadleak_probe_look(struct threadleak_probe *probe, uint32_t index);

/* Its pthread_t; 0: not known. Of a live process that is not stopped it is searched for on the thread's
 * stack, when it is asked for first; a thread of which sp is not known is looked at for that. */
uint64_t threadleak_probe_pthread(struct threadleak_probe *probe, uint32_t index);

/* Its name, or NULL: cores have none, except those that `threadleak snapshot` made. */
const char *threadleak_probe_thread_name(struct threadleak_probe *probe, uint32_t index);

/* All registers of a thread of a THREADLEAK_PROBE_STOPPED process, by DWARF number, those that `known` has a
 * bit for. Its stack has to be unwound again. */
int threadleak_probe_set_registers(struct threadleak_probe *probe, uint32_t index, const uint64_t *values,
                                   uint32_t count, uint64_t known);

/* ---- memory and data symbols --------------------------------------------------------------------- */

/* Reads up to `size` bytes; returns how many from `address` on could be read, 0 if none. Across adjacent
 * segments; pages of mapped files that a core lacks come from the file, if that is still the same build. */
size_t threadleak_probe_read(struct threadleak_probe *probe, uint64_t address, void *buffer, size_t size);

/* The same at each of `count` addresses, `size` bytes each, behind each other in `buffer`. Sets `whole[i]` to
 * 1 if all of them could be read; else to 0, and what the buffer holds of them means nothing. */
void threadleak_probe_read_each(struct threadleak_probe *probe, const uint64_t *addresses, uint32_t count,
                                size_t size, void *buffer, uint8_t *whole);

/* Addresses of a data symbol of that name, in any module's symbol table; at most `most`. */
int threadleak_probe_find_symbol(struct threadleak_probe *probe, const char *name, uint64_t *addresses,
                                 uint32_t most);

/* The variable, vtable or function that `address` lies in, demangled, or NULL. */
const char *threadleak_probe_symbol_at(struct threadleak_probe *probe, uint64_t address);

/* The object at `address`: a global or static variable, demangled, and the member or element of it, by debug
 * information: "cache.lock", "app::pool.shards[3].mutex", "run(int)::once". What is the compiler's or the
 * language's library's own is not looked into: "cache.mutex", not "cache.mutex._M_mutex". Where no object
 * begins there: "cache.ready+0x20". Without debug information, and in system libraries, by the symbol table:
 * "cache+0x40". NULL: in no module, as on heap and stacks, or not known. The first call reads what variables
 * a module has. */
const char *threadleak_probe_variable_at(struct threadleak_probe *probe, uint64_t address);

/* ---- modules ------------------------------------------------------------------------------------- */

/* An ELF file that is mapped into the target. */
struct threadleak_probe_module {
    uint64_t start;       /* of its first mapping */
    uint64_t end;         /* after its last mapping */
    uint64_t bias;        /* address in memory less address in the file */
    const char *path;     /* as the target names it */
    const char *file;     /* the file that names are taken from; NULL: none, or it is another build */
    const char *build_id; /* hexadecimal, of what is mapped, as far as memory tells, else of `file`; or "" */
    uint32_t is_system;   /* lies in a system folder (/lib, /usr/lib, ...) or is the vDSO */
    uint32_t is_other;    /* a file is there, but it is not the build that was mapped */
};

/* info->module_count of them, by address. Opens each file, to compare build-ids. */
const struct threadleak_probe_module *threadleak_probe_modules(struct threadleak_probe *probe);

/* ---- stacks -------------------------------------------------------------------------------------- */

/* Why a stack has no further frames. */
enum {
    THREADLEAK_PROBE_COMPLETE = 0, /* the outermost frame was reached */
    THREADLEAK_PROBE_CUT = 1,      /* no unwind rule, or memory or a register that cannot be read */
    THREADLEAK_PROBE_LIMIT = 2,    /* there are more */
    THREADLEAK_PROBE_RUNS = 3,     /* it runs: without a stop nothing is known of it */
    THREADLEAK_PROBE_MOVED = 4,    /* it ran on while it was being read, each time */
    THREADLEAK_PROBE_GONE = 5,     /* the thread has ended meanwhile */
};

/* A distinct stack, of one thread or of many. A frame is a pc, with THREADLEAK_PROBE_EXACT where the pc is
 * that of an instruction that is being executed or that the kernel made the next one (the innermost frame,
 * whatever a signal interrupted, and what a signal's handler returns to); without it the pc is a return
 * address. Innermost first, inlined functions not counted. */
#define THREADLEAK_PROBE_EXACT (UINT64_C(1) << 63)

struct threadleak_probe_stack {
    const uint64_t *frames;
    uint32_t count;
    uint32_t end; /* THREADLEAK_PROBE_COMPLETE and so on */
};

/* Unwinds one thread, or with THREADLEAK_PROBE_ALL all; at most `limit` frames each (1 to 65536). Sets
 * threads[].stack, and looks at the threads. In a live process that is not stopped a stack is accepted only
 * if its thread did not run meanwhile: same system call, same run count. 0 or -1. */
int threadleak_probe_unwind(struct threadleak_probe *probe, uint32_t index, uint32_t limit);

/* The stacks found so far; `*count` of them. Equal ones are one. The array moves with the next unwind. */
const struct threadleak_probe_stack *threadleak_probe_stacks(struct threadleak_probe *probe, uint32_t *count);

/* ---- names of code ------------------------------------------------------------------------------- */

struct threadleak_probe_frame {
    /* Demangled, with arguments, without the return type; NULL: not known. Without arguments where only DWARF
     * knows it and gives no mangled name: extern "C", Rust, and static or local functions that are inlined.
     * Of several names at one address the one with the fewest underscores in front, then the shortest. */
    const char *function;
    const char *file;    /* absolute where the compiler said in which folder it ran; NULL: not known */
    uint32_t line;       /* 0: not known */
    uint32_t is_inlined; /* into the next one */
};

/* Flags of threadleak_probe_symbolize. RETURN: `pc` is a return address, the call lies in front of it. START:
 * it is where a function begins: that function alone, with the line of its declaration. LINES: lines of
 * system libraries too, whose tables take tens of milliseconds to read. */
#define THREADLEAK_PROBE_RETURN 0x1u
#define THREADLEAK_PROBE_START 0x2u
#define THREADLEAK_PROBE_LINES 0x4u

/* The functions inlined at `pc`, innermost first, and the one that they are in: their number, never 0.
 * Cached by pc. A local function of a stripped system library that exactly one exported function calls is
 * named after that: "sem_wait [local]". */
int threadleak_probe_symbolize(struct threadleak_probe *probe, uint64_t pc, unsigned flags,
                               const struct threadleak_probe_frame **frames);

/* For the names in a file that the target of `probe` had mapped once, and may have no more: a library after
 * dlclose. Of `module` these say how it was: start, end, bias, path (absolute, as the target names it) and
 * build_id. The probe that is returned has this module alone, no threads and no memory, and is closed for
 * itself. NULL: no file with that build-id is at the path or in a debug folder. */
struct threadleak_probe *threadleak_probe_open_gone(struct threadleak_probe *probe,
                                                    const struct threadleak_probe_module *module);

/* ---- snapshot ------------------------------------------------------------------------------------ */

struct threadleak_probe_snapshot {
    uint64_t size;       /* bytes of the file */
    uint64_t memory;     /* bytes of memory in it */
    uint32_t threads;    /* in it */
    uint32_t without_sp; /* of these: those that ran, whose registers and stack are not in it */
    uint64_t stopped_ns; /* how long the process stood still */
};

/* Memory that a snapshot is to hold in any case: [address, address + size). `bytes`: what it holds there,
 * since a registry that changes while it is read takes a reader who knows how; NULL: it is read from the
 * process. */
struct threadleak_probe_range {
    uint64_t address;
    uint64_t size;
    const void *bytes;
};

/* Writes a small ELF core of a live process to `path`: registers as far as they are known, the used part of
 * each stack, TLS and thread descriptors, data of modules, and `count` ranges; names of threads and open
 * files in a note of our own. GDB opens it. A process that is stopped goes on as soon as its memory is
 * written. -1: there is no new file, and `path` is as it was. */
int threadleak_probe_snapshot(struct threadleak_probe *probe, const char *path,
                              const struct threadleak_probe_range *ranges, uint32_t count,
                              struct threadleak_probe_snapshot *result);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif
#endif
