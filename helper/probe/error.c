/* SPDX-License-Identifier: MIT */
#include "error.h"

#include <stdarg.h>
#include <stdio.h>

#include "threadleak_probe.h"

static __thread char sentence[512] = "no call has failed";

void probe_error(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
}

const char *threadleak_probe_error(void)
{
    return sentence;
}
