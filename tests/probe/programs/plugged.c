/* SPDX-License-Identifier: MIT
 *
 * A library that chains.cc loads.
 */
void plugged(void (*function)(void));

static __attribute__((noinline)) void inside(void (*function)(void))
{
    function(); /* here: inside */
    __asm__ volatile("");
}

void plugged(void (*function)(void))
{
    inside(function);
    __asm__ volatile("");
}
