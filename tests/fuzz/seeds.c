/* SPDX-License-Identifier: MIT
 *
 * seeds.c - writes the cores that fuzzing starts from into the folder that is named: valid ones, a few KiB
 * each. What fuzzing has found is in tests/fuzz/corpus.
 */
#include <stdio.h>
#include <stdlib.h>

#include "core_image.h"

static struct core_image image;
static const char *folder;

static void save(const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
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
    return 0;
}
