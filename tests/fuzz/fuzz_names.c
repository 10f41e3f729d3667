/* SPDX-License-Identifier: MIT
 *
 * fuzz_names.c - any bytes as the name of a symbol. For libFuzzer, with ASan and UBSan; libstdc++, which
 * demangles C++, is as it is installed.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "demangle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct demangler demangler;
    char *name = strndup((const char *)data, size);
    demangler.spent_us = 0;
    char *demangled = demangle(&demangler, name), *rust = demangle_rust(name);
    if ((demangled && (!*demangled || strlen(demangled) >= DEMANGLED_MAX)) || (rust && strlen(rust) > size))
        abort();
    free(demangled);
    free(rust);
    free(drop_return_type(name)); /* as if it was demangled */
    return 0;
}
