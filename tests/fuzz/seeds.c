/* SPDX-License-Identifier: MIT
 *
 * seeds.c - writes what fuzzing starts from into the folder that is named: valid cores, a few KiB each, and
 * names of symbols. On x86-64. What fuzzing has found is in tests/fuzz/corpus.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <ucontext.h>

#include "core_image.h"

static struct core_image image;
static const char *folder;

static void save(const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/cores/%s", folder, name);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(image.bytes, 1, image.size, file) != image.size || fclose(file) != 0) {
        perror(path);
        exit(1);
    }
}

/* Little memory: what is in it tells nothing, and each byte is one that is changed in vain. */
static void put_memory(void)
{
    image_segment(&image, IMAGE_MEMORY, "0123456789abcdef", 16);
    image_segment(&image, IMAGE_MEMORY + 16, "ghijklmn", 8);
    image_segment(&image, IMAGE_STACK + 0x100, "a stack of words", 16);
}

static void finish(const char *name)
{
    put_memory();
    image_end(&image);
    save(name);
}

static void many_segments(void)
{
    Elf64_Shdr section = {.sh_info = 4};
    image_process(&image, EM_X86_64);
    put_memory();
    image_end(&image);
    image_header(&image)->e_phnum = PN_XNUM;
    image_header(&image)->e_shoff = image.size;
    image_put(&image, &section, sizeof section);
    save("pn_xnum");
}

/* Around the stack pointer of the first thread, not in order. */
static void overlapping(void)
{
    image_process(&image, EM_X86_64);
    image_segment(&image, IMAGE_STACK + 0x108, "abcdefghijklmnop", 16);
    image_segment(&image, IMAGE_STACK + 0x100, "0123456789abcdef", 16);
    image_segment(&image, IMAGE_STACK + 0x104, "within", 6);
    image_segment(&image, IMAGE_STACK + 0x118, "adjacent", 8);
    image_end(&image);
    save("overlapping");
}

/* ---- of this process ----------------------------------------------------------------------------- */

/* NT_FILE as the kernel writes it. */
static __attribute__((noinline)) void put_mappings(void)
{
    uint64_t content[3 * 64 + 2] = {0, 4096};
    char paths[4096] = "", line[1024];
    size_t count = 0, length = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps && count < 64 && fgets(line, sizeof line, maps)) {
        unsigned long start, end, offset;
        char path[512];
        if (sscanf(line, "%lx-%lx %*s %lx %*s %*s %511s", &start, &end, &offset, path) != 4 || *path != '/' ||
            length + strlen(path) + 1 > sizeof paths)
            continue;
        memcpy(content + 2 + 3 * count, (uint64_t[]){start, end, offset / 4096}, 3 * sizeof *content);
        memcpy(paths + length, path, strlen(path) + 1);
        length += strlen(path) + 1;
        count++;
    }
    if (maps)
        fclose(maps);
    content[0] = count;
    size_t rows = (2 + 3 * count) * sizeof *content;
    char *note = malloc(rows + length);
    memcpy(note, content, rows);
    memcpy(note + rows, paths, length);
    image_note(&image, "CORE", NT_FILE, note, (uint32_t)(rows + length));
    free(note);
}

/* In the order of struct user_regs_struct, of which segments are left out. */
static __attribute__((noinline)) void put_thread(uint32_t tid, const ucontext_t *context, uint64_t pc)
{
    static const int order[] = {REG_R15, REG_R14, REG_R13, REG_R12, REG_RBP, REG_RBX, REG_R11, REG_R10,
                                REG_R9,  REG_R8,  REG_RAX, REG_RCX, REG_RDX, REG_RSI, REG_RDI};
    uint8_t status[PRSTATUS_X86_64] = {0};
    uint64_t registers[27] = {0};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        registers[i] = (uint64_t)context->uc_mcontext.gregs[order[i]];
    registers[X86_64_ORIG_RAX] = UINT64_MAX;
    registers[X86_64_RIP] = pc;
    registers[X86_64_RSP] = (uint64_t)context->uc_mcontext.gregs[REG_RSP];
    memcpy(status + PRSTATUS_TID, &tid, sizeof tid);
    memcpy(status + PRSTATUS_REGISTERS, registers, sizeof registers);
    image_note(&image, "CORE", NT_PRSTATUS, status, sizeof status);
}

/* Its stack, with frames of this program and of libc above them; the vDSO, whose unwind rules only memory
 * has; and a thread that is in there. */
static __attribute__((noinline)) void this_process(void)
{
    ucontext_t context;
    uint64_t vdso = getauxval(AT_SYSINFO_EHDR);
    getcontext(&context);
    uint64_t sp = (uint64_t)context.uc_mcontext.gregs[REG_RSP];
    image_begin(&image, EM_X86_64);
    put_thread(1, &context, (uint64_t)context.uc_mcontext.gregs[REG_RIP]);
    image_auxv(&image, getauxval(AT_PHDR), vdso);
    put_mappings();
    put_thread(2, &context, vdso + 0xa00);
    image_segment(&image, getauxval(AT_PHDR) & ~UINT64_C(4095),
                  (const void *)(getauxval(AT_PHDR) & ~UINT64_C(4095)), 4096);
    image_segment(&image, sp, (const void *)(uintptr_t)sp, 2048);
    image_segment(&image, vdso, (const void *)(uintptr_t)vdso, 8192);
    image_end(&image);
    save("this_process");
}

static void names(void)
{
    static const char *const mangled[] = {
        "_ZNKSt6vectorIiSaIiEE4sizeEv",
        "_Z3runIiEiT_",
        "_ZN5outerclIPFivEEEDTclfp_EET_",
        "_ZN3foo3barcvPKcEv",
        "_ZNSt6threadC2IRFvvEJEvEEOT_DpOT0_",
        "_GLOBAL__sub_I_main",
        "_ZN4core3fmt9Formatter9write_str17h0123456789abcdefE",
        "_ZN45_$LT$T$u20$as$u20$alloc..string..ToString$GT$9to_string17h0123456789abcdefE",
        /* much out of little: by references, members of packs, and parsing twice */
        "_Z1f1A1BIS_S_E1BIS1_S1_E1BIS3_S3_E1BIS5_S5_E1BIS7_S7_E1BIS9_S9_E1BISB_SB_E1BISD_SD_E1BISF_SF_E",
        "_Z1fIJEEv1A1BIS0_S0_E1BIS2_S2_E1BIS4_S4_EDpS6_",
        "_Z1fIJiiiiiiiiEEvDpFvDpFvDpT_EE",
        "_ZN1AcvT_IN1AcvT_IN1AcvT_IN1AcvT_IiEEEEEEEE",
        "_Z1fIJiiiiEEDTspfp_Ezspsz_ZT_DpT_",
        "std::vector<int> outer<(anonymous namespace)::inner>::operator()<char const*>(char) "
        "const::{lambda()#1}",
    };
    char path[4096];
    for (size_t i = 0; i < sizeof mangled / sizeof *mangled; i++) {
        snprintf(path, sizeof path, "%s/names/%zu", folder, i);
        FILE *file = fopen(path, "wb");
        if (!file || fputs(mangled[i], file) < 0 || fclose(file) != 0) {
            perror(path);
            exit(1);
        }
    }
}

int main(int count, char **arguments)
{
    if (count != 2) {
        fprintf(stderr, "usage: seeds FOLDER\n");
        return 64;
    }
    folder = arguments[1];
    image_process(&image, EM_X86_64);
    finish("x86_64");
    image_process(&image, EM_AARCH64);
    image_segment(&image, 0x40100c, "\x01\x00\x00\xd4\x1f\x20\x03\xd5", 8);
    finish("aarch64");
    image_snapshot(&image, 100);
    finish("snapshot");
    many_segments();
    overlapping();
    this_process();
    names();
    return 0;
}
