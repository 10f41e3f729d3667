/* SPDX-License-Identifier: MIT
 *
 * A shared library whose destructor calls back what the program gave it, if anything.
 */
static void (*at_end)(void);

void destroying_call(void (*function)(void));

void destroying_call(void (*function)(void))
{
    at_end = function;
}

__attribute__((destructor)) static void destructor(void)
{
    if (at_end)
        at_end();
}
