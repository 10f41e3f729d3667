/* SPDX-License-Identifier: MIT
 *
 * A program that knows nothing of threadleak.
 */
#include "../threads.h"

int main(void)
{
    leave_unjoined();
}
